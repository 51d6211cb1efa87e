"""How much an interaction is worth learning from: a weighted mean of five components."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass

from hybrid_coordinator.domain.interactions import OutcomeKind

WEIGHTS = {
    "outcome": 0.4,
    "feedback": 0.2,
    "reusability": 0.2,
    "complexity": 0.1,
    "novelty": 0.1,
}
"""What happened (outcome and feedback) weighs 0.6 and what we guess from the texts 0.4, so no
failure without a thumb up comes near a success, however interesting its text."""

_OUTCOMES = {
    OutcomeKind.SUCCESS: 1.0,
    OutcomeKind.PARTIAL: 0.5,
    OutcomeKind.FAILURE: 0.0,
    OutcomeKind.UNKNOWN: 0.0,
}

_DIGITS = 6
"""Scores are rounded so that 0.4 + 0.2 + 0.1 is 0.7 and not a float above or below it."""


@dataclass(frozen=True, slots=True)
class ValueComponents:
    """What a value is made of, each in 0-1."""

    outcome: float
    feedback: float
    reusability: float
    complexity: float
    novelty: float

    def as_dict(self) -> dict[str, float]:
        """The components by name."""
        return asdict(self)


def outcome_component(kind: OutcomeKind) -> float:
    """1 for a success, 0.5 for a partial one, 0 for a failure and for an unknown outcome."""
    return _OUTCOMES[kind]


def feedback_component(feedback: int) -> float:
    """The user's -1, 0 or 1 as 0, 0.5 or 1: silence lies half-way."""
    return (feedback + 1) / 2


def value_score(components: ValueComponents) -> float:
    """The weighted mean, in 0-1."""
    values = components.as_dict()
    return round(math.fsum(weight * values[name] for name, weight in WEIGHTS.items()), _DIGITS)
