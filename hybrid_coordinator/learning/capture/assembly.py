"""Putting events together to turns. Pure: what has come of a session goes in, what is finished
comes out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from hybrid_coordinator.domain.captured import CapturedEvent, EventKind

_BOUNDS = (EventKind.SESSION_START, EventKind.SESSION_END)
_ANSWERS = (EventKind.STOP, EventKind.FAILED, EventKind.SUBAGENT_STOP)


@dataclass(slots=True)
class Thread:
    """What belongs to one prompt, of a person or to a subagent.

    ``opening`` is the prompt, or with a subagent the call that started it; None where that was
    not told. ``closings`` are the answers: a turn that waits for work in the background has
    several. ``messages`` tell it that such work is done.
    """

    opening: CapturedEvent | None
    actions: list[CapturedEvent] = field(default_factory=list)
    closings: list[CapturedEvent] = field(default_factory=list)
    messages: list[CapturedEvent] = field(default_factory=list)
    over_at: datetime | None = None
    """When something came that shows that nothing more will."""

    def add(self, event: CapturedEvent) -> None:
        """Take an event in."""
        if event.kind is EventKind.ACTION:
            self.actions.append(event)
        else:
            (self.closings if event.kind in _ANSWERS else self.messages).append(event)

    @property
    def finished(self) -> bool:
        """Whether it is a turn now: answered, with nothing left in the background."""
        answered = self.closings and not self.closings[-1].content.get("running")
        return self.over_at is not None or bool(answered)

    @property
    def interrupted(self) -> bool:
        """Whether it came to no answer."""
        return not self.closings or self.closings[-1].kind is EventKind.FAILED

    @property
    def response(self) -> str:
        """The last answer that says something; empty where there is none."""
        said = (str(closing.content.get("response") or "") for closing in reversed(self.closings))
        return next(filter(None, said), "")

    @property
    def own(self) -> list[CapturedEvent]:
        """Its events. The call that started a subagent is its parent's."""
        prompt = self.opening if self.opening and self.opening.kind is EventKind.PROMPT else None
        asked = [] if prompt is None else [prompt]
        return [*asked, *self.actions, *self.closings, *self.messages]


def finished_threads(
    events: Sequence[CapturedEvent], *, abandoned: bool
) -> tuple[list[Thread], list[str]]:
    """The turns of a session that are finished, and the keys of events that are in none.

    Args:
        events: what has come of one session and is in no turn yet, in the order of its clock.
        abandoned: nothing has been heard of the session for so long that nothing more will be.
    """
    session = _Session(events)
    for event in _prompts_first(events):
        session.take(event)
    if abandoned and events:
        session.end(events[-1].at)
    return [thread for thread in session.threads if thread.finished], session.stray


def _prompts_first(events: Sequence[CapturedEvent]) -> list[CapturedEvent]:
    """``events`` with no prompt behind what belongs to it, though the clock may have gone back."""
    earliest: dict[str, datetime] = {}
    for event in events:
        if event.prompt_id is not None and event.kind not in _BOUNDS:
            earliest[event.prompt_id] = min(earliest.get(event.prompt_id, event.at), event.at)

    def place(event: CapturedEvent) -> tuple[datetime, bool]:
        if event.kind is EventKind.PROMPT and event.prompt_id is not None:
            return earliest[event.prompt_id], False
        return event.at, True

    return sorted(events, key=place)


class _Session:
    """What is known of a session up to an event."""

    def __init__(self, events: Sequence[CapturedEvent]) -> None:
        self.threads: list[Thread] = []
        self.stray: list[str] = []
        self._current: Thread | None = None
        self._by_prompt: dict[str, Thread] = {}
        self._by_agent: dict[str, Thread] = {}
        # A subagent that is waited for is told of after its own end.
        self._starts = {event.content.get("starts"): event for event in events}

    def take(self, event: CapturedEvent) -> None:
        if event.kind in _BOUNDS:
            self.stray.append(event.key)
            # Compaction goes on with the session, and with the turn.
            if event.content.get("source") != "compact":
                self.end(event.at)
        elif event.kind is EventKind.PROMPT:
            if self._current is not None:
                self._current.over_at = event.at
            self._current = self._open(event, self._by_prompt, event.prompt_id)
        elif (thread := self._of(event)) is None:
            self.stray.append(event.key)  # its turn is finished, or its prompt was never told
        else:
            thread.add(event)

    def end(self, at: datetime) -> None:
        """The agent's program has ended, and everything with it."""
        for thread in self.threads:
            thread.over_at = thread.over_at or at
        self._current = None
        self._by_prompt.clear()
        self._by_agent.clear()

    def _of(self, event: CapturedEvent) -> Thread | None:
        """The thread that an event belongs to."""
        agent = event.agent_id
        if agent is not None:
            thread = self._by_agent.get(agent)
            if thread is None or thread.closings:  # it was given more to do
                thread = self._open(self._starts.get(agent), self._by_agent, agent)
            return thread
        if event.kind is EventKind.MESSAGE and self._current and event.prompt_id:
            self._by_prompt[event.prompt_id] = self._current
        return self._by_prompt.get(event.prompt_id) if event.prompt_id else self._current

    def _open(
        self, opening: CapturedEvent | None, known: dict[str, Thread], name: str | None
    ) -> Thread:
        thread = Thread(opening)
        self.threads.append(thread)
        if name is not None:
            known[name] = thread
        return thread
