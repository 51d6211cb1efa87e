"""Circuit breakers: what opens them, who is let through, and what closes them again."""

from __future__ import annotations

import asyncio
import random

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, rule

from hybrid_coordinator.errors import (
    ConnectionCutError,
    EmptyAnswerError,
    HybridError,
    InvalidArgumentError,
    ModelBusyError,
    ModelLoadingError,
    ModelReplyError,
    ModelUnavailableError,
)
from hybrid_coordinator.inference.breaker import (
    FAILURES_TO_OPEN,
    FIRST_COOL_DOWN,
    LONGEST_COOL_DOWN,
    Breakers,
    BreakerState,
)
from hybrid_coordinator.inference.endpoints import (
    Endpoint,
    EndpointKind,
    EndpointReport,
    EndpointState,
)

URL = "http://127.0.0.1:8080"
DOWN = ModelUnavailableError("nobody answers")


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def made() -> tuple[Breakers, Clock]:
    clock = Clock()
    return Breakers(clock=clock, jitter=random.Random(7)), clock


def fail(breakers: Breakers, error: BaseException = DOWN, times: int = 1) -> None:
    for _ in range(times):
        with pytest.raises(type(error)), breakers.watch(URL):
            raise error


def succeed(breakers: Breakers) -> None:
    with breakers.watch(URL):
        pass


def report(state: EndpointState) -> EndpointReport:
    return EndpointReport(Endpoint(EndpointKind.LLAMA_CPP, URL), state)


@pytest.mark.parametrize(
    "error",
    [DOWN, ModelReplyError("HTTP 500"), ConnectionCutError("cut"), ModelBusyError("HTTP 529")],
)
def test_two_failures_in_a_row_open_it_and_the_refusal_says_why_and_when(error: HybridError):
    breakers, _ = made()
    fail(breakers, error)
    assert breakers.admits(URL)
    fail(breakers, error)
    assert not breakers.admits(URL)
    with pytest.raises(ModelUnavailableError, match=rf"tried again in [56] s: {error}"):
        succeed(breakers)


@pytest.mark.parametrize(
    "error",
    [
        InvalidArgumentError("prompt", "too long"),
        EmptyAnswerError("nothing"),
        ModelLoadingError("loading"),
        asyncio.CancelledError(),
    ],
)
def test_what_is_not_the_endpoints_fault_does_not_count(error: BaseException):
    breakers, _ = made()
    fail(breakers, error, times=5)
    assert breakers.admits(URL)
    fail(breakers)
    fail(breakers, error)
    fail(breakers)
    assert not breakers.admits(URL), "nor does it wipe out what came before"


def test_a_success_in_between_starts_the_count_anew():
    breakers, _ = made()
    for _ in range(4):
        fail(breakers)
        succeed(breakers)
    assert breakers.admits(URL)


def test_after_the_cool_down_exactly_one_probe_goes_through():
    breakers, clock = made()
    fail(breakers, times=2)
    clock.now += 1.3 * FIRST_COOL_DOWN
    assert breakers.snapshot()[0].state is BreakerState.HALF_OPEN
    with breakers.watch(URL):
        assert not breakers.admits(URL)
        with pytest.raises(ModelUnavailableError, match="in a moment"):
            succeed(breakers)
    assert breakers.snapshot()[0].state is BreakerState.CLOSED


def test_a_probe_that_says_nothing_leaves_the_place_to_another():
    breakers, clock = made()
    fail(breakers, times=2)
    clock.now += 1.3 * FIRST_COOL_DOWN
    fail(breakers, asyncio.CancelledError())
    assert breakers.admits(URL)


def test_each_failed_probe_doubles_the_cool_down_up_to_a_bound():
    breakers, clock = made()
    fail(breakers, times=2)
    waits = []
    for _ in range(7):
        waits.append(breakers.snapshot()[0].retry_in)
        clock.now += waits[-1]
        fail(breakers)
    for wait, base in zip(waits, (5, 10, 20, 40, 60, 60, 60), strict=True):
        assert base <= wait <= 1.2 * base
    assert waits[-1] != waits[-2], "jittered"


def test_one_that_went_away_and_came_back_is_tried_at_once():
    breakers, _ = made()
    fail(breakers, times=2)
    breakers.heard([report(EndpointState.READY)])
    assert not breakers.admits(URL), "it was ready all the time, and failed"
    breakers.heard([report(EndpointState.LOADING)])
    assert not breakers.admits(URL)
    breakers.heard([report(EndpointState.READY)])
    assert breakers.admits(URL)
    fail(breakers)
    breakers.heard([report(EndpointState.READY)])
    assert not breakers.admits(URL)


