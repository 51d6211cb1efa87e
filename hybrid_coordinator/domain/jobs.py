"""Durable jobs: work that is ordered with what causes it, and done behind the callers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from hybrid_coordinator.domain.knowledge import JsonValue


class JobState(StrEnum):
    """Waiting for its turn, being done by somebody, or given up until a person says otherwise."""

    WAITING = "waiting"
    RUNNING = "running"
    PARKED = "parked"


@dataclass(frozen=True, slots=True)
class JobOrder:
    """A job to be done. Of one kind there is one job a ``subject``, which says what it is about
    (an interaction's id, say): ordered again, it is done once more, or still once if nobody has
    begun it. ``project`` tells a person where it comes from. What is worth more is done first, and
    of what is worth the same the newest. ``most`` jobs of the kind wait in the project: what is
    worth less is done no more, unless it was begun."""

    kind: str
    subject: str
    project: str
    payload: Mapping[str, JsonValue] = field(default_factory=dict)
    worth: float = 1.0
    most: int | None = None


@dataclass(frozen=True, slots=True)
class JobChanges:
    """What an event does to the queue: jobs that it orders, and (kind, subject) of those that are
    needed no more."""

    ordered: tuple[JobOrder, ...] = ()
    withdrawn: tuple[tuple[str, str], ...] = ()

    def __or__(self, other: JobChanges) -> JobChanges:
        """The changes of both."""
        return JobChanges(self.ordered + other.ordered, self.withdrawn + other.withdrawn)

    def __bool__(self) -> bool:
        return bool(self.ordered or self.withdrawn)


@dataclass(frozen=True, slots=True)
class Job:
    """A job that was taken. ``tries`` counts this one; ``claim`` and ``asked`` tell whether it is
    still ours, and still what was asked for."""

    id: int
    kind: str
    subject: str
    project: str
    payload: Mapping[str, JsonValue]
    tries: int
    claim: int
    asked: int


@dataclass(frozen=True, slots=True)
class JobReport:
    """A job as a person sees it. ``reason`` is what the last try, or the wait, came to."""

    id: int
    kind: str
    subject: str
    project: str
    state: JobState
    tries: int
    reason: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class JobCounts:
    """How many jobs there are, and why they wait: "no local model answers: 3 patterns wait"."""

    waiting: int
    running: int
    parked: int
    words: str
