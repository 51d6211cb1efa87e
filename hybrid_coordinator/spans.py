"""Spans for OpenTelemetry: how long each part of the work took, and how it ended.

Where no exporter is configured they go nowhere and cost some microseconds. They have names, counts
and the kinds of errors; never what was asked or answered. Tool calls have theirs from the MCP SDK.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from opentelemetry.trace import Span, SpanKind, StatusCode, get_tracer

from hybrid_coordinator.version import __version__

_tracer = get_tracer("hybrid-coordinator", __version__)


@contextmanager
def span(
    name: str, *, kind: SpanKind = SpanKind.INTERNAL, **attributes: str | int | float | bool
) -> Iterator[Span]:
    """The body's span; ``attributes`` are known before, others may be set on what it gives. Two
    underscores in a name stand for a dot."""
    named = {key.replace("__", "."): value for key, value in attributes.items()}
    with _tracer.start_as_current_span(
        name,
        kind=kind,
        attributes=named,
        # Messages of errors quote what was asked and answered.
        record_exception=False,
        set_status_on_exception=False,
    ) as current:
        try:
            yield current
        except (Exception, asyncio.CancelledError) as error:
            current.set_attribute("error.type", type(error).__name__)
            current.set_status(StatusCode.ERROR)
            raise
