"""Projected costs: bounds, proportion, and the two ends of the mix."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hybrid_coordinator.domain.saving import DayCost, Mix, Range, day_cost, project

amounts = st.floats(0, 1e6)
shares = st.floats(0, 1)
mixes = st.builds(Mix, amounts, amounts, amounts, shares)


@given(mixes, st.floats(0, 100), st.integers(1, 400))
def test_no_cost_is_negative_and_routing_never_costs_more(mix: Mix, usd: float, days: int) -> None:
    span = project(day_cost(mix, usd), days)
    assert span.all_remote.usd >= span.with_routing.usd >= 0
    assert span.saved.usd >= 0
    assert span.saved_share is None or 0 <= span.saved_share <= 1 + 1e-9


@given(amounts, shares, st.floats(0, 100), st.integers(1, 50))
def test_cost_is_in_proportion_to_requests_and_days(
    requests: float, share: float, usd: float, factor: int
) -> None:
    once = project(day_cost(Mix(requests, 1, 1, share), usd), 30)
    more = project(day_cost(Mix(requests * factor, 1, 1, share), usd), 30)
    longer = project(day_cost(Mix(requests, 1, 1, share), usd), 30 * factor)
    for other in (more, longer):
        assert other.with_routing.usd == pytest.approx(once.with_routing.usd * factor)
        assert other.all_remote.usd == pytest.approx(once.all_remote.usd * factor)


@given(amounts, st.floats(0.001, 100))
def test_the_ends_of_the_mix(requests: float, usd: float) -> None:
    nothing = project(day_cost(Mix(requests, 1, 1, 0.0), usd), 30)
    assert (nothing.with_routing, nothing.saved.usd) == (nothing.all_remote, 0)
    everything = project(day_cost(Mix(requests, 1, 1, 1.0), usd), 30)
    assert everything.with_routing.usd == 0
    assert everything.saved == everything.all_remote


@given(st.lists(st.builds(DayCost, amounts, amounts), min_size=2, max_size=30), amounts)
def test_a_range_holds_its_middle_and_nothing_below_zero(days: list[DayCost], usd: float) -> None:
    middle = project(DayCost(usd, usd), 30, days).all_remote
    assert middle.low is not None
    assert middle.high is not None
    assert 0 <= middle.low <= middle.usd <= middle.high


def test_days_that_are_alike_leave_no_doubt_and_one_day_tells_nothing() -> None:
    day = DayCost(2.0, 0.5)
    month = project(day, 30, [day] * 5)
    assert month.all_remote == Range(60.0, 60.0, 60.0)
    assert month.saved == Range(45.0, 45.0, 45.0)
    assert month.saved_share == 0.75
    assert project(day, 30, [day]).all_remote == Range(60.0)


def test_a_range_by_hand() -> None:
    # Variance 2 over two days; a month of 30 of them, whose mean is known from two.
    month = project(DayCost(2.0, 0.0), 30, [DayCost(1.0, 0.0), DayCost(3.0, 0.0)])
    half = 1.645 * (2 * 30 * 16) ** 0.5
    assert month.all_remote.high == pytest.approx(60 + half)
    assert month.all_remote.low == pytest.approx(60 - half)
