"""Traces where they cannot be sent."""

from __future__ import annotations

import subprocess
import sys

from hybrid_coordinator.insights.tracing import Tracing
from hybrid_coordinator.settings import TelemetrySettings

WITHOUT_THE_EXTRA = """
import sys
sys.modules["opentelemetry.sdk"] = None  # as if it were not installed
from hybrid_coordinator.insights.tracing import Tracing
from hybrid_coordinator.settings import TelemetrySettings
tracing = Tracing(TelemetrySettings(otlp_endpoint="http://127.0.0.1:4318"))
tracing.start()
(part,) = tracing.health()
assert (part.ok, part.needed) == (False, False)
print(part.remedy)
"""


def test_without_the_extra_it_is_said_what_to_install() -> None:
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_THE_EXTRA], capture_output=True, text=True, timeout=60,
        check=True,
    )  # fmt: skip
    assert done.stdout.strip() == "pip install 'hybrid-coordinator[otel]'"


async def test_nothing_is_loaded_or_said_where_none_are_configured() -> None:
    tracing = Tracing(TelemetrySettings())
    tracing.start()
    assert tracing.health() == []
    await tracing.close()
