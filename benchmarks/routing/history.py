"""With history: how much is gained from knowing how both models did on other questions.

Ours is the same model as the shipped prior, fitted on four fifths of the outcomes and asked about
the rest, by the text alone. The prior of the domain is the mean gain of the other questions of the
same subject of MMLU: a label that no real prompt carries, and that ours is not given.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.routing import apgr
from benchmarks.routing.data import load
from benchmarks.routing.tables import Table
from hybrid_coordinator.routing.classification.prior import Question
from scripts.router_training.examples import Questions, questions
from scripts.router_training.judges import RECIPES, cross_validated, read

_SETS = {
    "MMLU": ("mmlu_dev", Question.CHOICE),
    "GSM8K": ("gsm8k_dev", Question.PROBLEM),
}
_SHRINKAGE = 5.0
"""Questions that the mean of all counts as, in that of a domain."""


def measure(data: Path) -> Table:
    """APGR, CPT50 and CPT80, cross-validated."""
    header = ["router"]
    rows: dict[str, list[str]] = {}
    for name, (file, question) in _SETS.items():
        header += [f"{name} {measured}" for measured in apgr.HEADER]
        asked = questions(data, file)
        seen = apgr.Outcomes(asked.weak, asked.strong)
        texts = [read(prompt, RECIPES[question]) for prompt in asked.prompts]
        lengths = [float(len(prompt)) for prompt in asked.prompts]
        ours = cross_validated(texts, asked.gain, RECIPES[question], asked.fold)
        found = {
            "random": apgr.chance(seen).cells,
            "always weak": ["0", "", ""],
            "always strong": ["1", "100%", "100%"],
            "prompt length": apgr.quality(lengths, seen).cells,
            "prior of the domain (its label given)": ["", "", ""],
            "**ours**": apgr.quality(ours, seen).cells,
        }
        if name == "MMLU":
            domains = [str(row["domain"]) for row in load(data, file)]
            prior = _by_domain(asked, np.unique(domains, return_inverse=True)[1])
            found["prior of the domain (its label given)"] = apgr.quality(prior, seen).cells
        for router, cells in found.items():
            rows.setdefault(router, [router]).extend(cells)
    return Table("With history, cross-validated in five folds", header, list(rows.values()))


def _by_domain(asked: Questions, domain: NDArray[np.intp]) -> NDArray[np.float64]:
    prior = np.zeros(len(domain))
    for fold in np.unique(asked.fold):
        others = asked.fold != fold
        total = np.bincount(domain[others], asked.gain[others], domain.max() + 1)
        count = np.bincount(domain[others], minlength=domain.max() + 1)
        means = (total + _SHRINKAGE * asked.gain[others].mean()) / (count + _SHRINKAGE)
        prior[~others] = means[domain[~others]]
    return prior
