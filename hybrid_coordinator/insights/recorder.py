"""What this process did since it started, counted as it happens."""

from __future__ import annotations

from bisect import bisect_left
from itertools import accumulate

from hybrid_coordinator.domain import metrics
from hybrid_coordinator.domain.metrics import BUCKETS, Distribution, Metric, MetricValues, Value
from hybrid_coordinator.domain.reply import AttemptLog


class _Spread:
    """Observations, by the first bound that holds them."""

    def __init__(self) -> None:
        self.counts = [0] * (len(BUCKETS) + 1)
        self.sum = 0.0

    def add(self, seconds: float) -> None:
        self.counts[bisect_left(BUCKETS, seconds)] += 1
        self.sum += seconds

    def value(self) -> Distribution:
        *bounded, count = accumulate(self.counts)
        return Distribution(dict(zip(BUCKETS, bounded, strict=True)), count, self.sum)


class Recorder:
    """Counts. What it is told costs a microsecond, and is lost with the process."""

    def __init__(self) -> None:
        self._counts: dict[Metric, dict[tuple[str, ...], float]] = {}
        self._spreads: dict[Metric, dict[tuple[str, ...], _Spread]] = {}

    def request(self, tool: str, result: str, seconds: float) -> None:
        """A tool was called; ``result`` is as `hybrid_requests_total` has it."""
        self._count(metrics.REQUESTS, tool, result)
        self._time(metrics.REQUEST_SECONDS, seconds, tool)

    def attempts(self, log: AttemptLog) -> None:
        """Models were asked a question."""
        self._count(metrics.MODEL_CALLS, _answered(log))
        for one in log.attempts:
            if one.outcome == "cached":
                continue
            place = (one.model, one.endpoint)
            self._count(metrics.MODEL_ATTEMPTS, *place, one.outcome)
            self._count(metrics.MODEL_TOKENS, *place, "in", by=one.tokens_in)
            self._count(metrics.MODEL_TOKENS, *place, "out", by=one.tokens_out)
            if one.cost_usd:
                self._count(metrics.MODEL_COST, *place, by=one.cost_usd)
            if one.confidence is not None:
                self._time(metrics.MODEL_SECONDS, one.latency_ms / 1000, *place)

    def values(self) -> list[MetricValues]:
        """All that was counted so far."""
        spread: dict[Metric, dict[tuple[str, ...], Value]] = {
            metric: {labels: one.value() for labels, one in each.items()}
            for metric, each in self._spreads.items()
        }
        counted = [MetricValues(metric, dict(each)) for metric, each in self._counts.items()]
        return counted + [MetricValues(metric, each) for metric, each in spread.items()]

    def _count(self, metric: Metric, *labels: str, by: float = 1) -> None:
        counts = self._counts.setdefault(metric, {})
        counts[labels] = counts.get(labels, 0) + by

    def _time(self, metric: Metric, seconds: float, *labels: str) -> None:
        spreads = self._spreads.setdefault(metric, {})
        if labels not in spreads:
            spreads[labels] = _Spread()
        spreads[labels].add(seconds)


def _answered(log: AttemptLog) -> str:
    """Where the answer came from, as `usage.sql` tells it: the best attempt."""
    if any(one.outcome == "cached" for one in log.attempts):
        return "cache"
    best = max(
        (one for one in log.attempts if one.confidence is not None),
        key=lambda one: one.confidence or 0.0,
        default=None,
    )
    if best is None:
        return "none"
    return "remote" if best.remote else "local"
