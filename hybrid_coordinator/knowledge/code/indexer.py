"""Keeping the code in the index in step with the files on disk."""

from __future__ import annotations

import asyncio
import time
from collections.abc import (
    AsyncGenerator,
    Awaitable,
    Callable,
    Iterable,
    Iterator,
    Mapping,
    Sequence,
)
from contextlib import AbstractAsyncContextManager, aclosing, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType

from hybrid_coordinator.domain.indexing import IndexReport
from hybrid_coordinator.domain.items import CollectionName
from hybrid_coordinator.domain.secrets import Scrubber
from hybrid_coordinator.errors import EmbedderUnavailableError
from hybrid_coordinator.knowledge.code.points import Batch, Draft, DraftedFile, Drafter
from hybrid_coordinator.knowledge.code.run import Run
from hybrid_coordinator.knowledge.code.walk import Listing, list_files, reaches, resolve_root
from hybrid_coordinator.knowledge.embedding.protocol import Embedder, Vector
from hybrid_coordinator.storage.postgres.source_files import SourceFile, SourceFiles
from hybrid_coordinator.storage.vectors.bm25 import Bm25Encoder
from hybrid_coordinator.storage.vectors.protocol import IndexPoint, VectorIndex

Progress = Callable[[int, int], Awaitable[None]]
"""Told files done and files in all."""

UNFINISHED = ""
"""The content hash of a file whose points are not all in place. No content has it, so the next
run does the file again; its row names every point that may be there, old and new, so that none
is ever orphaned."""

_COLLECTION = CollectionName.CODEBASE_CONTEXT.value
_DELETED_AT_ONCE = 1_000