def test_calls_that_began_before_it_opened_make_it_wait_no_longer():
    breakers, clock = made()
    late = [breakers.watch(URL) for _ in range(3)]
    for each in late:
        each.__enter__()
    fail(breakers, times=2)
    (before,) = breakers.snapshot()
    clock.now += 1.0
    for each in late:
        assert not each.__exit__(type(DOWN), DOWN, None)
    (after,) = breakers.snapshot()
    assert after.retry_in == pytest.approx(before.retry_in - 1.0)
    assert after.failures == 2


def test_one_that_asks_for_a_pause_gets_it():
    breakers, clock = made()
    breakers.hold(URL, 30.0, "overloaded")
    with pytest.raises(ModelUnavailableError, match="tried again in 30 s: overloaded"):
        breakers.check(URL)
    clock.now += 30.0
    succeed(breakers)
    assert breakers.snapshot()[0].state is BreakerState.CLOSED


def test_an_answer_that_was_under_way_does_not_end_the_pause():
    breakers, clock = made()
    with breakers.watch(URL):
        breakers.hold(URL, 30.0, "overloaded")
    assert not breakers.admits(URL)
    clock.now += 30.0
    succeed(breakers)
    assert breakers.snapshot()[0].state is BreakerState.CLOSED


def test_a_cool_down_is_no_shorter_than_what_the_endpoint_asks_for():
    breakers, _ = made()
    fail(breakers, ModelBusyError("HTTP 429", retry_after=30.0), times=2)
    assert breakers.snapshot()[0].retry_in == 30.0


def test_a_dead_endpoint_is_hit_twice_in_ten_requests():
    breakers, _ = made()
    hits = 0
    for _ in range(10):
        if breakers.admits(URL):
            hits += 1
            fail(breakers)
    assert hits == 2


class Events(RuleBasedStateMachine):
    """Calls of one endpoint that overlap and end as they like, probes, and time."""

    calls = Bundle("calls")

    def __init__(self) -> None:
        super().__init__()
        self.clock = Clock()
        self.breakers = Breakers(clock=self.clock, jitter=random.Random(1))
        self.begun: dict[int, object] = {}
        self.probes: set[int] = set()
        self.number = 0
        self.failed_at: float | None = None

    def report(self):
        found = self.breakers.snapshot()
        return found[0] if found else None

    @rule(target=calls)
    def begin(self) -> int:
        self.number += 1
        before = self.report()
        watch = self.breakers.watch(URL)
        if not self.breakers.admits(URL):
            with pytest.raises(ModelUnavailableError):
                watch.__enter__()
            return 0
        assert before is None or before.state is not BreakerState.OPEN
        watch.__enter__()
        self.begun[self.number] = watch
        if before is not None and before.state is BreakerState.HALF_OPEN:
            self.probes.add(self.number)
        return self.number

    @rule(
        call=consumes(calls),
        error=st.sampled_from([None, DOWN, ModelLoadingError("loading"), asyncio.CancelledError()]),
    )
    def end(self, call: int, error: BaseException | None) -> None:
        watch = self.begun.pop(call, None)
        if watch is None:
            return
        self.probes.discard(call)
        if error is None:
            watch.__exit__(None, None, None)
            self.probes.clear()
            assert self.breakers.admits(URL)
            return
        assert not watch.__exit__(type(error), error, None)

    @rule(seconds=st.floats(0.1, 100.0))
    def wait(self, seconds: float) -> None:
        self.clock.now += seconds

    @rule(state=st.sampled_from(list(EndpointState)))
    def hear(self, state: EndpointState) -> None:
        self.breakers.heard([report(state)])

    @invariant()
    def one_probe_at_a_time(self) -> None:
        assert len(self.probes) <= 1

    @invariant()
    def never_shut_for_good(self) -> None:
        found = self.report()
        if found is not None:
            assert found.retry_in <= 1.2 * LONGEST_COOL_DOWN
            assert (found.failures >= FAILURES_TO_OPEN) <= (found.state is not BreakerState.CLOSED)
            if not self.probes and found.state is not BreakerState.OPEN:
                assert self.breakers.admits(URL)


TestEvents = Events.TestCase
TestEvents.settings = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
