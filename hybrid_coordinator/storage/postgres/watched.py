"""Which directories are followed whenever a coordinator runs."""

from __future__ import annotations

from dataclasses import dataclass

from hybrid_coordinator.storage.postgres.database import Database
from hybrid_coordinator.storage.postgres.queries import load_queries


@dataclass(frozen=True, slots=True)
class _Queries:
    add: str
    remove: str
    remove_project: str
    all: str
    take: str
    offer: str


class WatchedDirectories:
    """The directories of every project that the coordinator of one home follows: other machines
    that share the record have others, or others of the same path."""

    def __init__(self, database: Database, home: str) -> None:
        """``home`` is the id of the home."""
        self._database = database
        self._home = home
        self._queries = load_queries("watched", _Queries)

    async def add(self, project: str, directory: str) -> None:
        """Follow a directory; nothing happens if it is followed already."""
        await self._database.execute(self._queries.add, project, directory, self._home)

    async def remove(self, project: str, directory: str) -> None:
        """Follow a directory no longer; nothing happens if it is not followed."""
        await self._database.execute(self._queries.remove, project, directory, self._home)

    async def remove_project(self, project: str) -> None:
        """Have no home follow a directory of a project when it starts the next time."""
        await self._database.execute(self._queries.remove_project, project)

    async def all(self) -> list[tuple[str, str]]:
        """Every (project, directory), those that are followed the longest first."""
        return await self._of(self._home)

    async def of_nobody(self) -> list[tuple[str, str]]:
        """Those that nobody has taken yet: of a backup, or of before homes were told apart."""
        return await self._of("")

    async def take(self, project: str, directory: str) -> None:
        """Follow one of nobody's, unless another home has taken it meanwhile."""
        await self._database.execute(self._queries.take, project, directory, self._home)

    async def offer(self) -> None:
        """Have whoever has one of these paths take it too: the homes that did may be no more."""
        await self._database.execute(self._queries.offer)

    async def _of(self, home: str) -> list[tuple[str, str]]:
        rows = await self._database.fetch(self._queries.all, home)
        return [(row["project"], row["directory"]) for row in rows]
