"""`/metrics`: what the process and the record say of themselves, as Prometheus reads it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from starlette.responses import Response
from starlette.routing import BaseRoute

from hybrid_coordinator.domain.metrics import Distribution, MetricKind, MetricValues
from hybrid_coordinator.serving.http.requests import Asked, get

# Imported at the first scrape: whoever has no Prometheus need not wait for it.
if TYPE_CHECKING:
    from prometheus_client.metrics_core import Metric as Family


def routes() -> Sequence[BaseRoute]:
    """One path, of the scope ``read``."""
    return [get("/metrics", _metrics)]


async def _metrics(asked: Asked) -> Response:
    asked.identity.see_all("/metrics")
    coordinator = await asked.coordinator()
    values = await coordinator.insights.metrics()
    content_type, text = await asyncio.to_thread(_rendered, values)
    return Response(text, headers={"content-type": content_type, "cache-control": "no-store"})


def _rendered(values: Sequence[MetricValues]) -> tuple[str, bytes]:
    from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
    from prometheus_client.exposition import CONTENT_TYPE_LATEST

    registry = CollectorRegistry()
    registry.register(_Collector(values))
    ProcessCollector(registry=registry)
    return CONTENT_TYPE_LATEST, generate_latest(registry)


class _Collector:
    """The values as prometheus_client takes them."""

    def __init__(self, values: Sequence[MetricValues]) -> None:
        self._values = values

    def collect(self) -> Iterable[Family]:
        """Every family."""
        return [_family(one) for one in self._values]


def _family(one: MetricValues) -> Family:
    from prometheus_client import core

    metric = one.metric
    if metric.kind is MetricKind.HISTOGRAM:
        histogram = core.HistogramMetricFamily(metric.name, metric.help, labels=metric.labels)
        for labels, value in one.values.items():
            assert isinstance(value, Distribution)
            bounds = [(str(bound), count) for bound, count in value.buckets.items()]
            histogram.add_metric(labels, [*bounds, ("+Inf", value.count)], value.sum)
        return histogram
    family: core.CounterMetricFamily | core.GaugeMetricFamily
    if metric.kind is MetricKind.COUNTER:
        family = core.CounterMetricFamily(metric.name, metric.help, labels=metric.labels)
    else:
        family = core.GaugeMetricFamily(metric.name, metric.help, labels=metric.labels)
    for labels, value in one.values.items():
        assert not isinstance(value, Distribution)
        family.add_metric(labels, value)
    return family
