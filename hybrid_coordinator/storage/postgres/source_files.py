"""The manifest of indexed source files."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from hybrid_coordinator.storage.postgres.database import WHOLE_TABLE_SECONDS, Database, Row
from hybrid_coordinator.storage.postgres.ids import parse_ids
from hybrid_coordinator.storage.postgres.queries import load_queries

_PARTS = "./"
"""The path of the row that says that a root is partial; the queries know it, too."""


@dataclass(frozen=True, slots=True)
class SourceFile:
    """An indexed file: its path below the root, and the points made of it in order.

    ``stamp`` is what the file system said of the file when that content was read, so that an
    equal one makes reading it again needless; empty where it does not.
    """

    path: str
    content_hash: str
    chunk_ids: tuple[str, ...]
    stamp: str = ""


@dataclass(frozen=True, slots=True)
class ProjectSummary:
    """What is indexed below one root; ``indexed_at`` is when a file last changed there."""

    project: str
    root: str
    files: int
    chunks: int
    indexed_at: datetime


@dataclass(frozen=True, slots=True)
class _Queries:
    manifest: str
    part: str
    chunks: str
    put: str
    stamp: str
    remove: str
    is_partial: str
    roots: str
    unfinished_roots: str
    mark_all_unfinished: str
    summary: str


class SourceFiles:
    """Which files of a project are in the index, and of which content: in the generation that is
    given at the moment of each call, or (None) in the one that serves then."""

    def __init__(
        self, database: Database, generation: Callable[[], int | None] = lambda: None
    ) -> None:
        self._database = database
        self._generation_now = generation
        self._queries = load_queries("source_files", _Queries)

    @property
    def _generation(self) -> int | None:
        return self._generation_now()

    async def manifest(self, project: str, root: str) -> dict[str, SourceFile]:
        """The indexed files below ``root`` by path."""
        rows = await self._database.fetch(self._queries.manifest, project, root, self._generation)
        return _by_path(rows)

    async def part(self, project: str, root: str, paths: Sequence[str]) -> dict[str, SourceFile]:
        """The same for these files, and for what is in these directories."""
        return _by_path(
            await self._database.fetch(
                self._queries.part, project, root, list(paths), self._generation
            )
        )

    async def chunks(self, project: str, root: str) -> int:
        """How many points of the files below ``root`` are in place."""
        return int(
            await self._database.fetch_value(self._queries.chunks, project, root, self._generation)
        )

    async def put(self, project: str, root: str, files: Sequence[SourceFile]) -> None:
        """Add files or replace those of the same path; all of them or none."""
        await self._database.execute_many(
            self._queries.put,
            [
                (
                    project,
                    root,
                    file.path,
                    file.content_hash,
                    parse_ids("chunk_ids", file.chunk_ids),
                    file.stamp,
                    self._generation,
                )
                for file in files
            ],
        )

    async def stamp(self, project: str, root: str, stamps: Mapping[str, str]) -> None:
        """Note by path what the file system says now of files whose content is the recorded."""
        await self._database.execute(
            self._queries.stamp,
            project,
            root,
            list(stamps),
            list(stamps.values()),
            self._generation,
        )

    async def remove(self, project: str, root: str, paths: Sequence[str]) -> None:
        """Forget files; unknown paths are ignored."""
        await self._database.execute(
            self._queries.remove, project, root, list(paths), self._generation
        )

    async def mark_partial(self, project: str, root: str) -> None:
        """Say that of ``root`` only the files that are recorded were asked for, not the rest."""
        await self.put(project, root, [SourceFile(_PARTS, "parts", ())])

    async def mark_whole(self, project: str, root: str) -> None:
        """Say that all of ``root`` was asked for."""
        await self.remove(project, root, [_PARTS])

    async def is_partial(self, project: str, root: str) -> bool:
        """Whether of ``root`` only the files that are recorded were asked for."""
        return bool(
            await self._database.fetch_value(
                self._queries.is_partial, project, root, self._generation
            )
        )

    async def roots(self) -> list[tuple[str, str]]:
        """Every indexed (project, root), sorted."""
        rows = await self._database.fetch(self._queries.roots, self._generation)
        return [(row["project"], row["root"]) for row in rows]

    async def unfinished_roots(self) -> list[tuple[str, str]]:
        """Every (project, root) with files whose points are not all in place, sorted."""
        rows = await self._database.fetch(self._queries.unfinished_roots, self._generation)
        return [(row["project"], row["root"]) for row in rows]

    async def mark_all_unfinished(self) -> None:
        """Say that the index has no point of any file, so that each root is indexed again."""
        statement = self._queries.mark_all_unfinished
        await self._database.execute(statement, self._generation, timeout=WHOLE_TABLE_SECONDS)

    async def summary(self) -> list[ProjectSummary]:
        """What is indexed, by project and root."""
        rows = await self._database.fetch(self._queries.summary, self._generation)
        return [
            ProjectSummary(
                row["project"], row["root"], row["files"], row["chunks"], row["indexed_at"]
            )
            for row in rows
        ]


def _by_path(rows: Iterable[Row]) -> dict[str, SourceFile]:
    return {
        row["path"]: SourceFile(
            row["path"],
            row["content_hash"],
            tuple(row["chunk_ids"]),
            row["stamp"],
        )
        for row in rows
    }
