"""What showing changed: right on known figures, careful with few, and not fooled by strata."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hybrid_coordinator.domain.credit import Arm, Stratum
from hybrid_coordinator.learning.uplift import uplift, wilson


def stratum(shown: tuple[float, float], withheld: tuple[float, float]) -> Stratum:
    """Of (successes, interactions)."""
    return Stratum(*(Arm(int(total), total, success) for success, total in (shown, withheld)))


def test_one_stratum_is_newcombes_tenth_method():
    # Newcombe (1998), table II, rows a and c.
    found = uplift([stratum((56, 70), (48, 80))])
    assert (found.low, found.high) == pytest.approx((0.0524, 0.3339), abs=5e-5)
    found = uplift([stratum((6, 7), (2, 7))])
    assert (found.low, found.high) == pytest.approx((0.0582, 0.8062), abs=5e-5)


def test_a_difference_that_is_sure_is_identified():
    found = uplift([stratum((80, 100), (10, 40))])
    assert found.difference == pytest.approx(0.55)
    assert found.identifiable
    assert found.words == "+0.55 (+0.37 to +0.68) by showing it"
    harm = uplift([stratum((5, 100), (20, 40))])
    assert harm.identifiable
    assert harm.high is not None
    assert harm.high < 0


def test_what_spans_zero_is_not():
    found = uplift([stratum((50, 100), (20, 40))])
    assert not found.identifiable
    assert found.words.startswith("not identifiable yet: +0.00 (-0.18")


@pytest.mark.parametrize("few", [[], [stratum((9, 9), (0, 4))], [stratum((9, 9), (0, 0))]])
def test_few_outcomes_say_nothing(few: list[Stratum]):
    found = uplift(few)
    assert not found.identifiable
    assert "where 5 of each are needed" in found.words


def test_strata_are_compared_within():
    # Easy calls hold back seldom, hard ones often: pooled, showing would seem to help.
    easy, hard = stratum((90, 100), (9, 10)), stratum((2, 10), (20, 100))
    assert uplift([easy, hard]).difference == pytest.approx(0)
    pooled = uplift([stratum((92, 110), (29, 110))])
    assert pooled.identifiable
    assert not uplift([easy, hard]).identifiable


def test_larger_strata_weigh_more():
    # By n1 n2 / (n1 + n2): 9.09 and 1.82.
    found = uplift([stratum((90, 100), (5, 10)), stratum((10, 20), (1, 2))])
    assert found.difference == pytest.approx(0.4 * 5 / 6)


def test_unsure_outcomes_widen_the_interval():
    sure = uplift([Stratum(Arm(50, 50, 40), Arm(50, 50, 20))])
    unsure = uplift([Stratum(Arm(50, 25, 20), Arm(50, 25, 10))])
    assert sure.difference == unsure.difference
    assert unsure.low < sure.low < sure.high < unsure.high


@given(st.floats(0, 1), st.floats(0.01, 1e6))
def test_wilsons_interval_holds_the_rate(rate: float, weight: float):
    low, high = wilson(rate * weight, weight)
    assert 0 <= low <= rate + 1e-9
    assert rate - 1e-9 <= high <= 1


def test_the_interval_covers_the_truth_as_often_as_it_says():
    draws = random.Random(5)
    covered = 0
    for _ in range(1000):
        strata = []
        for base, held in ((0.8, 10), (0.3, 20)):
            shown = sum(draws.random() < base + 0.1 for _ in range(90))
            without = sum(draws.random() < base for _ in range(held))
            strata.append(stratum((shown, 90), (without, held)))
        found = uplift(strata)
        assert found.low is not None
        covered += found.low <= 0.1 <= found.high
    assert covered >= 930
