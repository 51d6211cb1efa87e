"""How a call goes, while it goes: what is waited for, what was tried, and what came of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from hybrid_coordinator.domain.reply import Attempt
from hybrid_coordinator.errors import HybridError
from hybrid_coordinator.inference.chat import Piece

Listener = Callable[["Began | Piece"], None]
"""Hears each attempt begin, and its answer as it is generated. Must not raise."""


@dataclass(frozen=True, slots=True)
class Began:
    """An attempt begins; what came of those before it is replaced if this one does better."""

    model: str
    why: str


def _nobody(_: Began | Piece) -> None:
    """Nobody listens."""


@dataclass(slots=True)
class Course:
    """One call. Several attempts at once may write to it: they share one event loop."""

    listen: Listener = _nobody
    waiting_for: str = "looking for a model"
    attempts: list[Attempt] = field(default_factory=list)
    errors: list[HybridError] = field(default_factory=list)
    notices: list[str] = field(default_factory=list)

    def note(self, notice: str) -> None:
        """Have the caller told, once."""
        if notice not in self.notices:
            self.notices.append(notice)
