"""What an identity may do, and how often."""

from __future__ import annotations

import pytest

from hybrid_coordinator.domain.access import LOCAL, Identity, Scope
from hybrid_coordinator.domain.rates import TokenBucket
from hybrid_coordinator.errors import AccessDeniedError, InvalidArgumentError

ONE = Identity("alice", Scope.WRITE, frozenset({"shop"}), "t")
TWO = Identity("alice", Scope.READ, frozenset({"shop", "inn"}), "t")
ALL = Identity("alice", Scope.ADMIN, None, "t")


def test_each_scope_includes_those_below_it() -> None:
    for higher, lower in ((Scope.ADMIN, Scope.WRITE), (Scope.WRITE, Scope.READ)):
        assert higher.includes(lower)
        assert higher.includes(higher)
        assert not lower.includes(higher)
    ONE.require(Scope.READ, "it")
    with pytest.raises(AccessDeniedError, match="it needs a token of scope admin; this one has wr"):
        ONE.require(Scope.ADMIN, "it")
    LOCAL.require(Scope.ADMIN, "it")


def test_a_project_is_ones_own_or_not() -> None:
    assert [each.own("shop") for each in (ONE, TWO, ALL, LOCAL)] == ["shop"] * 4
    for limited in (ONE, TWO):
        with pytest.raises(AccessDeniedError, match="project bakery"):
            limited.own("bakery")
        with pytest.raises(AccessDeniedError, match="project bakery"):
            limited.project("bakery")
    assert (ONE.project(None), ALL.project(None), LOCAL.project(None)) == ("shop", None, None)
    with pytest.raises(InvalidArgumentError, match="project: is required; .* inn, shop"):
        TWO.project(None)


def test_a_bucket_lets_a_burst_through_and_then_its_rate() -> None:
    now = 100.0
    bucket = TokenBucket(rate=2.0, burst=3.0, clock=lambda: now)
    assert [bucket.take() for _ in range(3)] == [0, 0, 0]
    assert bucket.take() == pytest.approx(0.5)
    assert not bucket.full
    now += 0.25
    assert bucket.take() == pytest.approx(0.25), "what is refused takes nothing"
    now += 0.25
    assert bucket.take() == 0
    now += 60
    assert bucket.full
    assert [bucket.take() > 0 for _ in range(4)] == [False, False, False, True]
