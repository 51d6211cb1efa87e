"""Fit the prior of the classification on open, labelled prompts.

    python -m scripts.train_router --data DIR [--target FOLDER]

DIR holds ``routing/*.jsonl.gz`` (benchmarks/routing/data.py says where they are from). Writes
prior.json, prior.bin and PRIOR.md into FOLDER (default: the package's classification folder).
Nothing is drawn at random; it takes a minute on one core.
"""

from __future__ import annotations

import argparse
import json
from array import array
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from benchmarks.routing import apgr
from hybrid_coordinator.routing.classification.prior import (
    GRAMS_FILE,
    WEIGHTS_FILE,
    Judge,
    Question,
)
from scripts.router_training import examples
from scripts.router_training.judges import RECIPES, cross_validated, fit, read

TARGET = Path(__file__).parents[1] / "hybrid_coordinator/routing/classification"
CARD_FILE = "PRIOR.md"
CARD = Path(__file__).parent / "router_training" / "card.md"

_MODERATE, _COMPLEX = 0.25, 0.75
_PROOF = 0.5


def main(arguments: Sequence[str] | None = None) -> None:
    """Fit, measure, write."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, metavar="DIR")
    parser.add_argument("--target", type=Path, default=TARGET, metavar="FOLDER")
    given = parser.parse_args(arguments)
    judges: dict[Question, Judge] = {}
    figures: dict[str, str] = {}
    labels = examples.tier_labels(given.data)
    need = np.array([examples.NEED[tier] for tier in labels.tiers])
    proof = np.array([float(tier == "REASONING") for tier in labels.tiers])
    answers = {}
    for question, wanted in ((Question.TASK, need), (Question.REASONING, proof)):
        texts = [read(prompt, RECIPES[question]) for prompt in labels.prompts]
        answers[question] = cross_validated(texts, wanted, RECIPES[question], labels.fold)
        judges[question] = fit(texts, wanted, RECIPES[question])
    figures |= _accuracies(labels, answers)
    for question, name in ((Question.CHOICE, "mmlu_dev"), (Question.PROBLEM, "gsm8k_dev")):
        asked = examples.questions(given.data, name)
        texts = [read(prompt, RECIPES[question]) for prompt in asked.prompts]
        found = cross_validated(texts, asked.gain, RECIPES[question], asked.fold)
        reached = apgr.quality(found, apgr.Outcomes(asked.weak, asked.strong))
        figures[f"APGR, {name}"] = f"{reached.apgr:.3f}"
        judges[question] = fit(texts, asked.gain, RECIPES[question])
    _write(given.target, judges, figures)
    for name, figure in figures.items():
        print(f"{name}: {figure}")


def _accuracies(labels: examples.Labels, answers: Mapping[Question, np.ndarray]) -> dict[str, str]:
    level = np.digitize(answers[Question.TASK], (_MODERATE, _COMPLEX))
    tier = np.where(answers[Question.REASONING] >= _PROOF, 3, level)
    wanted = np.array([examples.TIERS.index(each) for each in labels.tiers])
    english = np.array([each == "en" for each in labels.languages])
    right = tier == wanted
    return {
        "tier of four, all languages": f"{right.mean():.3f}",
        "tier of four, English": f"{right[english].mean():.3f}",
        "complexity of three, all languages": f"{(level == np.minimum(wanted, 2)).mean():.3f}",
    }


def _write(target: Path, judges: Mapping[Question, Judge], figures: Mapping[str, str]) -> None:
    listed: dict[str, object] = {}
    tables = array("b")
    place = 0
    for question, judge in judges.items():
        listed[question] = {
            "bias": judge.bias,
            "measures": judge.measures,
            "scale": judge.scale,
            "table": place if judge.grams else None,
            "steps": judge.steps,
        }
        if judge.grams:
            tables.extend(judge.grams)
            place += 1
    weights = json.dumps(listed, indent=1, ensure_ascii=False)
    (target / WEIGHTS_FILE).write_text(f"{weights}\n", encoding="utf-8")
    (target / GRAMS_FILE).write_bytes(tables.tobytes())
    rows = "\n".join(f"| {name} | {figure} |" for name, figure in figures.items())
    card = CARD.read_text(encoding="utf-8").replace("{figures}", rows)
    (target / CARD_FILE).write_text(card, encoding="utf-8")


if __name__ == "__main__":
    main()
