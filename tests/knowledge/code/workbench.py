"""An indexer on the real engines, with a view of what is in them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from hybrid_coordinator.domain.indexing import IndexReport
from hybrid_coordinator.errors import EmbedderUnavailableError
from hybrid_coordinator.knowledge.code.indexer import UNFINISHED, CodeIndexer
from hybrid_coordinator.knowledge.code.worker import Workshop
from hybrid_coordinator.knowledge.embedding.protocol import EmbedderIdentity, Vector
from hybrid_coordinator.knowledge.embedding.static import StaticEmbedder
from hybrid_coordinator.storage.postgres.source_files import SourceFiles
from hybrid_coordinator.storage.vectors.edge import EdgeIndex
from hybrid_coordinator.storage.vectors.protocol import StoredPoint

COLLECTION = "codebase-context"
DIMENSION = 256


class InterruptedRunError(Exception):
    """Stands for the end of the process."""


class Trip:
    """Counts calls of the stores, and fails at one of them."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.fails_at: int | None = None

    def step(self, name: str) -> None:
        self.calls.append(name)
        if self.fails_at is not None and len(self.calls) >= self.fails_at:
            raise InterruptedRunError


class TrippedIndex(EdgeIndex):
    trip: Trip

    async def upsert(self, collection: str, points: Sequence) -> None:
        self.trip.step("upsert")
        await super().upsert(collection, points)

    async def delete(self, collection: str, ids: Sequence[str]) -> None:
        self.trip.step("delete")
        await super().delete(collection, ids)


class TrippedFiles(SourceFiles):
    trip: Trip

    async def put(self, project: str, root: str, files: Sequence) -> None:
        self.trip.step("put")
        await super().put(project, root, files)

    async def remove(self, project: str, root: str, paths: Sequence[str]) -> None:
        self.trip.step("remove")
        await super().remove(project, root, paths)


class CountingEmbedder:
    """The shipped embedder, with what it was asked, and a switch."""

    def __init__(self) -> None:
        self._embedder = StaticEmbedder()
        self.texts: list[str] = []
        self.down = False

    async def identity(self) -> EmbedderIdentity:
        return await self._embedder.identity()

    async def embed(self, texts: Sequence[str]) -> list[Vector]:
        if self.down:
            raise EmbedderUnavailableError("nothing answers at the endpoint; start it.")
        self.texts.extend(texts)
        return await self._embedder.embed(texts)

    async def close(self) -> None:
        await self._embedder.close()


@dataclass
class Workbench:
    """An indexer, and what it stands on."""

    index: TrippedIndex
    files: TrippedFiles
    embedder: CountingEmbedder
    workshop: Workshop
    indexer: CodeIndexer
    trip: Trip

    async def points(self) -> list[StoredPoint]:
        found, cursor = await self.index.scroll(COLLECTION, where={}, limit=10_000)
        assert cursor is None
        return found

    async def snippets(self, path: str) -> list[str]:
        """The text of a file as the index has it, in order of lines."""
        mine = [p.payload for p in await self.points() if p.payload["file_path"] == path]
        return [str(p["code_snippet"]) for p in sorted(mine, key=lambda p: p["start_line"])]

    async def check(self, *roots: Path, project: str = "p") -> None:
        """The index holds the points of the manifests, no more and no fewer."""
        recorded = []
        for root in roots:
            manifest = await self.files.manifest(project, str(root.resolve()))
            assert all(file.content_hash != UNFINISHED for file in manifest.values())
            recorded += [point for file in manifest.values() for point in file.chunk_ids]
        assert sorted(recorded) == sorted(point.id for point in await self.points())


def counts(report: IndexReport) -> tuple[int, int, int]:
    return report.files, report.unchanged, report.removed
