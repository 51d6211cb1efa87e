"""What an interaction is to training data: a candidate for an example, and its place in a split."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from hybrid_coordinator.domain.interactions import Outcome
from hybrid_coordinator.domain.turns import Action

SPLITS: Final = ("train", "validation", "test")


@dataclass(frozen=True, slots=True)
class Step:
    """An action with its 1-based place in the turn."""

    position: int
    action: Action


@dataclass(frozen=True, slots=True)
class Answer:
    """What was said in the end, and what was done before it."""

    text: str
    steps: tuple[Step, ...] = ()


@dataclass(frozen=True, slots=True)
class Candidate:
    """An interaction that may become an example; ``value`` is in 0-1.

    ``cut`` says that the answering model came to its length limit. ``split`` and ``task_group``
    are what an earlier export gave it, None if it was in none.
    """

    id: str
    project: str
    session_id: str | None
    query: str
    answer: Answer
    model_used: str
    created_at: datetime
    outcome: Outcome
    value: float
    cut: bool = False
    split: str | None = None
    task_group: bytes | None = None


@dataclass(frozen=True, slots=True)
class Place:
    """Where an example belongs for good: ``task_group`` is shared by near-duplicates of its task,
    ``signature`` is the MinHash signature of that."""

    split: str
    task_group: bytes
    signature: bytes


@dataclass(frozen=True, slots=True)
class FailedAnswer:
    """What was answered in an interaction that failed, and by which model."""

    interaction_id: str
    model_used: str
    answer: Answer


@dataclass(frozen=True, slots=True)
class Failure:
    """An interaction that failed, without its answer."""

    id: str
    session_id: str | None
    query: str
    created_at: datetime
