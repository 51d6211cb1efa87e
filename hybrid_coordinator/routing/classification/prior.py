"""The shipped prior: weights of signs and words, fitted on open data; see ``PRIOR.md``.

``scripts/train_router.py`` writes its two files, ``prior.json`` and ``prior.bin``.
"""

from __future__ import annotations

import json
import math
from array import array
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from importlib import resources

from hybrid_coordinator.routing.classification.grams import BUCKETS

WEIGHTS_FILE = "prior.json"
GRAMS_FILE = "prior.bin"


class Question(StrEnum):
    """What the prior answers about a text."""

    TASK = "task"
    """The need of the strongest model for a task: 0 simple, 0.5 moderate, 1 complex."""
    REASONING = "reasoning"
    """Whether a task is a proof or a derivation: 0 or 1."""
    CHOICE = "choice"
    """By how much the strong model is more often right than the weak one, for a choice."""
    PROBLEM = "problem"
    """The same for a problem in words."""


@dataclass(frozen=True, slots=True)
class Judge:
    """A linear model: ``bias``, named ``measures``, and one byte a bucket of words (or none),
    of which ``scale`` makes a weight. ``steps`` are thresholds of measures, each with what it
    adds where the measure is above it: what makes a question hard has its range."""

    bias: float
    measures: Mapping[str, float]
    scale: float
    grams: Sequence[int]
    steps: Mapping[str, Sequence[tuple[float, float]]]

    def judge(self, measures: Mapping[str, float], buckets: Sequence[int]) -> float:
        """The answer for a text with these signs and buckets."""
        known = self.measures
        total = self.bias + sum(known.get(name, 0.0) * seen for name, seen in measures.items())
        for name, steps in self.steps.items():
            seen = measures.get(name, 0.0)
            total += sum(weight for threshold, weight in steps if seen > threshold)
        if self.grams and buckets:
            grams = self.grams
            total += self.scale * sum([grams[each] for each in buckets]) / math.sqrt(len(buckets))
        return total


@cache
def load_prior() -> Mapping[Question, Judge]:
    """The shipped judges, read once."""
    folder = resources.files(__package__)
    tables = folder.joinpath(GRAMS_FILE).read_bytes()
    listed = json.loads(folder.joinpath(WEIGHTS_FILE).read_text(encoding="utf-8"))
    judges = {}
    for name, weights in listed.items():
        grams = array("b")
        if weights["table"] is not None:
            grams.frombytes(tables[weights["table"] * BUCKETS :][:BUCKETS])
        judges[Question(name)] = Judge(
            weights["bias"], weights["measures"], weights["scale"], grams, weights["steps"]
        )
    return judges
