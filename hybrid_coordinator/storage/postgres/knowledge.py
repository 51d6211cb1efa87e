"""Knowledge entries as append-only versions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from hybrid_coordinator.domain.ids import knowledge_id
from hybrid_coordinator.domain.items import CollectionName
from hybrid_coordinator.domain.knowledge import (
    Delta,
    JsonValue,
    KnowledgeItem,
    NewKnowledge,
    Origin,
    StoreAction,
)
from hybrid_coordinator.errors import NotFoundError
from hybrid_coordinator.storage.postgres.database import WHOLE_TABLE_SECONDS, Database, Row, Session
from hybrid_coordinator.storage.postgres.generations import require_serving
from hybrid_coordinator.storage.postgres.ids import parse_id, parse_ids
from hybrid_coordinator.storage.postgres.queries import load_queries


@dataclass(frozen=True, slots=True)
class _Queries:
    lock: str
    store: str
    support: str
    evidence: str
    evidence_standing: str
    change: str
    deprecate: str
    restore: str
    learned: str
    resting_on: str
    get_many: str
    unprojected: str
    count_unprojected: str
    mark_projected: str
    mark_all_unprojected: str
    unbuilt: str
    mark_built: str
    page: str


@dataclass(frozen=True, slots=True)
class EvidenceStanding:
    """How the interactions stand that an entry rests on. ``mean_value`` (0-1) is that of those that
    speak for it, None where none does. The ids of the ``latest`` are newest first; ``turned`` are
    those, in no order, that speak otherwise now than was noted."""

    mean_value: float | None
    latest_for: tuple[str, ...]
    latest_failures: tuple[str, ...]
    turned_for: tuple[str, ...]
    turned_against: tuple[str, ...]


class KnowledgeRecords:
    """What is known: entries with an id made of collection, project and title."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._queries = load_queries("knowledge", _Queries)

    async def store(
        self,
        new: NewKnowledge,
        *,
        origin: Origin = Origin.STATED,
        evidence: Sequence[str] = (),
    ) -> tuple[str, StoreAction]:
        """Store an entry; returns its id and what happened. Durable when it returns.

        An entry of this id that differs gets a new version: the new title and content, and the
        fields of both, the new ones winning. Callers who store the same entry at once take
        turns, so nothing is lost.

        What is learned (any other ``origin``) changes neither what was stated nor what was taken
        out of use; ``evidence``, the interactions that it was learned from, is kept for it all
        the same. What is stated takes up an entry that was out of use.
        """
        rests_on = parse_ids("evidence", evidence)
        async with self._database.transaction() as session:
            entry, action = await self.store_within(session, new, origin)
            if rests_on:
                await session.execute(self._queries.support, parse_id("id", entry), rests_on, True)
        return entry, action

    async def store_within(
        self, session: Session, new: NewKnowledge, origin: Origin
    ) -> tuple[str, StoreAction]:
        """Store an entry as ``store`` does, as a part of a caller's transaction."""
        entry = knowledge_id(new.collection, new.project, new.title)
        await session.execute(self._queries.lock, entry)
        created: bool | None = await session.fetch_value(
            self._queries.store,
            parse_id("id", entry),
            new.collection,
            new.project,
            new.title,
            new.content,
            dict(new.fields),
            origin,
        )
        if created is None:
            return entry, StoreAction.UNCHANGED
        return entry, StoreAction.CREATED if created else StoreAction.MERGED

    async def support(self, entry: str, interactions: Sequence[str], *, supports: bool) -> None:
        """Note interactions that speak for an entry, or against it."""
        await self._database.execute(
            self._queries.support,
            parse_id("id", entry),
            parse_ids("interactions", interactions),
            supports,
        )

    async def evidence(self, entry: str) -> list[tuple[str, bool]]:
        """The interactions that an entry rests on, oldest first, and whether each speaks for
        it."""
        rows = await self._database.fetch(self._queries.evidence, parse_id("id", entry))
        return [(str(row["interaction_id"]), row["supports"]) for row in rows]

    async def evidence_standing(
        self, entry: str, high_value: float, latest: int
    ) -> EvidenceStanding:
        """How the interactions stand now that an entry rests on: one speaks for it from a value of
        ``high_value`` (0-1) on. At most ``latest`` ids are told of those that are the latest."""
        (row,) = await self._database.fetch(
            self._queries.evidence_standing, parse_id("id", entry), high_value, latest
        )
        return EvidenceStanding(
            mean_value=row["mean_value"],
            latest_for=tuple(map(str, row["latest_for"])),
            latest_failures=tuple(map(str, row["latest_failures"])),
            turned_for=tuple(map(str, row["turned_for"])),
            turned_against=tuple(map(str, row["turned_against"])),
        )

    async def change(
        self,
        entry: str,
        *,
        content: str | None = None,
        fields: Mapping[str, JsonValue] | None = None,
        origin: Origin | None = None,
        reason: str,
    ) -> KnowledgeItem:
        """Give an entry another content, other fields (all of them) or another origin; None leaves
        what is there. Its title, which makes its id, stays.

        Raises:
            NotFoundError: there is no such entry in use.
        """
        async with self._database.transaction() as session:
            await session.execute(self._queries.lock, entry)
            rows = await session.fetch(
                self._queries.change,
                parse_id("id", entry),
                content,
                None if fields is None else dict(fields),
                reason,
                origin,
            )
        if not rows:
            raise _unknown(entry)
        return knowledge_item(rows[0])

    async def deprecate(self, entry: str, reason: str) -> None:
        """Take an entry out of use, and keep it as a tombstone, so that it is not learned anew.

        Raises:
            NotFoundError: there is no such entry in use.
        """
        async with self._database.transaction() as session:
            await session.execute(self._queries.lock, entry)
            version: int | None = await session.fetch_value(
                self._queries.deprecate, parse_id("id", entry), reason
            )
        if version is None:
            raise _unknown(entry)

    async def restore(self, entry: str, reason: str) -> None:
        """Take an entry that was out of use into use again, as it was.

        Raises:
            NotFoundError: there is no such entry out of use.
        """
        async with self._database.transaction() as session:
            await session.execute(self._queries.lock, entry)
            version: int | None = await session.fetch_value(
                self._queries.restore, parse_id("id", entry), reason
            )
        if version is None:
            raise NotFoundError(f"there is no entry {entry} out of use")

    async def learned(
        self, collection: CollectionName, project: str, origin: Origin
    ) -> list[KnowledgeItem]:
        """The entries in use that a project has from ``origin``."""
        rows = await self._database.fetch(self._queries.learned, collection, project, origin)
        return [knowledge_item(row) for row in rows]

    async def resting_on(self, interaction_id: str, origin: Origin) -> list[str]:
        """The ids of the entries from ``origin``, also those out of use, that an interaction
        speaks for or against."""
        rows = await self._database.fetch(
            self._queries.resting_on, parse_id("interaction_id", interaction_id), origin
        )
        return [str(row["item_id"]) for row in rows]

    async def get_many(self, ids: Sequence[str]) -> list[KnowledgeItem]:
        """The entries of these ids that exist, in the order of ``ids``, also those out of use."""
        wanted = parse_ids("ids", ids)
        rows = await self._database.fetch(self._queries.get_many, wanted)
        found = {row["id"]: row for row in rows}
        return [knowledge_item(found[uuid]) for uuid in wanted if uuid in found]

    async def unprojected(self, limit: int) -> list[KnowledgeItem]:
        """Entries whose current version is not projected, oldest first."""
        rows = await self._database.fetch(self._queries.unprojected, limit)
        return [knowledge_item(row) for row in rows]

    async def count_unprojected(self) -> int:
        """How many entries wait to be projected."""
        count: int = await self._database.fetch_value(self._queries.count_unprojected)
        return count

    async def mark_projected(self, pairs: Sequence[tuple[str, int]], generation: int) -> None:
        """Say that this generation of the index has these (id, version). A newer version stays
        unprojected.

        Raises:
            NotFoundError: that generation does not serve; nothing is marked.
        """
        serves = await self._database.fetch_value(
            self._queries.mark_projected,
            [parse_id("id", uuid) for uuid, _ in pairs],
            [version for _, version in pairs],
            generation,
        )
        require_serving(serves, generation)

    async def mark_all_unprojected(self) -> None:
        """Make every entry wait to be projected anew."""
        statement = self._queries.mark_all_unprojected
        await self._database.execute(statement, timeout=WHOLE_TABLE_SECONDS)

    async def unbuilt(self, after: str | None, limit: int) -> list[KnowledgeItem]:
        """Entries that the generation under construction lacks, in id order behind ``after``."""
        start = None if after is None else parse_id("after", after)
        rows = await self._database.fetch(self._queries.unbuilt, start, limit)
        return [knowledge_item(row) for row in rows]

    async def mark_built(self, pairs: Sequence[tuple[str, int]]) -> None:
        """Say that the generation under construction has these (id, version)."""
        await self._database.execute(
            self._queries.mark_built,
            [parse_id("id", uuid) for uuid, _ in pairs],
            [version for _, version in pairs],
        )

    async def page(self, after: str | None, limit: int) -> list[KnowledgeItem]:
        """Entries in use in id order, the first ones or those behind the id ``after``."""
        start = None if after is None else parse_id("after", after)
        rows = await self._database.fetch(self._queries.page, start, limit)
        return [knowledge_item(row) for row in rows]


def _unknown(entry: str) -> NotFoundError:
    return NotFoundError(f"there is no entry {entry} in use; use an id that a search returned")


def knowledge_item(row: Row) -> KnowledgeItem:
    """An entry from a row of `current_knowledge`."""
    return KnowledgeItem(
        id=str(row["id"]),
        version=row["version"],
        collection=CollectionName(row["collection"]),
        project=row["project"],
        title=row["title"],
        content=row["content"],
        fields=row["fields"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
        delta=Delta(row["delta"]),
        origin=Origin(row["origin"]),
        reason=row["reason"],
    )
