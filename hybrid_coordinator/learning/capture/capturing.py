"""Taking events of live sessions in, and handing on the turns that they add up to."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Protocol

from hybrid_coordinator.domain.captured import CapturedEvent, CaptureState, EventKind
from hybrid_coordinator.domain.injected import without_injected
from hybrid_coordinator.domain.knowledge import JsonValue
from hybrid_coordinator.domain.turns import (
    Action,
    ActionKind,
    Turn,
    digest_turn_key,
    prompt_digest,
)
from hybrid_coordinator.errors import HybridError, InvalidArgumentError, UnavailableError
from hybrid_coordinator.learning.capture.assembly import Thread, finished_threads
from hybrid_coordinator.learning.capture.events import read_event
from hybrid_coordinator.learning.capture.inbox import Inbox
from hybrid_coordinator.learning.capture.transcripts import Spent, first_prompt, spent
from hybrid_coordinator.storage.postgres.captured import CapturedEvents

_log = logging.getLogger(__name__)

_LOOK_SECONDS = 5.0
"""How often the inbox is looked at while no event says that a turn may be finished."""
_BEHIND_SECONDS = 0.1
_SWEEP_SECONDS = 3600.0
_ABANDONED_SECONDS = 24 * 3600.0
"""A session of which nothing was heard for so long was killed."""
_KEPT_DAYS = 30
"""What was in an inbox may come again that late, from a backup, and still changes nothing."""

_QUICK_BYTES = 20_000
"""An event of this size is read in a millisecond, so no thread is asked to."""

_CLOSING = (EventKind.PROMPT, EventKind.STOP, EventKind.FAILED, EventKind.SESSION_END)
"""After these, a turn may be finished."""

_UNKNOWN_MODEL = "unknown"
_BEGINNING = datetime.min.replace(tzinfo=UTC)
_MOST_MILLISECONDS = 2**31 - 1
_MORE_LOOKS = 5
_FLUSH_SECONDS = 0.1


class Recorder(Protocol):
    """Where turns go."""

    async def record(self, turn: Turn) -> str | None:
        """Record a turn, once however often it is given; what a later report has more is added.
        The id of its interaction; None where there is nothing in it to learn from."""


class Capture:
    """Keeps events until they are turns. What it acknowledges is durable."""

    def __init__(
        self,
        records: CapturedEvents,
        recorder: Recorder,
        inbox: Inbox,
        scrub: Callable[[str], str],
    ) -> None:
        """``scrub`` takes the secrets out of a text."""
        self._records = records
        self._recorder = recorder
        self._inbox = inbox
        self._scrub = scrub
        self._due: dict[str, None] = {}  # in the order of their coming
        self._news = asyncio.Event()

    async def take(self, line: bytes) -> CapturedEvent | None:
        """Keep an event, given as the line of the hook program. Returns it once it is durable;
        None if nothing is learned from its kind.

        Raises:
            InvalidArgumentError: the line is no event.
        """
        if len(line) <= _QUICK_BYTES:
            event = read_event(line, self._scrub)
        else:
            event = await asyncio.to_thread(read_event, line, self._scrub)
        if event is not None:
            await self._records.add(event)
            if event.kind in _CLOSING:
                self._due[event.session_id] = None
                self._news.set()
        return event

    async def shown(self, event: CapturedEvent, showing_id: str) -> None:
        """Note that the context of a showing was injected for a prompt."""
        await self._records.show(event.key, showing_id)

    async def state(self) -> CaptureState:
        """How it goes."""
        waiting = await asyncio.to_thread(self._inbox.files)
        return CaptureState(
            last_event=await self._records.last_event(),
            waiting=await self._records.waiting(),
            unreadable=await asyncio.to_thread(self._inbox.unreadable),
            in_inbox=len(waiting),
            dropped=await asyncio.to_thread(self._inbox.dropped),
        )

    async def run(self) -> None:
        """Hand on turns for as long as the coordinator runs, from what is there already on. Only
        one of it may run: two would read a file twice."""
        loop = asyncio.get_running_loop()
        swept = loop.time() - _SWEEP_SECONDS
        while True:
            try:
                if loop.time() - swept >= _SWEEP_SECONDS:
                    await self.sweep()
                    swept = loop.time()
                await self.catch_up()
            except HybridError:
                # The record is away, or refuses: the events wait, here and in the inbox.
                _log.warning("captured events are left for later", exc_info=True)
            try:
                async with asyncio.timeout(_LOOK_SECONDS):
                    await self._news.wait()
            except TimeoutError:
                continue
            # A prompt waits for its context at this moment, and a turn can wait.
            await asyncio.sleep(_BEHIND_SECONDS)

    async def sweep(self) -> None:
        """Hand on what was left, by a crash or by sessions that were killed, and forget what is
        long finished."""
        await self._drain()
        await asyncio.to_thread(self._inbox.tidy)
        for session, abandoned in await self._records.open_sessions(_ABANDONED_SECONDS):
            await self._hand_on(session, abandoned=abandoned)
        await self._records.forget(_KEPT_DAYS)

    async def catch_up(self) -> None:
        """Read the inbox, and hand on the turns that are finished since."""
        self._news.clear()
        await self._drain()
        while self._due:
            session = next(iter(self._due))
            del self._due[session]
            try:
                await self._hand_on(session)
            except UnavailableError:
                self._due[session] = None
                raise

    async def _drain(self) -> bool:
        """Take what is in the inbox. Whether there was anything."""
        files = await asyncio.to_thread(self._inbox.files)
        for file in files:
            wrong = ""
            for line in await asyncio.to_thread(self._inbox.lines, file):
                try:
                    await self.take(line)
                except InvalidArgumentError as error:
                    wrong = str(error)
            if wrong:
                await asyncio.to_thread(self._inbox.set_aside, file, wrong)
            else:
                await asyncio.to_thread(self._inbox.remove, file)
        return bool(files)

    async def _hand_on(self, session: str, *, abandoned: bool = False) -> None:
        """Hand on the finished turns of a session. One that is refused waits for a sweep."""
        opened = await self._records.of_session(session)
        # An event that is in the record may follow one that still is in the inbox.
        if await self._drain():
            opened = await self._records.of_session(session)
        showings = {each.event.key: each.showing_id for each in opened}
        known = {each.event.key for each in opened if each.recorded}
        threads, stray = finished_threads([each.event for each in opened], abandoned=abandoned)
        try:
            for thread in threads:
                keys = [event.key for event in thread.own]
                if not known.issuperset(keys):
                    turn = await self._turn(thread, showings)
                    if turn is not None:
                        await self._recorder.record(turn)
                # An answer need not be the end: a hook of somebody else's may have the agent go on.
                if thread.over_at is None:
                    await self._records.mark(keys)
                else:
                    await self._records.finish(keys)
            await self._records.finish(stray)
        except UnavailableError:
            raise
        except HybridError:
            _log.warning("a turn of session %s is left for later", session, exc_info=True)

    async def _turn(self, thread: Thread, showings: Mapping[str, str | None]) -> Turn | None:
        """The turn that a thread is; None where nobody knows what was asked."""
        first, last = thread.own[0], thread.own[-1]
        began = min(first, thread.opening or first, key=lambda event: event.at)
        asked, digest, named = await self._asked(thread)
        if not asked.strip():
            return None
        took = await self._took(thread)
        number = await self._records.number(named.key, digest)
        session = first.session_id if first.agent_id is None else subagent(first)
        answer = thread.response or self._clean(took.text)
        return Turn(
            key=digest_turn_key(session, digest, number),
            session_id=first.session_id,
            project=first.project,
            prompt=asked,
            response=answer,
            model=took.model or _UNKNOWN_MODEL,
            started_at=began.at,
            actions=tuple(map(_action, thread.actions)),
            tokens_used=took.tokens,
            latency_ms=_milliseconds(began, last),
            showing_id=showings.get(first.key),
            agent=_text(last.content.get("agent")) or first.agent_id,
            interrupted=thread.interrupted,
        )

    async def _asked(self, thread: Thread) -> tuple[str, str, CapturedEvent]:
        """What was asked, its digest, and the event that is numbered for the turn's key."""
        opening, last = thread.opening, thread.own[-1]
        if opening is None:  # what started the subagent is in a turn already, or was never told
            transcript = _text(last.content.get("transcript"))
            asked = await asyncio.to_thread(first_prompt, transcript)
            return self._clean(asked), prompt_digest(asked), last
        if opening.kind is EventKind.PROMPT:
            return _text(opening.content.get("prompt")), opening.digest or "", opening
        return _text(opening.content.get("task")), opening.digest or "", last

    async def _took(self, thread: Thread) -> Spent:
        """What the session file tells of a turn, once it holds the answer that was told: Claude
        Code writes it behind its hooks' backs."""
        first, last = thread.own[0], thread.own[-1]
        places = (_text(event.content.get("transcript")) for event in (last, first))
        transcript = next(filter(None, places), "")
        since = first.at if first.agent_id is None else _BEGINNING
        until = max(last.at, thread.over_at or last.at)
        took = await asyncio.to_thread(spent, transcript, since, until)
        for _ in range(_MORE_LOOKS):
            if not took.model or thread.response in self._clean(took.text):
                break
            await asyncio.sleep(_FLUSH_SECONDS)
            took = await asyncio.to_thread(spent, transcript, since, until)
        return took

    def _clean(self, text: str) -> str:
        return self._scrub(without_injected(text))


def subagent(event: CapturedEvent) -> str:
    """What stands for the session in the keys of a subagent's turns."""
    return f"{event.session_id}/{event.agent_id}"


def _action(event: CapturedEvent) -> Action:
    told = event.content
    exit_code = told.get("exit_code")
    return Action(
        kind=ActionKind(_text(told["kind"])),
        subject=_text(told["subject"]),
        ok=told["ok"] is True,
        exit_code=exit_code if isinstance(exit_code, int) else None,
        detail=_text(told["detail"]),
        at=event.at,
    )


def _milliseconds(first: CapturedEvent, last: CapturedEvent) -> int:
    """How long a turn took; by the clock that does not go back, unless the machine was restarted
    meanwhile."""
    ticks = last.tick - first.tick
    elapsed = ticks / 1e6 if ticks >= 0 else (last.at - first.at) / timedelta(milliseconds=1)
    return int(min(max(elapsed, 0), _MOST_MILLISECONDS))


def _text(value: JsonValue) -> str:
    return value if isinstance(value, str) else ""
