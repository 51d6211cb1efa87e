"""Points that have to leave the index: an outbox of what was deleted from the record."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from hybrid_coordinator.domain.items import CollectionName
from hybrid_coordinator.storage.postgres.database import Database, Row
from hybrid_coordinator.storage.postgres.generations import require_serving
from hybrid_coordinator.storage.postgres.ids import parse_id, parse_ids
from hybrid_coordinator.storage.postgres.queries import load_queries


@dataclass(frozen=True, slots=True)
class Tombstone:
    """What is left of a deleted thing."""

    id: str
    collection: CollectionName


@dataclass(frozen=True, slots=True)
class _Queries:
    pending: str
    removed: str
    page: str
    count_pending: str
    expire: str


class Tombstones:
    """Ids of deleted things. Each point is taken out at once, and again after a minute: another
    coordinator may have read the row before it was deleted, and store its point after that."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._queries = load_queries("forgotten", _Queries)

    async def pending(self, limit: int) -> list[Tombstone]:
        """Those whose point is to be taken out now, oldest first."""
        return _tombstones(await self._database.fetch(self._queries.pending, limit))

    async def removed(self, ids: Sequence[str], generation: int) -> None:
        """Say that the points of these were taken out of this generation.

        Raises:
            NotFoundError: it does not serve; nothing is said.
        """
        serves = await self._database.fetch_value(
            self._queries.removed, parse_ids("ids", ids), generation
        )
        require_serving(serves, generation)

    async def page(self, after: str | None, limit: int) -> list[Tombstone]:
        """All of them in id order, the first ones or those behind the id ``after``."""
        start = None if after is None else parse_id("after", after)
        return _tombstones(await self._database.fetch(self._queries.page, start, limit))

    async def count_pending(self) -> int:
        """How many have a point in the index, as far as is known."""
        count: int = await self._database.fetch_value(self._queries.count_pending)
        return count

    async def expire(self, before: datetime) -> None:
        """Drop those that were made before then and have nothing left to do."""
        await self._database.execute(self._queries.expire, before)


def _tombstones(rows: Sequence[Row]) -> list[Tombstone]:
    return [Tombstone(str(row["id"]), CollectionName(row["collection"])) for row in rows]
