"""The tier of labelled prompts, cross-validated with near-duplicates in one fold.

Our tier of four is read from the classification so: REASONING where ``reasoning`` is true, else
SIMPLE, MEDIUM or COMPLEX for a complexity of simple, moderate or complex. "Of three" counts
REASONING as COMPLEX: both go to the strongest tier.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.routing.tables import Table
from hybrid_coordinator.domain.route import Complexity
from hybrid_coordinator.routing.classification.classify import classify
from hybrid_coordinator.routing.classification.prior import Question
from scripts.router_training.examples import NEED, TIERS, Labels, tier_labels
from scripts.router_training.judges import RECIPES, Read, cross_validated, read

_BOUNDS = (0.25, 0.75)
_PROOF = 0.5
_LEVELS = list(Complexity)

Tiers = NDArray[np.intp]


def measure(data: Path) -> Table:
    """Accuracy for English, for all languages, and of three."""
    labels = tier_labels(data)
    wanted = np.array([TIERS.index(tier) for tier in labels.tiers])
    english = np.array([language == "en" for language in labels.languages])
    languages = np.unique(labels.languages, return_inverse=True)[1]

    def row(name: str, found: Tiers) -> list[str]:
        right, level = found == wanted, np.minimum(found, 2) == np.minimum(wanted, 2)
        shares = (right[english].mean(), right.mean(), level[english].mean(), level.mean())
        return [name, *(f"{share:.3f}" for share in shares)]

    lots = np.random.default_rng(0).integers(0, len(TIERS), len(wanted))
    rows = [
        row("random", lots),
        row("always MEDIUM", np.full(len(wanted), TIERS.index("MEDIUM"))),
        row("prompt length", _by_length(labels, wanted)),
        row("**ours**, cross-validated", _fitted(labels, labels.fold)),
        row("ours, each language by the others", _fitted(labels, languages)),
        row("ours as shipped (fitted on all of these)", _shipped(labels.prompts)),
    ]
    note = (
        "UncommonRoute's own rules reach .846 and litellm .366 on the English ones. The prompts "
        "are handwritten and of few patterns; a high score means little by itself."
    )
    header = ["router", "English", "all", "English, of three", "all, of three"]
    return Table(f"The tier of {len(wanted):,} labelled prompts", header, rows, note)


def _fitted(labels: Labels, fold: NDArray[np.intp]) -> Tiers:
    need = np.array([NEED[tier] for tier in labels.tiers])
    proof = np.array([float(tier == "REASONING") for tier in labels.tiers])
    texts: list[Read] = [read(prompt, RECIPES[Question.TASK]) for prompt in labels.prompts]
    needed = cross_validated(texts, need, RECIPES[Question.TASK], fold)
    proven = cross_validated(texts, proof, RECIPES[Question.REASONING], fold)
    return np.where(proven >= _PROOF, 3, np.digitize(needed, _BOUNDS))


def _shipped(prompts: Sequence[str]) -> Tiers:
    seen = [classify(prompt) for prompt in prompts]
    return np.array([3 if each.reasoning else _LEVELS.index(each.complexity) for each in seen])


def _by_length(labels: Labels, wanted: Tiers) -> Tiers:
    """Each prompt gets the tier that is most frequent at its length in the other folds."""
    size = np.minimum([len(prompt) // 5 for prompt in labels.prompts], 60)
    found = np.zeros(len(wanted), dtype=np.intp)
    for fold in np.unique(labels.fold):
        counts = np.zeros((int(size.max()) + 1, len(TIERS)))
        others = labels.fold != fold
        np.add.at(counts, (size[others], wanted[others]), 1)
        found[~others] = counts.argmax(axis=1)[size[~others]]
    return found
