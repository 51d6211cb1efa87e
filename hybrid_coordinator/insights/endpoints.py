"""Model endpoints as they were a moment ago, with their queues and breakers."""

from __future__ import annotations

from hybrid_coordinator.domain.insights import BreakerInsight, EndpointInsight, ModelInsight
from hybrid_coordinator.inference.breaker import BreakerReport, BreakerState
from hybrid_coordinator.inference.endpoints import EndpointReport, LocalModel
from hybrid_coordinator.routing.gateway import Gateway

_NEVER_CALLED = BreakerInsight(BreakerState.CLOSED, failures=0, retry_in_seconds=0.0, reason="")


async def endpoints(gateway: Gateway) -> tuple[EndpointInsight, ...]:
    """Every configured endpoint, in the order in which they are tried. Asks none now."""
    found = await gateway.glance()
    lanes = (await gateway.caller()).lanes
    breakers = {report.endpoint: _breaker(report) for report in gateway.breakers.snapshot()}
    return tuple(
        _endpoint(one, lanes.busy(one.endpoint.url), breakers.get(one.endpoint.url, _NEVER_CALLED))
        for one in found
    )


def _endpoint(
    report: EndpointReport, busy: tuple[int, int], breaker: BreakerInsight
) -> EndpointInsight:
    endpoint, (at_work, waiting) = report.endpoint, busy
    return EndpointInsight(
        kind=endpoint.kind.value,
        url=endpoint.url,
        role=endpoint.role.value,
        remote=endpoint.remote,
        state=report.state.value,
        reason=report.reason,
        slots=report.slots,
        at_work=at_work,
        waiting=waiting,
        breaker=breaker,
        models=tuple(_model(model) for model in report.models),
    )


def _model(model: LocalModel) -> ModelInsight:
    return ModelInsight(
        name=model.name,
        loaded=model.loaded,
        context_length=model.context_length,
        max_context_length=model.max_context_length,
        parameters=model.parameters,
        thinking=model.thinking,
    )


def _breaker(report: BreakerReport) -> BreakerInsight:
    return BreakerInsight(report.state.value, report.failures, report.retry_in, report.reason)
