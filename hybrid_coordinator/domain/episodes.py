"""An interaction as a part of its session: what was done in it, and what became known of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from hybrid_coordinator.domain.interactions import Outcome, OutcomeKind, OutcomeSource
from hybrid_coordinator.domain.turns import Action


@dataclass(frozen=True, slots=True)
class Episode:
    """An interaction with its steps, every outcome that it was given (oldest first), and the ids
    of the items that it was ``shown``, and of those among them that its answer ``followed``.

    ``agent`` names the subagent whose turn it was, None for the session's own. ``revision`` counts
    what became known of it.
    """

    id: str
    project: str
    query: str
    response: str
    created_at: datetime
    agent: str | None = None
    interrupted: bool = False
    actions: tuple[Action, ...] = ()
    outcomes: tuple[Outcome, ...] = ()
    shown: tuple[str, ...] = ()
    followed: tuple[str, ...] = ()
    revision: int = 1

    @property
    def outcome(self) -> OutcomeKind | None:
        """How it went as far as is known now."""
        return self.outcomes[-1].kind if self.outcomes else None

    @property
    def disowned(self) -> bool:
        """Whether somebody said that it failed, whatever was seen."""
        return (
            self.outcome is OutcomeKind.FAILURE and self.outcomes[-1].source is OutcomeSource.STATED
        )
