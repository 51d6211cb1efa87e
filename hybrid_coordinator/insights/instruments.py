"""What a process is watched by, whether its engines are up or not."""

from __future__ import annotations

from dataclasses import dataclass

from hybrid_coordinator.insights.recorder import Recorder
from hybrid_coordinator.insights.tracing import Tracing


@dataclass(frozen=True)
class Instruments:
    """Counts, and traces."""

    recorder: Recorder
    tracing: Tracing
