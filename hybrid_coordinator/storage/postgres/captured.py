"""What the hooks of coding agents tell: kept until it is a turn, and known again after that."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from hybrid_coordinator.domain.captured import CapturedEvent, EventKind
from hybrid_coordinator.storage.postgres.database import Database
from hybrid_coordinator.storage.postgres.ids import parse_id
from hybrid_coordinator.storage.postgres.queries import load_queries


@dataclass(frozen=True, slots=True)
class _Queries:
    add: str
    show: str
    open_events: str
    open_sessions: str
    number: str
    mark: str
    finish: str
    forget: str
    last_event: str
    waiting: str


@dataclass(frozen=True, slots=True)
class OpenEvent:
    """An event whose turn is not over, with the showing of what was injected for it, and whether
    the turn is in the record already."""

    event: CapturedEvent
    showing_id: str | None = None
    recorded: bool = False


class CapturedEvents:
    """The events of live sessions."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._queries = load_queries("captured", _Queries)

    async def add(self, event: CapturedEvent) -> bool:
        """Keep an event. False if it has been told before: then nothing changes."""
        added = await self._database.fetch_value(
            self._queries.add,
            event.key,
            event.session_id,
            event.kind.value,
            event.at,
            event.tick,
            event.project,
            event.prompt_id,
            event.agent_id,
            event.digest,
            dict(event.content),
        )
        return added is not None

    async def show(self, key: str, showing_id: str) -> None:
        """Note what was injected for a prompt. Nothing happens once the prompt is in a turn."""
        await self._database.execute(self._queries.show, key, parse_id("showing_id", showing_id))

    async def of_session(self, session_id: str) -> list[OpenEvent]:
        """The events of a session whose turns are not over, in the order of their clock."""
        rows = await self._database.fetch(self._queries.open_events, session_id)
        return [
            OpenEvent(
                CapturedEvent(
                    key=row["key"],
                    session_id=row["session_id"],
                    kind=EventKind(row["kind"]),
                    at=row["at"],
                    tick=row["tick"],
                    project=row["project"],
                    prompt_id=row["prompt_id"],
                    agent_id=row["agent_id"],
                    digest=row["digest"],
                    content=row["content"],
                ),
                None if row["showing_id"] is None else str(row["showing_id"]),
                row["recorded"],
            )
            for row in rows
        ]

    async def open_sessions(self, abandoned_after: float) -> list[tuple[str, bool]]:
        """The sessions that have such events, the quietest first, each with whether nothing was
        heard of it for ``abandoned_after`` seconds."""
        rows = await self._database.fetch(self._queries.open_sessions, abandoned_after)
        return [(row["session_id"], row["abandoned"]) for row in rows]

    async def number(self, key: str, digest: str) -> int:
        """The how manyeth time, from 1, the thread of the event has a prompt of this digest. It
        stays what it was first said to be."""
        number: int = await self._database.fetch_value(self._queries.number, key, digest)
        return number

    async def mark(self, keys: Sequence[str]) -> None:
        """The turn of the events is in the record, and may still go on."""
        await self._database.execute(self._queries.mark, list(keys))

    async def finish(self, keys: Sequence[str]) -> None:
        """The turn of the events is over, or there is none: what they told is dropped."""
        await self._database.execute(self._queries.finish, list(keys))

    async def forget(self, days: int) -> None:
        """Drop what is left of finished events that came more than ``days`` days ago, but for the
        count of each prompt."""
        await self._database.execute(self._queries.forget, days)

    async def last_event(self) -> datetime | None:
        """When the last one came; None where none ever did."""
        last: datetime | None = await self._database.fetch_value(self._queries.last_event)
        return last

    async def waiting(self) -> int:
        """How many are in no turn yet."""
        count: int = await self._database.fetch_value(self._queries.waiting)
        return count