class CodeIndexer:
    """Indexes trees of files into the codebase-context collection.

    Of each tree the record holds a manifest: its files, their content hashes and the ids of
    their points. A run that is cut off anywhere is put right by the next.
    """

    def __init__(
        self,
        index: VectorIndex,
        embedder: Embedder,
        bm25: Bm25Encoder,
        files: SourceFiles,
        scrubber: Scrubber,
        writing: Callable[[], AbstractAsyncContextManager[None]] = nullcontext,
    ) -> None:
        """Each run is inside ``writing``: while it is, nobody changes the index and the embedder
        for others."""
        self._index = index
        self._embedder = embedder
        self._bm25 = bm25
        self._files = files
        self._scrubber = scrubber
        self._writing = writing
        # One lock a project rather than one a root: roots may lie in each other.
        self._locks: dict[str, asyncio.Lock] = {}

    async def index(
        self, root: Path, project: str, progress: Progress | None = None
    ) -> IndexReport:
        """Bring the index of ``root`` up to date: a directory, or a single file.

        A path inside a directory that is indexed already is brought up to date as a part of it.
        Without an embedder the files are indexed for search by words, which ``notices`` says,
        and the next run embeds them.

        Raises:
            NotFoundError: there is no such path.
            InvalidArgumentError: it cannot be listed, or is neither a directory nor a file.
            RecordUnavailableError, IndexUnavailableError, StorageError: as the stores raise them;
                what is done until then is kept.
        """
        began = time.monotonic()
        start = await asyncio.to_thread(resolve_root, root)
        async with self._locks.setdefault(project, asyncio.Lock()), self._writing():
            tree = await self._tree(project, start)
            manifest = await self._files.manifest(project, str(tree.root))
            lost = await self._lost_points(project, manifest.values())
            if lost:
                tree, known = replace(tree, start=tree.root), {}
            else:
                known = {path: file.content_hash for path, file in manifest.items()}
            listing = await asyncio.to_thread(list_files, tree.root, tree.start)
            run = Run(listing.skipped, lost)
            drafter = Drafter(tree.root, project, self._bm25, self._scrubber)
            async with aclosing(_ahead(drafter.batches(listing.paths, known))) as batches:
                async for batch in batches:
                    await self._store(tree, batch.changed, manifest, run)
                    run.add(batch)
                    if progress is not None:
                        await progress(run.looked_at, len(listing.paths))
            gone = [
                file
                for path, file in manifest.items()
                if tree.covers(path) and path not in run.seen
            ]
            await self._forget(project, str(tree.root), gone)
            await self._absorb(tree, listing)
        return run.report(len(gone), time.monotonic() - began)

    async def _tree(self, project: str, start: Path) -> _Tree:
        """The tree that ``start`` belongs to: the one it is the root of, else the outermost
        indexed one whose ignore rules let the walk get to it, else one of its own."""
        roots = [Path(root) for owner, root in await self._files.roots() if owner == project]
        own = start if await asyncio.to_thread(start.is_dir) else start.parent
        if own not in roots:
            for root in roots:  # sorted, so the outermost comes first
                if start.is_relative_to(root) and await asyncio.to_thread(reaches, root, start):
                    own = root
                    break
        return _Tree(project, own, start)

    async def _lost_points(self, project: str, files: Iterable[SourceFile]) -> int:
        """How many points the index lacks of what the record says, as after a dropped collection
        or a restored backup."""
        recorded = sum(len(file.chunk_ids) for file in files if file.content_hash != UNFINISHED)
        if not recorded:
            return 0
        return max(0, recorded - await self._index.count(_COLLECTION, {"project": project}))

    async def _store(
        self,
        tree: _Tree,
        changed: Sequence[DraftedFile],
        before: Mapping[str, SourceFile],
        run: Run,
    ) -> None:
        """Store the points of changed files, with the record ahead of the index at each step."""
        if not changed:
            return
        fresh = {file.path: tuple(draft.id for draft in file.drafts) for file in changed}
        stale = {
            path: set(before[path].chunk_ids).difference(ids) if path in before else set()
            for path, ids in fresh.items()
        }
        await self._record(tree, {path: (*ids, *stale[path]) for path, ids in fresh.items()})
        drafts = [draft for file in changed for draft in file.drafts]
        vectors = await self._embed(drafts, run)
        await self._index.upsert(
            _COLLECTION,
            [
                IndexPoint(draft.id, vector, draft.sparse, draft.payload)
                for draft, vector in zip(drafts, vectors, strict=True)
            ],
        )
        await self._delete([point for points in stale.values() for point in points])
        hashes = {file.path: file.recorded_hash for file in changed} if run.embeds else {}
        await self._record(tree, fresh, hashes)

    async def _embed(self, drafts: Sequence[Draft], run: Run) -> Sequence[Vector | None]:
        """A vector for each draft; None for all once the embedder has failed in this run."""
        if run.embeds:
            try:
                return await self._embedder.embed([draft.text for draft in drafts])
            except EmbedderUnavailableError as error:
                run.embedder_problem = str(error)
        return [None] * len(drafts)

    async def _record(
        self,
        tree: _Tree,
        points: Mapping[str, tuple[str, ...]],
        hashes: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        """Write which points there may be of each file, and the content of finished ones."""
        files = [
            SourceFile(path, hashes.get(path, UNFINISHED), ids) for path, ids in points.items()
        ]
        await self._files.put(tree.project, str(tree.root), files)

    async def _absorb(self, tree: _Tree, listing: Listing) -> None:
        """Drop trees of their own that this one holds, now that their files are indexed in it."""
        if tree.start != tree.root:
            return
        for project, root in await self._files.roots():
            inner = Path(root)
            if project != tree.project or inner == tree.root or tree.root not in inner.parents:
                continue
            prefix = f"{inner.relative_to(tree.root).as_posix()}/"
            if any(path.startswith(prefix) for path in listing.paths):
                manifest = await self._files.manifest(project, root)
                await self._forget(project, root, list(manifest.values()))

    async def _forget(self, project: str, root: str, files: Sequence[SourceFile]) -> None:
        await self._delete([point for file in files for point in file.chunk_ids])
        if files:
            await self._files.remove(project, root, [file.path for file in files])

    async def _delete(self, points: Sequence[str]) -> None:
        for start in range(0, len(points), _DELETED_AT_ONCE):
            await self._index.delete(_COLLECTION, points[start : start + _DELETED_AT_ONCE])


async def _ahead(batches: Iterator[Batch]) -> AsyncGenerator[Batch]:
    """The batches, each made in a thread while the one before it is stored."""

    def begin() -> asyncio.Task[Batch | None]:
        return asyncio.create_task(asyncio.to_thread(next, batches, None))

    making = begin()
    try:
        while (batch := await making) is not None:
            making = begin()
            yield batch
    finally:
        making.cancel()
        await asyncio.gather(making, return_exceptions=True)


@dataclass(frozen=True, slots=True)
class _Tree:
    """What is indexed: the part at ``start`` (a directory or a file) of the tree at ``root``."""

    project: str
    root: Path
    start: Path

    def covers(self, path: str) -> bool:
        """Whether the file ``path``, relative to the root, belongs to the part."""
        part = self.start.relative_to(self.root).as_posix()
        return part == "." or path == part or path.startswith(f"{part}/")
