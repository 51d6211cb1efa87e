"""Which session files were imported, and as of which state."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from hybrid_coordinator.storage.postgres.database import Database
from hybrid_coordinator.storage.postgres.queries import load_queries


@dataclass(frozen=True, slots=True)
class FileState:
    """A file as it was seen: its path, size in bytes, and time of change in nanoseconds."""

    path: str
    size: int
    modified_ns: int


@dataclass(frozen=True, slots=True)
class _Queries:
    known: str
    add: str


class ImportedFiles:
    """Remembers what was imported to its end."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._queries = load_queries("imported_files", _Queries)

    async def known(self, paths: Sequence[str], since: datetime | None) -> set[FileState]:
        """The states in which these files were imported, as far as that took in all turns from
        ``since`` on (all there are, without it)."""
        rows = await self._database.fetch(self._queries.known, list(paths), since)
        return {FileState(row["path"], row["bytes"], row["modified_ns"]) for row in rows}

    async def add(self, file: FileState, since: datetime | None) -> None:
        """Note that the turns of a file from ``since`` on are in the record."""
        await self._database.execute(
            self._queries.add, file.path, file.size, file.modified_ns, since
        )
