"""Knowledge with what is known of it, for other machines and from them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from uuid import UUID

from hybrid_coordinator.domain.histories import Elsewhere
from hybrid_coordinator.domain.ids import knowledge_id
from hybrid_coordinator.domain.knowledge import KnowledgeItem, NewKnowledge, Origin, StoreAction
from hybrid_coordinator.domain.sharing import Scope
from hybrid_coordinator.storage.postgres.database import Database, Session
from hybrid_coordinator.storage.postgres.histories import elsewhere_of
from hybrid_coordinator.storage.postgres.ids import parse_id
from hybrid_coordinator.storage.postgres.knowledge import KnowledgeRecords, knowledge_item
from hybrid_coordinator.storage.postgres.queries import load_queries


class _UndoneError(Exception):
    """Ends the transaction of a dry run."""


@dataclass(frozen=True, slots=True)
class _Queries:
    is_known: str
    machine: str
    page: str
    elsewhere: str
    lock: str
    standing: str
    note: str


class SharedKnowledge:
    """The record's part in export and import."""

    def __init__(self, database: Database, knowledge: KnowledgeRecords) -> None:
        self._database = database
        self._knowledge = knowledge
        self._queries = load_queries("sharing", _Queries)

    async def page(
        self, scope: Scope, after: str | None, limit: int
    ) -> list[tuple[KnowledgeItem, tuple[Elsewhere, ...]]]:
        """Entries in id order, the first ones or those behind the id ``after``, each with what is
        known of it: here first, then elsewhere."""
        start = None if after is None else parse_id("after", after)
        async with self._database.transaction() as session:
            rows = await session.fetch(
                self._queries.page, start, scope.project, scope.collection, scope.since, limit
            )
            own = str(await session.fetch_value(self._queries.machine))
            others = await session.fetch(self._queries.elsewhere, [row["id"] for row in rows])
        elsewhere: defaultdict[UUID, list[Elsewhere]] = defaultdict(list)
        for row in others:
            elsewhere[row["item_id"]].append(elsewhere_of(row))
        return [
            (
                knowledge_item(row),
                (
                    Elsewhere(
                        own,
                        row["version"],
                        row["origin"],
                        row["supports"],
                        row["against"],
                        row["uses"],
                        row["successes"],
                        row["judged"],
                    ),
                    *elsewhere[row["id"]],
                ),
            )
            for row in rows
        ]

    async def is_known(self, project: str) -> bool:
        """Whether somebody works under this name here."""
        known: bool = await self._database.fetch_value(self._queries.is_known, project)
        return known

    async def take_in(
        self, new: NewKnowledge, provenance: Sequence[Elsewhere], *, dry_run: bool
    ) -> StoreAction:
        """Store an entry of another machine, the first of ``provenance``, with what is known of it
        elsewhere: all of it or nothing. What was stated here stays as it is said, what was retired
        stays so, and what this machine has itself is not changed by an export of its own."""
        with suppress(_UndoneError):
            async with self._database.transaction() as session:
                action = await self._take_in(session, new, provenance)
                _end(dry_run)
        return action

    async def _take_in(
        self, session: Session, new: NewKnowledge, provenance: Sequence[Elsewhere]
    ) -> StoreAction:
        entry = knowledge_id(new.collection, new.project, new.title)
        identifier, sender = parse_id("id", entry), provenance[0]
        await session.execute(self._queries.lock, entry)
        own = str(await session.fetch_value(self._queries.machine))
        (standing,) = await session.fetch(
            self._queries.standing, identifier, parse_id("machine", sender.machine)
        )
        if standing["here"] and sender.machine == own:
            return StoreAction.UNCHANGED
        action = StoreAction.UNCHANGED
        if standing["version"] is None or standing["version"] < sender.version:
            _, action = await self._knowledge.store_within(session, new, Origin.IMPORT)
        for one in provenance:
            if one.machine != own:
                await session.execute(
                    self._queries.note,
                    identifier,
                    parse_id("machine", one.machine),
                    one.version,
                    one.origin,
                    one.supports,
                    one.against,
                    one.uses,
                    one.successes,
                    one.judged,
                )
        return action


def _end(dry_run: bool) -> None:
    if dry_run:
        raise _UndoneError
