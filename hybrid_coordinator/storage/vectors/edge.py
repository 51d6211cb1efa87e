"""The index on Qdrant Edge: in this process, one shard a collection."""

from __future__ import annotations

import asyncio
import re
import shutil
import uuid
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from pathlib import Path
from typing import ParamSpec, TypeVar

from hybrid_coordinator.domain.knowledge import JsonValue
from hybrid_coordinator.errors import InvalidArgumentError, NotFoundError, StorageError
from hybrid_coordinator.storage.gate import Gate
from hybrid_coordinator.storage.vectors.edge_copy import EdgeCopy
from hybrid_coordinator.storage.vectors.edge_shard import DamagedError, Shard
from hybrid_coordinator.storage.vectors.protocol import (
    CollectionSpec,
    Condition,
    IndexPoint,
    ScoredHit,
    SparseText,
    StoredPoint,
    rankings_of,
)

P = ParamSpec("P")
T = TypeVar("T")

RESERVE_BYTES = 64 << 20
"""More than one write and its flush take."""

_DAMAGED_KEPT = 2
_THREADS = 4
_COPY = ".copy"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")


class EdgeIndex:
    """A ``VectorIndex`` whose collections are directories under one directory.

    ``damaged`` maps the collections whose files could not be loaded to the reason. Their
    directories have been renamed to ``NAME.damaged-N``, so the collections are missing until
    they are created and filled again.
    """

    def __init__(self, directory: Path, reserve_bytes: int = RESERVE_BYTES) -> None:
        """Prepare an index with nothing loaded; use ``open``."""
        self._directory = directory
        self._reserve_bytes = reserve_bytes
        self._shards: dict[str, Shard] = {}
        self._damaged: dict[str, str] = {}
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="qdrant-edge")
        self._changing: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._optimizing = asyncio.Lock()
        self._writers = Gate()

    @classmethod
    async def open(cls, directory: Path, reserve_bytes: int = RESERVE_BYTES) -> EdgeIndex:
        """Load every collection under ``directory``, which is created if it does not exist.

        Writes are refused while the file system has less than ``reserve_bytes`` left.

        Raises:
            OwnershipError: another process has a collection open.
            StorageError: the directory cannot be read or written.
        """
        names = await asyncio.to_thread(_prepare, directory)
        index = cls(directory, reserve_bytes)
        results = await asyncio.gather(
            *(index._run(index._load, name) for name in names), return_exceptions=True
        )
        problems = [result for result in results if isinstance(result, BaseException)]
        if problems:
            await index.close()
            raise problems[0]
        return index

    @property
    def damaged(self) -> Mapping[str, str]:
        return self._damaged

    async def create(self, spec: CollectionSpec) -> None:
        if not _NAME.fullmatch(spec.name):
            raise InvalidArgumentError("name", f"{spec.name!r} may hold letters, digits, _ and -")
        async with self._changing[spec.name]:
            if spec.name in self._shards:
                await self._change(self._shards[spec.name].add_indexes, spec.indexes)
                return
            shard = self._shard(spec.name)
            await self._change(shard.create, spec)
            self._shards[spec.name] = shard

    async def drop(self, collection: str) -> None:
        async with self._changing[collection]:
            shard = self._shards.pop(collection, None)
            if shard is not None:
                await self._change(self._remove, shard)

    async def collections(self) -> list[str]:
        return sorted(self._shards)

    async def upsert(self, collection: str, points: Sequence[IndexPoint]) -> None:
        if points:
            await self._change(self._find(collection).upsert, points)

    async def hybrid(
        self,
        collection: str,
        *,
        dense: Sequence[float] | None,
        sparse: SparseText | None,
        where: Condition,
        limit: int,
        candidates: int = 50,
        also: Sequence[Condition] = (),
    ) -> list[ScoredHit]:
        shard = self._find(collection)
        rankings = rankings_of(dense, sparse, where, also)
        return await self._run(shard.best, rankings, limit, max(candidates, limit))

    async def nearest(
        self, collection: str, dense: Sequence[float], *, where: Condition, limit: int
    ) -> list[ScoredHit]:
        return await self.hybrid(collection, dense=dense, sparse=None, where=where, limit=limit)

    async def similarities(
        self, collection: str, ids: Sequence[str], dense: Sequence[float]
    ) -> dict[str, float]:
        return await self._run(self._find(collection).similarities, ids, dense)

    async def matching(
        self, collection: str, sparse: SparseText, *, where: Condition, limit: int
    ) -> list[ScoredHit]:
        return await self.hybrid(collection, dense=None, sparse=sparse, where=where, limit=limit)

    async def set_payload(
        self, collection: str, ids: Sequence[str], payload: Mapping[str, JsonValue]
    ) -> None:
        await self._change(self._find(collection).set_payload, ids, payload)

    async def delete(self, collection: str, ids: Sequence[str]) -> None:
        await self._change(self._find(collection).delete, ids)

    async def delete_where(self, collection: str, where: Condition) -> None:
        await self._change(self._find(collection).delete_where, where)

    async def get(self, collection: str, ids: Sequence[str]) -> list[StoredPoint]:
        return await self._run(self._find(collection).get, ids)

    async def scroll(
        self, collection: str, *, where: Condition, limit: int, after: str | None = None
    ) -> tuple[list[StoredPoint], str | None]:
        return await self._run(self._find(collection).scroll, where, limit, after)

    async def count(self, collection: str, where: Condition) -> int:
        return await self._run(self._find(collection).count, where)

    async def facet(
        self, collection: str, key: str, *, where: Condition, limit: int = 100
    ) -> dict[str, int]:
        return await self._run(self._find(collection).facet, key, where, limit)

    async def optimize(self) -> None:
        async with self._optimizing:
            for shard in list(self._shards.values()):
                try:
                    await self._change(shard.optimize)
                except NotFoundError:
                    continue  # dropped since the list was made

    @asynccontextmanager
    async def still(self) -> AsyncIterator[None]:
        """Nobody writes inside: whoever wants to waits, and who has begun has ended. Questions
        are answered."""
        async with self._writers.closed():
            yield

    async def copy(self, collections: Sequence[str]) -> EdgeCopy:
        """Copy the files of these collections. Call it inside `still`, and delete its directory
        in the end; the next start deletes what a killed process has left.

        Raises:
            NotFoundError: there is no such collection.
            StorageError: the disk has no room for it.
        """
        directory = self._directory / f"{uuid.uuid4().hex}{_COPY}"
        shards = [self._find(name) for name in collections]
        try:
            directory.mkdir(mode=0o700)
            points = [await self._ended(shard.copy, directory / shard.name) for shard in shards]
        except BaseException as error:
            await asyncio.to_thread(shutil.rmtree, directory, ignore_errors=True)
            if isinstance(error, OSError):
                raise StorageError(f"{directory} cannot be made: {error.strerror}") from error
            raise
        return EdgeCopy(directory, dict(zip(collections, points, strict=True)))

    async def ping(self) -> None:
        for shard in list(self._shards.values()):
            await self._run(shard.ping)

    async def close(self) -> None:
        shards = list(self._shards.values())
        self._shards.clear()
        closed = await asyncio.gather(
            *(self._run(shard.close) for shard in shards), return_exceptions=True
        )
        # Waits for calls whose caller was cancelled; they finish in their own time.
        await asyncio.to_thread(self._threads.shutdown)
        for problem in closed:
            if isinstance(problem, BaseException):
                raise problem

    async def _change(self, call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        async with self._writers.passing():
            return await self._ended(call, *args, **kwargs)

    async def _ended(self, call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """As `_run`, but who is cancelled waits for the thread, which cannot be: nobody takes for
        over what is under way."""
        running = asyncio.ensure_future(self._run(call, *args, **kwargs))
        try:
            return await asyncio.shield(running)
        except asyncio.CancelledError:
            await asyncio.gather(running, return_exceptions=True)
            raise

    async def _run(self, call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, lambda: call(*args, **kwargs))

    def _shard(self, name: str) -> Shard:
        return Shard(name, self._directory / name, self._reserve_bytes)

    def _find(self, collection: str) -> Shard:
        shard = self._shards.get(collection)
        if shard is None:
            known = ", ".join(sorted(self._shards)) or "none"
            raise NotFoundError(f"collection {collection!r} does not exist (known: {known})")
        return shard

    def _load(self, name: str) -> None:
        shard = self._shard(name)
        try:
            shard.load()
        except DamagedError as error:
            kept = self._set_aside(shard.directory)
            self._damaged[name] = f"{error} (its files are kept in {kept})"
        else:
            self._shards[name] = shard

    def _set_aside(self, directory: Path) -> Path:
        """Keep the files for somebody to look at; of a collection, the latest two times."""
        mark = f"{directory.name}.damaged-"
        before = sorted(
            int(number)
            for each in directory.parent.glob(f"{mark}*")
            if (number := each.name.removeprefix(mark)).isdigit()
        )
        kept = directory.rename(directory.with_name(f"{mark}{1 + max(before, default=0)}"))
        for old in before[: -_DAMAGED_KEPT + 1]:
            shutil.rmtree(directory.with_name(f"{mark}{old}"), ignore_errors=True)
        return kept

    def _remove(self, shard: Shard) -> None:
        try:
            shard.close()
        finally:
            # Renamed first, so that a process killed on the way leaves no half of a shard.
            dropped = shard.directory.with_name(f"{shard.name}.dropped")
            shutil.rmtree(dropped, ignore_errors=True)
            shutil.rmtree(shard.directory.rename(dropped))


def _prepare(directory: Path) -> list[str]:
    """Make the directory, sweep what was interrupted (create, drop, copy), name the collections."""
    try:
        directory.mkdir(parents=True, exist_ok=True)
        for marker in directory.glob("*.partial"):
            shutil.rmtree(marker.with_suffix(""), ignore_errors=True)
            marker.unlink()
        for left in (*directory.glob("*.dropped"), *directory.glob(f"*{_COPY}")):
            shutil.rmtree(left)
        entries = sorted(entry.name for entry in directory.iterdir() if entry.is_dir())
    except OSError as error:
        raise StorageError(f"index directory {directory}: {error}") from error
    return [name for name in entries if _NAME.fullmatch(name)]
