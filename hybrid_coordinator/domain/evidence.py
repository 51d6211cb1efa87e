"""What one attempt tells about a model at a kind of task."""

from __future__ import annotations

from dataclasses import dataclass

from hybrid_coordinator.domain.route import Complexity, TaskType


@dataclass(frozen=True, slots=True)
class Observation:
    """``success`` is in 0-1; ``weight`` (0-1) is how far it can be believed: an outcome that was
    seen counts in full, the check of an answer in part."""

    model: str
    task_type: TaskType
    complexity: Complexity
    success: float
    weight: float
