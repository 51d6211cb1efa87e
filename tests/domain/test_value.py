"""The value score: its weights, bounds and order."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hybrid_coordinator.domain.interactions import OutcomeKind
from hybrid_coordinator.domain.value import (
    WEIGHTS,
    ValueComponents,
    feedback_component,
    outcome_component,
    value_score,
)

fractions = st.floats(0, 1)
components = st.builds(ValueComponents, fractions, fractions, fractions, fractions, fractions)


def test_weights_are_those_of_the_contract_and_sum_to_one() -> None:
    assert WEIGHTS == {
        "outcome": 0.4,
        "feedback": 0.2,
        "reusability": 0.2,
        "complexity": 0.1,
        "novelty": 0.1,
    }
    assert math.fsum(WEIGHTS.values()) == 1.0


@pytest.mark.parametrize(
    ("kind", "expected"), [("success", 1), ("partial", 0.5), ("failure", 0), ("unknown", 0)]
)
def test_outcome_component(kind: str, expected: float) -> None:
    assert outcome_component(OutcomeKind(kind)) == expected


@pytest.mark.parametrize(("feedback", "expected"), [(-1, 0), (0, 0.5), (1, 1)])
def test_feedback_component(feedback: int, expected: float) -> None:
    assert feedback_component(feedback) == expected


@given(components)
def test_score_is_a_fraction(parts: ValueComponents) -> None:
    assert 0 <= value_score(parts) <= 1


def test_score_reaches_both_ends_and_hits_the_threshold_exactly() -> None:
    assert value_score(ValueComponents(0, 0, 0, 0, 0)) == 0
    assert value_score(ValueComponents(1, 1, 1, 1, 1)) == 1
    assert value_score(ValueComponents(1, 1, 0, 0, 1)) == 0.7


@given(components, st.sampled_from(sorted(WEIGHTS)), fractions)
def test_score_never_falls_when_a_component_rises(
    parts: ValueComponents, name: str, other: float
) -> None:
    low, high = sorted((other, parts.as_dict()[name]))
    assert value_score(replace(parts, **{name: low})) <= value_score(replace(parts, **{name: high}))


@given(components)
def test_a_failure_never_reaches_the_threshold(parts: ValueComponents) -> None:
    failed = replace(parts, outcome=outcome_component(OutcomeKind.FAILURE))
    assert value_score(failed) < 0.7
