"""Traces: spans are sent to an OpenTelemetry collector where one is configured."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from hybrid_coordinator.domain.health import PartHealth
from hybrid_coordinator.settings import TelemetrySettings
from hybrid_coordinator.version import __version__

# An optional extra, imported where it is configured.
if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider

_EXPORT_SECONDS = 3.0
"""Time for the collector to take a batch, and so what a collector that is away adds to a stop."""
_EXTRA = "pip install 'hybrid-coordinator[otel]'"

_log = logging.getLogger(__name__)


class Tracing:
    """What sends the spans of this process. There can be one in a process: OpenTelemetry's own
    rule."""

    def __init__(self, settings: TelemetrySettings) -> None:
        self._endpoint = settings.otlp_endpoint
        self._provider: TracerProvider | None = None

    def start(self) -> None:
        """Send from now on, where that is configured: then it holds the caller up for a moment, so
        that the first call is traced, too. Without the extra nothing is sent, and ``health`` says
        so."""
        if self._endpoint is None:
            return
        try:
            self._provider = _provider(self._endpoint)
        except ImportError:
            _log.warning("no traces are sent: %s", _EXTRA)

    async def close(self) -> None:
        """Send what is left."""
        if self._provider is not None:
            await asyncio.to_thread(self._provider.shutdown)

    def health(self) -> list[PartHealth]:
        """One line, and none where no traces are configured."""
        if self._endpoint is None:
            return []
        if self._provider is None:
            detail = "telemetry.otlp_endpoint is set, and OpenTelemetry's SDK is not installed"
            return [PartHealth("traces", ok=False, detail=detail, remedy=_EXTRA, needed=False)]
        return [PartHealth("traces", ok=True, detail=f"to {self._endpoint}", needed=False)]


def _provider(endpoint: str) -> TracerProvider:
    from opentelemetry import trace
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    from hybrid_coordinator.insights.quiet_export import QuietExporter

    named = {"service.name": "hybrid-coordinator", "service.version": __version__}
    # The end of the process is ours to tell it: engines are closed before it, and make spans.
    provider = TracerProvider(resource=Resource.create(named), shutdown_on_exit=False)
    exporter = OTLPSpanExporter(f"{endpoint.rstrip('/')}/v1/traces", timeout=_EXPORT_SECONDS)
    provider.add_span_processor(BatchSpanProcessor(QuietExporter(exporter)))
    trace.set_tracer_provider(provider)
    return provider
