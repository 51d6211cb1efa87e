"""RouteLLM's measures of a router between a weak and a strong model: APGR, CPT50 and CPT80.

As in routellm/evals/benchmarks.py and evaluate.py: the thresholds are the deciles of the router's
scores, each gives a share of strong calls and an accuracy, and APGR is the area under that curve
over the weak model's accuracy, as a share of the strong model's area over it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_BINS = 10
_DRAWS = 50

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Outcomes:
    """Right (1) or wrong (0) of both models, question by question."""

    weak: Floats
    strong: Floats


@dataclass(frozen=True, slots=True)
class Quality:
    """``apgr`` is 0.5 for chance. ``cpt50`` and ``cpt80`` are the shares of strong calls that win
    50% and 80% of the gap between the models."""

    apgr: float
    cpt50: float
    cpt80: float

    @property
    def cells(self) -> list[str]:
        return [f"{self.apgr:.3f}", f"{self.cpt50:.0%}", f"{self.cpt80:.0%}"]


HEADER = ("APGR", "CPT50", "CPT80")


def quality(scores: Sequence[float] | Floats, seen: Outcomes) -> Quality:
    """Of a router that sends the questions with the highest ``scores`` to the strong model."""
    shares, accuracies = curve(np.asarray(scores, dtype=np.float64), seen)
    weak, strong = float(seen.weak.mean()), float(seen.strong.mean())
    area = float(np.trapezoid(accuracies, shares))
    width = float(shares[-1] - shares[0])

    def calls(part: float) -> float:
        return float(np.interp(weak + part * (strong - weak), accuracies, shares))

    return Quality((area - weak * width) / ((strong - weak) * width), calls(0.5), calls(0.8))


def curve(scores: Floats, seen: Outcomes) -> tuple[Floats, Floats]:
    """Shares of strong calls, ascending, and the accuracy at each."""
    thresholds = np.quantile(scores, np.linspace(0, 1, _BINS + 1))
    points = []
    for place, threshold in enumerate(thresholds):
        to_strong = scores > threshold if place == _BINS else scores >= threshold
        accuracy = np.where(to_strong, seen.strong, seen.weak).mean()
        points.append((float(to_strong.mean()), float(accuracy)))
    points.sort()
    return np.array([share for share, _ in points]), np.array([right for _, right in points])


def chance(seen: Outcomes) -> Quality:
    """The mean of routers that draw lots, with fixed seeds."""
    draws = [
        quality(np.random.default_rng(seed).random(len(seen.weak)), seen) for seed in range(_DRAWS)
    ]

    def mean(of: Callable[[Quality], float]) -> float:
        return float(np.mean([of(each) for each in draws]))

    return Quality(mean(lambda q: q.apgr), mean(lambda q: q.cpt50), mean(lambda q: q.cpt80))
