"""Keeping the code in the index in step with the files on disk."""

from __future__ import annotations

import asyncio
import time
from collections.abc import (
    Awaitable,
    Callable,
    Iterable,
    Mapping,
    Sequence,
)
from contextlib import AbstractAsyncContextManager, aclosing, nullcontext
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

from hybrid_coordinator.domain.indexing import IndexReport
from hybrid_coordinator.domain.items import CollectionName
from hybrid_coordinator.domain.secrets import Scrubber
from hybrid_coordinator.errors import EmbedderUnavailableError
from hybrid_coordinator.knowledge.code.points import Batch, Draft, Work
from hybrid_coordinator.knowledge.code.run import Run
from hybrid_coordinator.knowledge.code.survey import Tree, survey
from hybrid_coordinator.knowledge.code.walk import Listing, reaches, resolve_root
from hybrid_coordinator.knowledge.code.worker import Workshop
from hybrid_coordinator.knowledge.embedding.protocol import Embedder, Vector
from hybrid_coordinator.storage.postgres.source_files import SourceFile, SourceFiles
from hybrid_coordinator.storage.vectors.protocol import IndexPoint, VectorIndex

Progress = Callable[[int, int], Awaitable[None]]
"""Told files done and files in all."""

UNFINISHED = ""
"""The content hash of a file whose points are not all in place. No content has it, so the next
run does the file again; its row names every point that may be there, old and new, so that none
is ever orphaned."""

_COLLECTION = CollectionName.CODEBASE_CONTEXT.value
_DELETED_AT_ONCE = 1_000
_MANY_PARTS = 64
"""Of a tree of which more than this is to be looked at, all is: the walk of the whole is quick."""
_MANY_FILES = 256
"""To read in one run: from here on it takes long enough to be killed in the middle."""
_WHOLE = "."


