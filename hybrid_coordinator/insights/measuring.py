"""The values of `/metrics`: what the process counted, and figures of the record, read behind."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Sequence

from hybrid_coordinator.domain import metrics
from hybrid_coordinator.domain.health import CollectionState
from hybrid_coordinator.domain.insights import DiskInsight, EndpointInsight, Overview, Routing
from hybrid_coordinator.domain.metrics import METRICS, Metric, MetricValues, Value
from hybrid_coordinator.errors import HybridError
from hybrid_coordinator.insights.recorder import Recorder
from hybrid_coordinator.version import __version__

_FRESH_SECONDS = 15.0
"""What is read of the record is not read again before."""

_PATIENCE_SECONDS = 5.0
"""How long a scrape waits for the first figures: half of what Prometheus gives it."""

Values = dict[tuple[str, ...], Value]
_log = logging.getLogger(__name__)


class Measuring:
    """Answers scrapes in milliseconds, however large the record is: only the first one waits for
    its figures, and not for long; every other gets those of the look before and has it looked at
    again."""

    def __init__(
        self,
        recorder: Recorder,
        look: Callable[[], Awaitable[list[MetricValues]]],
        endpoints: Callable[[], Awaitable[Sequence[EndpointInsight]]],
        clock: Callable[[], float] = time.monotonic,
        patience: float = _PATIENCE_SECONDS,
    ) -> None:
        """``look`` reads the figures of the record; ``patience`` is in seconds."""
        self._recorder = recorder
        self._look = look
        self._endpoints = endpoints
        self._clock = clock
        self._patience = patience
        self._figures: list[MetricValues] = []
        self._read_at: float | None = None
        self._tried_at: float | None = None
        self._reading: asyncio.Task[None] | None = None

    async def values(self) -> list[MetricValues]:
        """Every family that has values, in the order of ``METRICS``."""
        now = self._clock()
        if self._reading is None and (
            self._tried_at is None or now - self._tried_at >= _FRESH_SECONDS
        ):
            self._tried_at = now
            self._reading = asyncio.create_task(self._read())
        if self._read_at is None and self._reading is not None:
            await asyncio.wait([self._reading], timeout=self._patience)
        found = {
            one.metric: one
            for one in (
                *self._recorder.values(),
                *_endpoint_values(await self._endpoints()),
                *self._figures,
                *self._age(),
                MetricValues(metrics.BUILD, {(__version__,): 1}),
            )
        }
        return [found[metric] for metric in METRICS if metric in found]

    async def close(self) -> None:
        """Read no more."""
        if self._reading is not None:
            self._reading.cancel()
            await asyncio.gather(self._reading, return_exceptions=True)

    def _age(self) -> list[MetricValues]:
        if self._read_at is None:
            return []
        return [MetricValues(metrics.RECORD_AGE, {(): self._clock() - self._read_at})]

    async def _read(self) -> None:
        try:
            self._figures = await self._look()
            self._read_at = self._clock()
        except HybridError:
            _log.warning("the figures of /metrics could not be read", exc_info=True)
        finally:
            self._reading = None


def _endpoint_values(endpoints: Sequence[EndpointInsight]) -> list[MetricValues]:
    opened = {"closed": 0.0, "half-open": 0.5, "open": 1.0}
    return [
        MetricValues(
            metrics.ENDPOINT_READY,
            {(one.url, one.kind): float(one.state == "ready") for one in endpoints},
        ),
        MetricValues(metrics.ENDPOINT_AT_WORK, {(one.url,): one.at_work for one in endpoints}),
        MetricValues(metrics.ENDPOINT_WAITING, {(one.url,): one.waiting for one in endpoints}),
        MetricValues(
            metrics.BREAKER_OPEN, {(one.url,): opened[one.breaker.state] for one in endpoints}
        ),
    ]


def record_values(
    overview: Overview,
    routing: Routing,
    collections: Sequence[CollectionState],
    disk: DiskInsight,
    database_bytes: int,
) -> list[MetricValues]:
    """The families of the record, from the figures that pages show."""
    totals, saving, calls = overview.totals, overview.saving, overview.calls
    outcomes: Values = {(kind.value,): count for kind, count in totals.outcomes.items()}
    outcomes[("none",)] = totals.interactions - sum(totals.outcomes.values())
    single: dict[Metric, float | None] = {
        metrics.HIGH_VALUE: totals.high_value,
        metrics.SUCCESS_RATIO: totals.success_rate,
        metrics.FILES: totals.files,
        metrics.CHUNKS: totals.chunks,
        metrics.UNPROJECTED: totals.unprojected,
        metrics.PASSED_30D: calls.passed,
        metrics.ESCALATED_30D: calls.escalated,
        metrics.CACHED_30D: calls.cached,
        metrics.TOKENS_SAVED_30D: saving.tokens,
        metrics.SAVED_30D: saving.saved_usd,
        metrics.SPENT_30D: saving.spent_usd,
        metrics.SPENT_TODAY: saving.today_usd,
        metrics.BUDGET: saving.daily_budget_usd,
        metrics.DISK_FREE: disk.free_bytes,
        metrics.DATABASE: database_bytes,
    }
    several: dict[Metric, Values] = {
        metrics.INTERACTIONS: outcomes,
        metrics.INTERACTION_TOKENS: {
            ("local",): totals.tokens_local,
            ("remote",): totals.tokens_remote,
        },
        metrics.ENTRIES: {(name,): count for name, count in totals.knowledge.items()},
        metrics.POINTS: {(one.name,): one.points for one in collections},
        metrics.JOBS: {
            ("waiting",): overview.jobs.waiting,
            ("running",): overview.jobs.running,
            ("parked",): overview.jobs.parked,
        },
        metrics.CALLS_30D: {
            ("local",): calls.local,
            ("remote",): calls.remote,
            ("none",): calls.failed,
        },
        metrics.LATENCY_30D: _latencies(routing),
        metrics.DISK: {(block.name,): block.bytes for block in disk.blocks},
    }
    alone = [
        MetricValues(metric, {(): value}) for metric, value in single.items() if value is not None
    ]
    return alone + [MetricValues(metric, values) for metric, values in several.items()]


def _latencies(routing: Routing) -> Values:
    found: Values = {}
    for one in routing.models:
        for percentile, latency in (
            ("50", one.latency_p50_ms),
            ("95", one.latency_p95_ms),
            ("99", one.latency_p99_ms),
        ):
            if latency is not None:
                found[one.model, one.endpoint, percentile] = latency / 1000
    return found
