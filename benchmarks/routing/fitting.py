"""Logistic regression, and what a set of probabilities is worth."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

_STEPS = 30
_BINS = 10


def fit(features: Floats, right: Floats, *, ridge: float = 1.0) -> Floats:
    """Weights by Newton's method: the intercept, then one a column; only these are held small."""
    with_start = np.column_stack([np.ones(len(features)), features])
    hold = np.diag([0.0] + [ridge] * features.shape[1])
    weights = np.zeros(with_start.shape[1])
    for _ in range(_STEPS):
        chance = 1 / (1 + np.exp(-with_start @ weights))
        slope = with_start.T @ (right - chance) - hold @ weights
        curve = (with_start * (chance * (1 - chance))[:, None]).T @ with_start + hold
        weights = weights + np.linalg.solve(curve, slope)
    return weights


def probabilities(features: Floats, weights: Floats) -> Floats:
    """Of being right, row by row."""
    return np.asarray(1 / (1 + np.exp(-(weights[0] + features @ weights[1:]))), dtype=np.float64)


def folds(count: int, parts: int, seed: int) -> Iterator[NDArray[np.bool_]]:
    """Masks of the rows held out, each row once."""
    place = np.random.default_rng(seed).permutation(count) % parts
    for part in range(parts):
        yield place == part


def auc(scores: Sequence[float] | Floats, right: Floats) -> float:
    """The share of pairs of a right and a wrong answer in which the right one scores higher."""
    given = np.asarray(scores, dtype=np.float64)
    good, bad = given[right > 0], given[right == 0]
    higher = (good[:, None] > bad).mean() + 0.5 * (good[:, None] == bad).mean()
    return float(higher)


@dataclass(frozen=True, slots=True)
class Bin:
    """Answers whose confidence is in one tenth: their number, its mean, and the share right."""

    start: float
    count: int
    confidence: float
    right: float


def bins(confidence: Floats, right: Floats) -> list[Bin]:
    """The tenths that have answers, lowest first."""
    place = np.minimum((confidence * _BINS).astype(int), _BINS - 1)
    return [
        Bin(
            number / _BINS,
            int((place == number).sum()),
            float(confidence[place == number].mean()),
            float(right[place == number].mean()),
        )
        for number in range(_BINS)
        if (place == number).any()
    ]


def calibration_error(found: Sequence[Bin]) -> float:
    """The mean distance of confidence and share right, each tenth by its answers (ECE)."""
    total = sum(each.count for each in found)
    return sum(each.count * abs(each.confidence - each.right) for each in found) / total
