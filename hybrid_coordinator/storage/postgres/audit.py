"""The audit log: rows are added, read, and deleted when they are old; never changed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from hybrid_coordinator.domain.access import AuditEntry, Deed
from hybrid_coordinator.storage.postgres.database import Database
from hybrid_coordinator.storage.postgres.ids import parse_id
from hybrid_coordinator.storage.postgres.queries import load_queries


@dataclass(frozen=True, slots=True)
class _Queries:
    add: str
    page: str
    expire: str


class AuditRecords:
    """Who did what, or was refused."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._queries = load_queries("audit", _Queries)

    async def add(self, deed: Deed) -> None:
        """Write it down. Durable when it returns."""
        await self._database.execute(
            self._queries.add,
            deed.user,
            None if deed.token_id is None else parse_id("token_id", deed.token_id),
            deed.action,
            deed.target,
            deed.place,
            deed.allowed,
            deed.reason,
        )

    async def page(
        self,
        user: str | None,
        allowed: bool | None,
        since: datetime | None,
        before: int | None,
        limit: int,
    ) -> list[AuditEntry]:
        """The latest ``limit`` entries with an id below ``before``; what is None does not
        restrict."""
        rows = await self._database.fetch(self._queries.page, user, allowed, since, before, limit)
        return [
            AuditEntry(
                row["id"],
                row["at"],
                Deed(
                    row["action"],
                    row["target"],
                    row["place"],
                    row["user_name"],
                    None if row["token_id"] is None else str(row["token_id"]),
                    row["allowed"],
                    row["reason"],
                ),
            )
            for row in rows
        ]

    async def expire(self, age: timedelta) -> None:
        """Delete what is older; of the last seven days nothing can be deleted."""
        await self._database.execute(self._queries.expire, age)
