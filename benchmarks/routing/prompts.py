"""From the prompt alone: which questions need the strong model, on MMLU and GSM8K."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from benchmarks.routing import apgr
from benchmarks.routing.data import Row, load
from benchmarks.routing.tables import Table
from hybrid_coordinator.routing.classification.classify import classify

_FILES = {"MMLU": "mmlu_dev", "GSM8K": "gsm8k_dev"}


def measure(data: Path) -> Table:
    """APGR, CPT50 and CPT80 on both."""
    rows: dict[str, list[str]] = {}
    header = ["router"]
    for name, file in _FILES.items():
        questions = load(data, file)
        seen = outcomes(questions)
        header += [f"{name} {measure}" for measure in apgr.HEADER]
        prompts = [str(row["prompt"]) for row in questions]
        for router, found in _routers(prompts, seen):
            rows.setdefault(router, [router]).extend(found)
    note = (
        "Weak is Mixtral-8x7B, strong GPT-4. Always one model is no curve: its APGR is 0 or 1 by "
        "definition, at 0% or 100% of strong calls. **Ours was fitted on the very questions of the "
        "open half**, so its figures here are in-sample; those of the section `history` are not."
    )
    return Table("From the prompt alone", header, list(rows.values()), note)


def outcomes(rows: Sequence[Row]) -> apgr.Outcomes:
    """What both models got right."""
    return apgr.Outcomes(
        np.array([bool(row["weak_correct"]) for row in rows], dtype=np.float64),
        np.array([bool(row["strong_correct"]) for row in rows], dtype=np.float64),
    )


def _routers(prompts: Sequence[str], seen: apgr.Outcomes) -> list[tuple[str, list[str]]]:
    ours = [classify(prompt).score for prompt in prompts]
    return [
        ("random", apgr.chance(seen).cells),
        ("always weak", ["0", "", ""]),
        ("always strong", ["1", "100%", "100%"]),
        ("prompt length", apgr.quality([float(len(each)) for each in prompts], seen).cells),
        ("**ours**", apgr.quality(ours, seen).cells),
    ]