class CodeIndexer:
    """Indexes trees of files into the codebase-context collection.

    Of each tree the record holds a manifest: its files, their content hashes and the ids of
    their points. A run that is cut off anywhere is put right by the next.
    """

    def __init__(
        self,
        index: VectorIndex,
        embedder: Embedder,
        workshop: Workshop,
        files: SourceFiles,
        scrubber: Scrubber,
        writing: Callable[[], AbstractAsyncContextManager[object]] = nullcontext,
    ) -> None:
        """Each run is inside ``writing``: while it is, nobody changes the index and the embedder
        for others."""
        self._index = index
        self._embedder = embedder
        self._files = files
        self._scrubber = scrubber
        self._workshop = workshop
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
            run = await self._bring_up(await self._tree(project, start), progress or _untold)
        return run.report(time.monotonic() - began)

    async def index_again(
        self,
        root: str,
        project: str,
        progress: Progress | None = None,
        recorded: SourceFiles | None = None,
    ) -> IndexReport:
        """Bring a recorded root up to date as it was asked for: the whole of it or, where only
        single files were, those. Raises as ``index`` does.

        Of a home directory, only the files that are recorded: before migration 0002 the record
        did not tell a single file from all that is beside it.

        Args:
            root: as it is recorded.
            project: whose root it is.
            progress: is told how far this is.
            recorded: the manifest that says what was asked for, if it is not the one that is
                brought up to date.
        """
        began = time.monotonic()
        record = recorded or self._files
        start = await asyncio.to_thread(resolve_root, Path(root))
        async with self._locks.setdefault(project, asyncio.Lock()), self._writing():
            tree = await self._tree(project, start)
            if tree.root == start and (
                _holds_home(start) or await record.is_partial(project, root)
            ):
                tree = replace(tree, parts=tuple(await record.manifest(project, root)))
                tree = await self._all_asked_for(replace(tree, partial=True))
            run = await self._bring_up(tree, progress or _untold)
        return run.report(time.monotonic() - began)

    async def refresh(self, root: Path, project: str, paths: Iterable[str]) -> IndexReport:
        """Bring the index of some files and directories below ``root`` up to date, of which it
        does not matter whether they are there (still, or already). Raises as ``index`` does."""
        began = time.monotonic()
        start = await asyncio.to_thread(resolve_root, root)
        async with self._locks.setdefault(project, asyncio.Lock()), self._writing():
            tree = await self._tree(project, start)
            within = start.relative_to(tree.root)
            parts = {(within / path).as_posix() for path in paths}
            if _WHOLE not in parts and (len(parts) <= _MANY_PARTS or tree.partial):
                tree = replace(tree, parts=tuple(sorted(parts)))
            run = await self._bring_up(tree, _untold)
        return run.report(time.monotonic() - began)

    async def forget(self, project: str) -> int:
        """Take all code of a project out of the index; returns how many files it had."""
        async with self._locks.setdefault(project, asyncio.Lock()), self._writing():
            count = 0
            for owner, root in await self._files.roots():
                if owner == project:
                    manifest = await self._files.manifest(project, root)
                    await self._forget(project, root, list(manifest.values()))
                    await self._files.mark_whole(project, root)
                    count += len(manifest.keys() - {_WHOLE})
            await self._index.delete_where(_COLLECTION, {"project": project})
        return count

    async def draft(self, project: str, root: str, path: str) -> tuple[Draft, ...]:
        """The points that would be stored for a file now; none if it would be left out."""
        work = Work(Path(root), project, self._scrubber, (path,), {})
        async with aclosing(self._workshop.batches(work)) as batches:
            return tuple(
                [
                    draft
                    async for batch in batches
                    for file in batch.changed
                    for draft in file.drafts
                ]
            )

    async def _bring_up(self, tree: Tree, progress: Progress) -> Run:
        manifest = await self._manifest(tree)
        lost = await self._lost_points(tree, manifest)
        if lost:
            tree = await self._all_asked_for(tree)
            manifest = await self._manifest(tree)
        known = {} if lost else manifest
        there = await asyncio.to_thread(survey, tree, known)
        total = len(there.listing.paths)
        await self._mark(tree)
        run = Run(there.listing.skipped, lost)
        run.keep(there.same)
        if run.looked_at:
            await progress(run.looked_at, total)
        unfinished = await self._begin(tree, manifest, len(there.to_read))
        hashes = {path: file.content_hash for path, file in known.items()}
        work = Work(tree.root, tree.project, self._scrubber, tuple(there.to_read), hashes)
        async with aclosing(self._workshop.batches(work)) as batches:
            async for batch in batches:
                await self._store(tree, batch, manifest, run)
                run.add(batch)
                await progress(run.looked_at, total)
        gone = [file for path, file in manifest.items() if path not in run.seen]
        await self._forget(tree.project, str(tree.root), gone)
        run.removed = len(gone)
        await self._absorb(tree, there.listing)
        if unfinished:
            await self._files.remove(tree.project, str(tree.root), [_WHOLE])
        if tree.partial and not run.seen:
            await self._forget_if_empty(tree)
        return run

    async def _begin(self, tree: Tree, manifest: dict[str, SourceFile], to_read: int) -> bool:
        """Note that a long run has begun: should the process be killed before the end, the next
        one sees that this is not all. Returns whether the end of this run ends that: a run over
        parts does not finish what was left of the whole."""
        if tree.parts is None and manifest.pop(_WHOLE, None) is not None:
            return True
        # Of a partial tree all that is asked for is recorded.
        if to_read <= _MANY_FILES or (tree.partial and tree.parts is not None):
            return False
        if await self._files.part(tree.project, str(tree.root), [_WHOLE]):
            return False
        await self._record(tree, {_WHOLE: ()})
        return True

    async def _mark(self, tree: Tree) -> None:
        """Have the record say whether only parts of the tree were asked for, before it has any
        file more."""
        project, root = tree.project, str(tree.root)
        if tree.parts is not None and not tree.partial:
            return  # as it was
        marked = await self._files.is_partial(project, root)
        if tree.parts is None and marked:
            await self._files.mark_whole(project, root)
        elif tree.parts is not None and not marked:
            await self._files.mark_partial(project, root)

    async def _forget_if_empty(self, tree: Tree) -> None:
        if not await self._files.manifest(tree.project, str(tree.root)):
            await self._files.mark_whole(tree.project, str(tree.root))

    async def _all_asked_for(self, tree: Tree) -> Tree:
        """All that was ever asked for of the tree, and what is now."""
        if tree.parts is None or not tree.partial:
            return replace(tree, parts=None)
        recorded = await self._files.manifest(tree.project, str(tree.root))
        return replace(tree, parts=tuple(sorted({*recorded, *tree.parts} - {_WHOLE})))

    async def _manifest(self, tree: Tree) -> dict[str, SourceFile]:
        """What is recorded of the tree, or of the parts of it."""
        if tree.parts is None:
            return await self._files.manifest(tree.project, str(tree.root))
        return await self._files.part(tree.project, str(tree.root), tree.parts)

    async def _tree(self, project: str, start: Path) -> Tree:
        """What is at ``start``, of the tree that it belongs to: the one it is the root of, else
        the outermost indexed one whose ignore rules let the walk get to it, else one of its own.
        A partial tree has only the files right in its root."""
        roots = [Path(root) for owner, root in await self._files.roots() if owner == project]
        alone = not await asyncio.to_thread(start.is_dir)
        own = start.parent if alone else start
        partial = alone
        if own in roots:
            partial = await self._files.is_partial(project, str(own))
        else:
            for root in roots:  # sorted, so the outermost comes first
                if (
                    start.is_relative_to(root)
                    and await asyncio.to_thread(reaches, root, start)
                    and not await self._files.is_partial(project, str(root))
                ):
                    own, partial = root, False
                    break
        part = start.relative_to(own).as_posix()
        return Tree(project, own, None if part == _WHOLE else (part,), partial)

    async def _lost_points(self, tree: Tree, manifest: Mapping[str, SourceFile]) -> int:
        """How many points the index lacks of what the record says, as after a dropped collection
        or a restored backup."""
        if tree.parts is None:
            finished = (each for each in manifest.values() if each.content_hash != UNFINISHED)
            recorded = sum(len(each.chunk_ids) for each in finished)
        else:
            recorded = await self._files.chunks(tree.project, str(tree.root))
        if not recorded:
            return 0
        return max(0, recorded - await self._index.count(_COLLECTION, {"project": tree.project}))

    async def _store(
        self,
        tree: Tree,
        batch: Batch,
        before: Mapping[str, SourceFile],
        run: Run,
    ) -> None:
        """Store the points of changed files, with the record ahead of the index at each step."""
        changed, stamps = batch.changed, batch.stamps
        await self._note_stamps(tree, {path: stamps[path] for path in batch.unchanged}, before)
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
        await self._record(tree, fresh, hashes, stamps)

    async def _note_stamps(
        self, tree: Tree, stamps: Mapping[str, str], before: Mapping[str, SourceFile]
    ) -> None:
        """So that files which were read for nothing are not read again."""
        news = {path: stamp for path, stamp in stamps.items() if stamp != before[path].stamp}
        if news:
            await self._files.stamp(tree.project, str(tree.root), news)

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
        tree: Tree,
        points: Mapping[str, tuple[str, ...]],
        hashes: Mapping[str, str] = MappingProxyType({}),
        stamps: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        """Write which points there may be of each file, and the content of finished ones."""
        files = [
            SourceFile(path, hashes.get(path, UNFINISHED), ids, stamps.get(path, ""))
            for path, ids in points.items()
        ]
        await self._files.put(tree.project, str(tree.root), files)

    async def _absorb(self, tree: Tree, listing: Listing) -> None:
        """Drop trees of their own that this one holds, now that their files are indexed in it."""
        if tree.parts is not None:
            return
        for project, root in await self._files.roots():
            inner = Path(root)
            if project != tree.project or inner == tree.root or tree.root not in inner.parents:
                continue
            prefix = f"{inner.relative_to(tree.root).as_posix()}/"
            if any(path.startswith(prefix) for path in listing.paths):
                manifest = await self._files.manifest(project, root)
                await self._forget(project, root, list(manifest.values()))
                await self._files.mark_whole(project, root)

    async def _forget(self, project: str, root: str, files: Sequence[SourceFile]) -> None:
        await self._delete([point for file in files for point in file.chunk_ids])
        if files:
            await self._files.remove(project, root, [file.path for file in files])

    async def _delete(self, points: Sequence[str]) -> None:
        for start in range(0, len(points), _DELETED_AT_ONCE):
            await self._index.delete(_COLLECTION, points[start : start + _DELETED_AT_ONCE])


def _holds_home(root: Path) -> bool:
    return Path.home().resolve().is_relative_to(root)


async def _untold(_: int, __: int) -> None:
    """Progress that nobody asked for."""
