"""How a call goes, while it goes: what is waited for, what was tried, and what came of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from hybrid_coordinator.domain.reply import AnswerPiece, Attempt
from hybrid_coordinator.errors import HybridError
from hybrid_coordinator.inference.chat import Piece
from hybrid_coordinator.routing.choosing import Candidate

Listener = Callable[["Began | Piece"], None]
"""Hears each attempt begin, and its answer as it is generated. Must not raise."""


@dataclass(frozen=True, slots=True)
class Began:
    """An attempt begins; what came of those before it is replaced if this one does better.
    ``because`` is what was wrong with the last one of them."""

    model: str
    why: str
    because: str = ""


@dataclass(frozen=True, slots=True)
class Failure:
    """A candidate that gave no answer, or that could not be paid for, and why."""

    candidate: Candidate
    error: HybridError


def _nobody(_: Began | Piece) -> None:
    """Nobody listens."""


def telling(pieces: Callable[[AnswerPiece], None]) -> Listener:
    """A listener that tells each thing it hears as a piece of an attempt."""
    attempt, model = 0, ""

    def hear(heard: Began | Piece) -> None:
        nonlocal attempt, model
        if isinstance(heard, Began):
            attempt, model = attempt + 1, heard.model
            pieces(AnswerPiece(attempt, model, because=heard.because))
        else:
            pieces(AnswerPiece(attempt, model, heard.text, heard.thinking))

    return hear


@dataclass(slots=True)
class Course:
    """One call. Several attempts at once may write to it: they share one event loop."""

    listen: Listener = _nobody
    waiting_for: str = "looking for a model"
    attempts: list[Attempt] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)
    notices: list[str] = field(default_factory=list)
    context_seen: bool = True

    def shortcoming(self) -> str:
        """In a few words, why the last attempt is not the end; empty before the first."""
        if not self.attempts:
            return ""
        last = self.attempts[-1]
        if last.confidence is None:
            return f"failed: {last.outcome}"
        return f"not good enough ({last.confidence:.2f})"

    def note(self, notice: str) -> None:
        """Have the caller told, once."""
        if notice not in self.notices:
            self.notices.append(notice)
