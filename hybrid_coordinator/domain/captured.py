"""What the hooks of a coding agent tell: events, which add up to turns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from hybrid_coordinator.domain.knowledge import JsonValue


class EventKind(StrEnum):
    """What happened.

    A ``MESSAGE`` is a prompt that no person wrote: the agent's own program gives it, for instance
    when a subagent in the background has ended, and the turn before it goes on. ``FAILED`` ends a
    turn as ``STOP`` does, without an answer.
    """

    SESSION_START = "session_start"
    PROMPT = "prompt"
    MESSAGE = "message"
    ACTION = "action"
    STOP = "stop"
    FAILED = "failed"
    SUBAGENT_STOP = "subagent_stop"
    SESSION_END = "session_end"


@dataclass(frozen=True, slots=True)
class CapturedEvent:
    """One event of a session.

    ``key`` is the event's own, however often it is told. ``tick`` is a clock in nanoseconds that
    never goes back while the machine is up, ``at`` the time of day. ``prompt_id`` is what the
    agent's program calls the prompt that the event belongs to, where it says so; ``agent_id``
    names the subagent in which it happened. ``digest`` is of a prompt's text, before secrets were
    taken out. ``content`` depends on the kind; see `learning.capture.events`.
    """

    key: str
    session_id: str
    kind: EventKind
    at: datetime
    tick: int
    project: str
    prompt_id: str | None = None
    agent_id: str | None = None
    digest: str | None = None
    content: Mapping[str, JsonValue] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class CaptureState:
    """How capturing goes: when the last event came (None: never), how many wait to become a turn,
    how many files of the inbox could not be read, how many wait in it, and how many events were
    dropped since it was full."""

    last_event: datetime | None
    waiting: int
    unreadable: int
    in_inbox: int
    dropped: int = 0

    @property
    def words(self) -> str:
        """A line for people."""
        if self.last_event is None:
            return "no event yet"
        came = self.last_event.astimezone().isoformat(" ", "seconds")
        return f"last event {came}; {self.waiting} in no turn yet, {self.in_inbox} in the inbox"
