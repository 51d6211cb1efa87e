"""Which model servers answer: looked at again and again behind the callers, while they come."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from hybrid_coordinator.inference.endpoints import Endpoint, EndpointReport, EndpointState
from hybrid_coordinator.inference.probes import probe

if TYPE_CHECKING:
    from hybrid_coordinator.inference.http import HttpClient

_EVERY_SECONDS = 3.0
_ELSEWHERE_SECONDS = 20.0
"""The pause for servers on other machines, which may have other users, and log every request."""
_WATCH_SECONDS = 120.0
"""How long after the last call the looking goes on: an idle coordinator leaves servers alone."""
_KEEP_SECONDS = 5.0
_STALE_SECONDS = 30.0
"""Reports grow older than a few seconds only where nobody asked."""
_GRACE_SECONDS = 0.25
"""What other servers get to report, at first, once one has a model ready."""

Survey = tuple[EndpointReport, ...]
"""A report for each endpoint, in the order of the configuration."""


class _Watched:
    """One endpoint and the last report on it. Callers that come at the same time share a probe."""

    def __init__(
        self, endpoint: Endpoint, http: HttpClient, timeout: float, clock: Callable[[], float]
    ) -> None:
        self.endpoint = endpoint
        self._http = http
        self._timeout = timeout
        self._clock = clock
        self._report: EndpointReport | None = None
        self._begun_at = self._done_at = float("-inf")
        self._look: asyncio.Task[None] | None = None

    def known(self) -> EndpointReport | None:
        """The last report, None where there is none that still counts."""
        return self._report if self._clock() - self._done_at <= _STALE_SECONDS else None

    def report(self) -> EndpointReport:
        """The last report, or that there is none."""
        none = EndpointReport(self.endpoint, EndpointState.DOWN, "it has not answered yet")
        return self.known() or none

    def look(self) -> asyncio.Task[None]:
        """Probe the endpoint, or join the probe that is under way."""
        if self._look is None or self._look.done():
            self._look = asyncio.create_task(self._probe())
        return self._look

    async def fresh(self, begun_after: float) -> None:
        """Return once there is a report a few seconds old, of a probe begun after that."""
        while self._clock() - self._done_at > _KEEP_SECONDS or self._begun_at < begun_after:
            await asyncio.shield(self.look())

    async def keep_fresh(self) -> None:
        """Look again, where the last look is long enough ago."""
        pause = 0.0 if self.endpoint.on_this_machine else _ELSEWHERE_SECONDS
        if self._clock() - self._done_at >= pause:
            await self.look()

    def forget(self) -> None:
        """Take the last report for no longer true, and look again."""
        self._report = None
        self._done_at = float("-inf")
        self.look()

    async def close(self) -> None:
        """Give up a probe that is under way."""
        if self._look is not None:
            self._look.cancel()
            await asyncio.gather(self._look, return_exceptions=True)

    async def _probe(self) -> None:
        begun_at = self._clock()
        report = await probe(self._http, self.endpoint, self._timeout)
        if report.late and self._report is not None and self._report.models:
            # It was there a moment ago: generating for others may have made it slow.
            report = await probe(self._http, self.endpoint, 2 * self._timeout)
        self._report = report
        self._begun_at, self._done_at = begun_at, self._clock()


class Discovery:
    """What is known of the endpoints. No caller of ``glance`` waits for one that hangs."""

    def __init__(
        self,
        http: HttpClient,
        endpoints: Sequence[Endpoint],
        *,
        timeout: float,
        every: float = _EVERY_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """``timeout`` bounds a probe, and ``every`` is the pause between two, in seconds."""
        self._watched = {each: _Watched(each, http, timeout, clock) for each in endpoints}
        self._every = every
        self._clock = clock
        self._watch_until = float("-inf")
        self._watcher: asyncio.Task[None] | None = None

    def now(self) -> float:
        """The discovery's clock, in seconds."""
        return self._clock()

    async def survey(self, *, begun_after: float = float("-inf")) -> Survey:
        """A survey that is at most a few seconds old, and begun after that reading of the clock.
        Waits for every endpoint."""
        await asyncio.gather(*(each.fresh(begun_after) for each in self._watched.values()))
        return self._reports()

    async def glance(self) -> Survey:
        """What is known now, and from now on kept fresh.

        Where nothing is known of late it waits until some server has a model ready, or all have
        reported; one that has not reported is given as down.
        """
        self._watch_until = self._clock() + _WATCH_SECONDS
        pending = {each.look() for each in self._watched.values() if each.known() is None}
        while pending and not any(report.models for report in self._reports()):
            _, pending = await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
        if pending:
            await asyncio.wait(pending, timeout=_GRACE_SECONDS)
        if self._watcher is None or self._watcher.done():
            self._watcher = asyncio.create_task(self._watch())
        return self._reports()

    def forget(self, endpoint: Endpoint) -> None:
        """An endpoint has just failed: look at it again before anyone counts on it."""
        self._watched[endpoint].forget()

    async def close(self) -> None:
        """Stop looking."""
        if self._watcher is not None:
            self._watcher.cancel()
            await asyncio.gather(self._watcher, return_exceptions=True)
        for each in self._watched.values():
            await each.close()

    async def _watch(self) -> None:
        while self._clock() < self._watch_until:
            await asyncio.sleep(self._every)
            await asyncio.gather(*(each.keep_fresh() for each in self._watched.values()))

    def _reports(self) -> Survey:
        return tuple(each.report() for each in self._watched.values())
