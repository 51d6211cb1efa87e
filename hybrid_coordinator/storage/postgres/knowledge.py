"""Knowledge entries as append-only versions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from hybrid_coordinator.domain.ids import knowledge_id
from hybrid_coordinator.domain.items import CollectionName
from hybrid_coordinator.domain.knowledge import KnowledgeItem, NewKnowledge, StoreAction
from hybrid_coordinator.storage.postgres.database import Database, Row
from hybrid_coordinator.storage.postgres.ids import parse_id, parse_ids
from hybrid_coordinator.storage.postgres.queries import load_queries


@dataclass(frozen=True, slots=True)
class _Queries:
    lock: str
    store: str
    get_many: str
    unprojected: str
    count_unprojected: str
    mark_projected: str
    mark_all_unprojected: str
    unbuilt: str
    mark_built: str
    page: str


class KnowledgeRecords:
    """What is known: entries with an id made of collection, project and title."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._queries = load_queries("knowledge", _Queries)

    async def store(self, new: NewKnowledge) -> tuple[str, StoreAction]:
        """Store an entry; returns its id and what happened. Durable when it returns.

        An entry of this id that differs gets a new version: the new title and content, and the
        fields of both, the new ones winning. Callers who store the same entry at once take
        turns, so nothing is lost.
        """
        entry = knowledge_id(new.collection, new.project, new.title)
        async with self._database.transaction() as session:
            await session.execute(self._queries.lock, entry)
            version: int | None = await session.fetch_value(
                self._queries.store,
                parse_id("id", entry),
                new.collection,
                new.project,
                new.title,
                new.content,
                dict(new.fields),
            )
        if version is None:
            return entry, StoreAction.UNCHANGED
        return entry, StoreAction.CREATED if version == 1 else StoreAction.MERGED

    async def get_many(self, ids: Sequence[str]) -> list[KnowledgeItem]:
        """The entries of these ids that exist, in the order of ``ids``."""
        wanted = parse_ids("ids", ids)
        rows = await self._database.fetch(self._queries.get_many, wanted)
        found = {row["id"]: row for row in rows}
        return [_item(found[uuid]) for uuid in wanted if uuid in found]

    async def unprojected(self, limit: int) -> list[KnowledgeItem]:
        """Entries whose current version is not projected, oldest first."""
        rows = await self._database.fetch(self._queries.unprojected, limit)
        return [_item(row) for row in rows]

    async def count_unprojected(self) -> int:
        """How many entries wait to be projected."""
        count: int = await self._database.fetch_value(self._queries.count_unprojected)
        return count

    async def mark_projected(self, pairs: Sequence[tuple[str, int]]) -> None:
        """Say that the index has these (id, version). A newer version stays unprojected."""
        await self._database.execute(
            self._queries.mark_projected,
            [parse_id("id", uuid) for uuid, _ in pairs],
            [version for _, version in pairs],
        )

    async def mark_all_unprojected(self) -> None:
        """Make every entry wait to be projected anew."""
        await self._database.execute(self._queries.mark_all_unprojected)

    async def unbuilt(self, after: str | None, limit: int) -> list[KnowledgeItem]:
        """Entries that the generation under construction lacks, in id order behind ``after``."""
        start = None if after is None else parse_id("after", after)
        rows = await self._database.fetch(self._queries.unbuilt, start, limit)
        return [_item(row) for row in rows]

    async def mark_built(self, pairs: Sequence[tuple[str, int]]) -> None:
        """Say that the generation under construction has these (id, version)."""
        await self._database.execute(
            self._queries.mark_built,
            [parse_id("id", uuid) for uuid, _ in pairs],
            [version for _, version in pairs],
        )

    async def page(self, after: str | None, limit: int) -> list[KnowledgeItem]:
        """Entries in id order, the first ones or those behind the id ``after``."""
        start = None if after is None else parse_id("after", after)
        rows = await self._database.fetch(self._queries.page, start, limit)
        return [_item(row) for row in rows]


def _item(row: Row) -> KnowledgeItem:
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
    )
