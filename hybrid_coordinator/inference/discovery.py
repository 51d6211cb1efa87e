"""Finding out which model servers answer, all at once and not more often than needed."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from hybrid_coordinator.inference.endpoints import Endpoint, EndpointReport
from hybrid_coordinator.inference.probes import probe

if TYPE_CHECKING:
    from hybrid_coordinator.inference.http import HttpClient

_KEEP_SECONDS = 5.0
_STALE_SECONDS = 60.0

Survey = tuple[EndpointReport, ...]
"""A report for each endpoint, in the order of the configuration."""


class Discovery:
    """Probes the endpoints. Callers that come at the same time share one survey."""

    def __init__(
        self,
        http: HttpClient,
        endpoints: Sequence[Endpoint],
        *,
        timeout: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._http = http
        self._endpoints = endpoints
        self._timeout = timeout
        self._clock = clock
        self._lock = asyncio.Lock()
        self._taken_at = float("-inf")
        self._survey: Survey = ()
        self._refreshing: asyncio.Task[Survey] | None = None

    def now(self) -> float:
        """The discovery's clock, in seconds."""
        return self._clock()

    async def survey(self, *, begun_after: float = float("-inf")) -> Survey:
        """A survey that is at most a few seconds old, and begun after that reading of the clock."""
        async with self._lock:
            if self._age() > _KEEP_SECONDS or self._taken_at < begun_after:
                begun_at = self._clock()
                self._survey = tuple(
                    await asyncio.gather(
                        *(probe(self._http, each, self._timeout) for each in self._endpoints)
                    )
                )
                self._taken_at = begun_at
            return self._survey

    async def glance(self) -> Survey:
        """The last survey at once, up to a minute old, while a newer one is taken behind it.

        An endpoint that hangs then costs its callers nothing. Waits where there is no survey yet.
        """
        age = self._age()
        if age > _STALE_SECONDS:
            return await self.survey()
        if age > _KEEP_SECONDS and (self._refreshing is None or self._refreshing.done()):
            self._refreshing = asyncio.create_task(self.survey())
        return self._survey

    def forget(self) -> None:
        """Have the next call probe again, since an endpoint has just failed."""
        self._taken_at = float("-inf")

    async def close(self) -> None:
        """Stop a survey that is being taken in the background."""
        if self._refreshing is not None:
            self._refreshing.cancel()
            await asyncio.gather(self._refreshing, return_exceptions=True)

    def _age(self) -> float:
        return self._clock() - self._taken_at
