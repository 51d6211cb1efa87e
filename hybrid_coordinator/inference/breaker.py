"""Circuit breakers: an endpoint that keeps failing is left alone for a while, then tried once."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum

from hybrid_coordinator.errors import (
    EmptyAnswerError,
    HybridError,
    ModelLoadingError,
    ModelReplyError,
    ModelUnavailableError,
)
from hybrid_coordinator.inference.endpoints import EndpointReport, EndpointState

FAILURES_TO_OPEN = 2
FIRST_COOL_DOWN = 5.0
LONGEST_COOL_DOWN = 60.0
"""Seconds. It doubles with each failed probe."""
_JITTER = 0.2
"""Share of a cool-down by which it may be longer, so that many clients do not come back at once."""


class BreakerState(StrEnum):
    """``closed``: calls go through. ``open``: none does. ``half-open``: the next one is a probe,
    and the others wait for what comes of it."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half-open"


@dataclass(frozen=True, slots=True)
class BreakerReport:
    """One endpoint's breaker. ``failures`` counts those in a row, ``retry_in`` is in seconds."""

    endpoint: str
    state: BreakerState
    failures: int
    retry_in: float
    reason: str


class _Breaker:
    """One endpoint's failures in a row and what follows from them."""

    def __init__(self) -> None:
        self.failures = 0
        self.opened = False
        self.held = False
        self.retry_at = 0.0
        self.cool_down = 0.0
        self.probing = False
        self.seen_away = False
        self.reason = ""

    def state(self, now: float) -> BreakerState:
        if not self.opened:
            return BreakerState.CLOSED
        return BreakerState.HALF_OPEN if now >= self.retry_at else BreakerState.OPEN


class Breakers:
    """A breaker for each endpoint, by URL; also where there is only one endpoint.

    What counts is what is the endpoint's fault: it does not answer, is cut off, sends garbage or
    an error, hangs, or takes no more work. A refused request, an empty or a weak answer and a
    caller who goes away do not; nor does an endpoint that is still loading its model.

    An endpoint alone is not tried in spite of its open breaker: an error at once that says when
    the next try is due serves its caller better than a wait for what has just failed twice. If
    probes see it go and come back, the next call goes through at once.
    """

    def __init__(
        self,
        *,
        clock: Callable[[], float] = time.monotonic,
        jitter: random.Random | None = None,
    ) -> None:
        self._clock = clock
        # Not for secrets: it spreads retries.
        self._jitter = jitter or random.Random()  # noqa: S311
        self._breakers: dict[str, _Breaker] = {}

    def admits(self, url: str) -> bool:
        """Whether a call to ``url`` would go through now."""
        breaker = self._breakers.get(url)
        return breaker is None or self._open_for(breaker)

    def check(self, url: str) -> None:
        """Return if a call to ``url`` would go through now.

        Raises:
            ModelUnavailableError: it would not; the message says why, and when it will.
        """
        breaker = self._breakers.get(url)
        if breaker is not None and not self._open_for(breaker):
            raise self._refusal(url, breaker)

    def reason(self, url: str) -> str:
        """Why a call to ``url`` would not go through, and when it will; empty where it would."""
        breaker = self._breakers.get(url)
        if breaker is None or self._open_for(breaker):
            return ""
        return str(self._refusal(url, breaker))

    @contextmanager
    def watch(self, url: str) -> Iterator[None]:
        """Around one call of ``url``, whose outcome it takes note of.

        Raises:
            ModelUnavailableError: as ``check`` does; the body is not entered.
        """
        self.check(url)
        breaker = self._breakers.setdefault(url, _Breaker())
        probe = breaker.opened
        breaker.probing = breaker.probing or probe
        try:
            yield
        except (EmptyAnswerError, ModelLoadingError):
            self._neutral(breaker, probe)
            raise
        except (ModelUnavailableError, ModelReplyError) as error:
            self._failed(breaker, probe, error)
            raise
        except BaseException:
            # A refused request or a caller who went away says nothing about the endpoint.
            self._neutral(breaker, probe)
            raise
        else:
            # An answer under way does not take back that it asked for no more of them.
            if probe or not breaker.held:
                self._breakers[url] = _Breaker()

    def hold(self, url: str, seconds: float, reason: str) -> None:
        """Leave ``url`` alone for as long as it asked for."""
        breaker = self._breakers.setdefault(url, _Breaker())
        breaker.opened = breaker.held = True
        breaker.retry_at = max(breaker.retry_at, self._clock() + seconds)
        breaker.reason = reason

    def heard(self, reports: Iterable[EndpointReport]) -> None:
        """Take note of probes: an endpoint that was away since its failure and is ready again is
        tried at once. One that was ready all the time and failed all the same is not."""
        for report in reports:
            breaker = self._breakers.get(report.endpoint.url)
            if breaker is None or not breaker.opened:
                continue
            if report.state is not EndpointState.READY:
                breaker.seen_away = True
            elif breaker.seen_away:
                breaker.retry_at, breaker.seen_away = self._clock(), False

    def snapshot(self) -> list[BreakerReport]:
        """Every endpoint that was called, as it stands now."""
        now = self._clock()
        return [
            BreakerReport(
                endpoint=url,
                state=breaker.state(now),
                failures=breaker.failures,
                retry_in=max(0.0, breaker.retry_at - now) if breaker.opened else 0.0,
                reason=breaker.reason,
            )
            for url, breaker in self._breakers.items()
        ]

    def _open_for(self, breaker: _Breaker) -> bool:
        state = breaker.state(self._clock())
        return state is BreakerState.CLOSED or (
            state is BreakerState.HALF_OPEN and not breaker.probing
        )

    def _refusal(self, url: str, breaker: _Breaker) -> ModelUnavailableError:
        wait = breaker.retry_at - self._clock()
        when = f"in {wait:.0f} s" if wait >= 1 else "in a moment"
        return ModelUnavailableError(
            f"{url} is left alone and tried again {when}: {breaker.reason}"
        )

    def _failed(self, breaker: _Breaker, probe: bool, error: HybridError) -> None:
        if probe:
            breaker.probing = False
        elif breaker.opened:
            return  # it began before the breaker opened, and says nothing new
        breaker.failures += 1
        breaker.reason = str(error)
        if breaker.failures >= FAILURES_TO_OPEN or probe:
            grown = min(2 * breaker.cool_down, LONGEST_COOL_DOWN) or FIRST_COOL_DOWN
            breaker.opened, breaker.cool_down, breaker.seen_away = True, grown, False
            wait = max(grown * (1 + _JITTER * self._jitter.random()), error.retry_after or 0.0)
            breaker.retry_at = self._clock() + wait

    def _neutral(self, breaker: _Breaker, probe: bool) -> None:
        if probe:
            breaker.probing = False
