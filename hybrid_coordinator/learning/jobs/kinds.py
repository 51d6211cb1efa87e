"""What a kind of job is to the worker, and what an outcome orders."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from typing import Any

from hybrid_coordinator.domain.interactions import Interaction, Outcome
from hybrid_coordinator.domain.jobs import Job, JobChanges

Handler = Callable[[Job], Coroutine[Any, Any, None]]
"""Does a job; raises if it cannot."""

Obstacle = Callable[[], Awaitable[str | None]]
"""Why no job of a kind can be done now, in a few words; None while they can."""

OutcomeRule = Callable[[Interaction, Outcome, float], JobChanges]
"""What an outcome does to the queue: given the interaction with the outcome that it had until now,
the new one, and the value that it makes. Asks nobody: it is on the path of ``update_outcome``."""


@dataclass(frozen=True, slots=True)
class JobKind:
    """A kind of job. ``noun`` is one of what it makes, for "3 patterns wait"; ``upkeep`` says that
    it only brings up to date what is there, which nobody need be told of who caused it; ``turn``
    says which of many comes first, in a few words."""

    name: str
    noun: str
    run: Handler
    obstacle: Obstacle | None = None
    upkeep: bool = False
    turn: str = ""
