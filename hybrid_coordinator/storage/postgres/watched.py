"""Which directories are followed whenever a coordinator runs."""

from __future__ import annotations

from dataclasses import dataclass

from hybrid_coordinator.storage.postgres.database import Database
from hybrid_coordinator.storage.postgres.queries import load_queries


@dataclass(frozen=True, slots=True)
class _Queries:
    add: str
    remove: str
    all: str


class WatchedDirectories:
    """The followed directories of every project."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._queries = load_queries("watched", _Queries)

    async def add(self, project: str, directory: str) -> None:
        """Follow a directory; nothing happens if it is followed already."""
        await self._database.execute(self._queries.add, project, directory)

    async def remove(self, project: str, directory: str) -> None:
        """Follow a directory no longer; nothing happens if it is not followed."""
        await self._database.execute(self._queries.remove, project, directory)

    async def all(self) -> list[tuple[str, str]]:
        """Every (project, directory), those that are followed the longest first."""
        rows = await self._database.fetch(self._queries.all)
        return [(row["project"], row["directory"]) for row in rows]
