"""Seeing what is remembered, and deleting it from the record with everything that refers to it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from hybrid_coordinator.domain.forgetting import Listing, Remembered, Selection
from hybrid_coordinator.domain.items import CollectionName
from hybrid_coordinator.storage.postgres.database import Database, Session
from hybrid_coordinator.storage.postgres.ids import parse_id, parse_ids
from hybrid_coordinator.storage.postgres.queries import load_queries

_WHOLE_TABLE_SECONDS = 600.0
"""For statements that go through whole tables."""


@dataclass(frozen=True, slots=True)
class Removal:
    """What one transaction deleted: ids by what they were of, entries that were ``learned`` from
    its interactions alone, and those ``kept`` that rest on others, too. ``oldest`` is when the
    first of the interactions was made."""

    interactions: tuple[str, ...] = ()
    knowledge: tuple[tuple[str, CollectionName], ...] = ()
    learned: int = 0
    kept: tuple[str, ...] = ()
    oldest: datetime | None = None


@dataclass(frozen=True, slots=True)
class _Queries:
    matching: str
    lock_credit: str
    lock_interactions: str
    lock_knowledge: str
    known: str
    taught: str
    drop_versions: str
    bury_interactions: str
    delete_interactions: str
    bury_knowledge: str
    delete_knowledge: str
    delete_showings: str
    delete_answers: str
    delete_project: str
    delete_jobs: str
    delete_titles: str
    datasets: str
    rewrite: str
    expired: str
    expire_rest: str
    expire_unanswered: str
    expire_spend: str
    expire_showings: str
    vacuum: str


class Forgetting:
    """Deletes rows of any kind, each time leaving tombstones for the index to follow."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._queries = load_queries("forgetting", _Queries)

    async def matching(self, chosen: Selection, limit: int) -> Listing:
        """The latest ``limit`` of what is chosen, and the counts of all of it."""
        rows = await self._database.fetch(
            self._queries.matching,
            chosen.collection,
            chosen.project,
            chosen.before,
            chosen.words,
            limit,
        )
        remembered = (
            Remembered(
                str(row["id"]),
                CollectionName(row["collection"]),
                row["project"],
                row["title"],
                row["state"],
                row["origin"],
                row["created_at"],
                row["changed_at"],
            )
            for row in rows
        )
        return Listing(tuple(remembered), rows[0]["counts"] if rows else {})

    async def known(self, ids: Sequence[str]) -> dict[str, CollectionName]:
        """Which of these ids are there, and the collection of each."""
        rows = await self._database.fetch(self._queries.known, parse_ids("id", ids))
        return {str(row["id"]): CollectionName(row["collection"]) for row in rows}

    async def delete(self, ids: Sequence[str]) -> Removal:
        """Delete interactions and entries, with what was learned from them alone: all of it or
        nothing. Ids that are not there are passed over. Durable when it returns."""
        wanted = parse_ids("id", ids)
        async with self._database.transaction() as session:
            known = await session.fetch(self._queries.known, wanted)
            of_history = CollectionName.INTERACTION_HISTORY
            gone = [row["id"] for row in known if row["collection"] == of_history]
            entries = {row["id"] for row in known if row["collection"] != of_history}
            await session.execute(self._queries.lock_credit)
            # Who learns locks what he learns before what that rests on: so is it done here.
            taught = await session.fetch(self._queries.taught, gone)
            going = {row["item_id"] for row in taught} | entries
            await self._lock_knowledge(session, going)
            await session.execute(self._queries.lock_interactions, gone, [*gone, *going])
            taught = await session.fetch(self._queries.taught, gone)
            learned = {row["item_id"] for row in taught if not row["otherwise"]} - entries
            kept = [row["item_id"] for row in taught if row["item_id"] not in entries | learned]
            await session.execute(self._queries.drop_versions, kept)
            collections = await self._delete_knowledge(session, entries | learned)
            oldest = await self._delete_interactions(session, gone)
            await session.execute(self._queries.delete_showings, gone)
            await session.execute(self._queries.delete_answers)
        return Removal(
            tuple(map(str, gone)), collections, len(learned), tuple(map(str, kept)), oldest
        )

    async def rewrite(self, interaction: str, query: str | None, response: str | None) -> None:
        """Put other words in the place of an interaction's; None leaves them."""
        identifier = parse_id("id", interaction)
        async with self._database.transaction() as session:
            await session.execute(self._queries.rewrite, identifier, query, response)
            await session.execute(self._queries.delete_titles, identifier)
            await session.execute(self._queries.delete_answers)

    async def delete_project(self, project: str) -> None:
        """Delete what is of a project beside its interactions and entries."""
        async with self._database.transaction() as session:
            await session.execute(self._queries.delete_project, project)
            await session.execute(self._queries.delete_answers)

    async def expire(self, before: datetime, limit: int) -> int:
        """Delete interactions that were made before then, the oldest ``limit`` of them; returns
        how many. What was learned from them stays."""
        async with self._database.transaction() as session:
            rows = await session.fetch(self._queries.expired, before, limit)
            gone = [row["id"] for row in rows]
            await session.execute(self._queries.lock_credit)
            await session.execute(self._queries.lock_interactions, gone, gone)
            await self._delete_interactions(session, gone)
            await session.execute(self._queries.delete_showings, gone)
            if len(gone) < limit:
                await session.execute(self._queries.expire_rest, before)
        return len(gone)

    async def expire_showings(self, before: datetime) -> None:
        """Delete what was shown before then, and never came to an interaction."""
        await self._database.execute(self._queries.expire_showings, before)

    async def expire_unanswered(self, before: datetime) -> None:
        """Delete calls of before then that no model answered."""
        await self._database.execute(self._queries.expire_unanswered, before)

    async def expire_spend(self, before: datetime) -> None:
        """Delete what was spent before then."""
        await self._database.execute(self._queries.expire_spend, before)

    async def datasets(self, since: datetime) -> list[str]:
        """Directories of training data that was written since then."""
        rows = await self._database.fetch(self._queries.datasets, since)
        return [row["directory"] for row in rows]

    async def vacuum(self) -> None:
        """Give the room of deleted rows free to be written over."""
        async with self._database.session() as session:
            await session.execute(self._queries.vacuum, timeout=_WHOLE_TABLE_SECONDS)

    async def _delete_interactions(self, session: Session, gone: Sequence[UUID]) -> datetime | None:
        await session.execute(self._queries.bury_interactions, gone)
        await session.execute(self._queries.delete_jobs, list(map(str, gone)))
        rows = await session.fetch(self._queries.delete_interactions, gone)
        return min((row["created_at"] for row in rows), default=None)

    async def _delete_knowledge(
        self, session: Session, gone: set[UUID]
    ) -> tuple[tuple[str, CollectionName], ...]:
        ids = sorted(gone)
        await self._lock_knowledge(session, gone)
        known = await session.fetch(self._queries.known, ids)
        await session.execute(self._queries.bury_knowledge, ids)
        await session.execute(self._queries.delete_knowledge, ids)
        await session.execute(self._queries.delete_showings, ids)
        await session.execute(self._queries.delete_jobs, list(map(str, ids)))
        return tuple((str(row["id"]), CollectionName(row["collection"])) for row in known)

    async def _lock_knowledge(self, session: Session, entries: set[UUID]) -> None:
        await session.execute(self._queries.lock_knowledge, sorted(map(str, entries)))
