"""The manifest of indexed source files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from hybrid_coordinator.storage.postgres.database import Database
from hybrid_coordinator.storage.postgres.ids import parse_ids
from hybrid_coordinator.storage.postgres.queries import load_queries


@dataclass(frozen=True, slots=True)
class SourceFile:
    """An indexed file: its path below the root, and the points made of it in order."""

    path: str
    content_hash: str
    chunk_ids: tuple[str, ...]


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
    put: str
    remove: str
    roots: str
    unfinished_roots: str
    mark_all_unfinished: str
    summary: str


class SourceFiles:
    """Which files of a project are in the index, and of which content: in the generation of this
    number, or in whichever serves at the moment of each call."""

    def __init__(self, database: Database, generation: int | None = None) -> None:
        self._database = database
        self._generation = generation
        self._queries = load_queries("source_files", _Queries)

    async def manifest(self, project: str, root: str) -> dict[str, SourceFile]:
        """The indexed files below ``root`` by path."""
        rows = await self._database.fetch(self._queries.manifest, project, root, self._generation)
        return {
            row["path"]: SourceFile(
                row["path"], row["content_hash"], tuple(str(uuid) for uuid in row["chunk_ids"])
            )
            for row in rows
        }

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
                    self._generation,
                )
                for file in files
            ],
        )

    async def remove(self, project: str, root: str, paths: Sequence[str]) -> None:
        """Forget files; unknown paths are ignored."""
        await self._database.execute(
            self._queries.remove, project, root, list(paths), self._generation
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
        await self._database.execute(self._queries.mark_all_unfinished, self._generation)

    async def summary(self) -> list[ProjectSummary]:
        """What is indexed, by project and root."""
        rows = await self._database.fetch(self._queries.summary, self._generation)
        return [
            ProjectSummary(
                row["project"], row["root"], row["files"], row["chunks"], row["indexed_at"]
            )
            for row in rows
        ]
