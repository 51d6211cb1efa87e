"""One collection on Qdrant Edge: blocking calls, with the engine's errors mapped."""

from __future__ import annotations

import errno
import os
import shutil
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import cast

import qdrant_edge as qe

from hybrid_coordinator.domain.knowledge import JsonValue
from hybrid_coordinator.errors import (
    HybridError,
    InvalidArgumentError,
    NotFoundError,
    OwnershipError,
    StorageError,
)
from hybrid_coordinator.storage.vectors.edge_copy import copy_files
from hybrid_coordinator.storage.vectors.protocol import (
    TIES,
    CollectionSpec,
    Condition,
    IndexKind,
    IndexPoint,
    Ranking,
    ScoredHit,
    SparseText,
    StoredPoint,
    ranked,
    told_apart,
)

_DENSE = "dense"
_SPARSE = "bm25"
_POINTS_A_WRITE = 256
"""Bounds what one write to the log takes: memory, and disk beyond the reserve."""

_POINTS_A_FLUSH = 4096
"""Bounds the log, which a start after a crash replays. A flush takes milliseconds, or many times
that on a busy disk, so not every write pays for one."""

_CIRCUMSTANCES = tuple(
    os.strerror(code)
    for code in (
        errno.EACCES,
        errno.EDQUOT,
        errno.EFBIG,
        errno.EIO,
        errno.EMFILE,
        errno.ENFILE,
        errno.ENOMEM,
        errno.ENOSPC,
        errno.EPERM,
        errno.EROFS,
    )
)
"""What the system says when it refuses, while the files may well be sound."""

_INDEX_TYPES = {
    IndexKind.KEYWORD: qe.PayloadSchemaType.Keyword,
    IndexKind.INTEGER: qe.PayloadSchemaType.Integer,
    IndexKind.FLOAT: qe.PayloadSchemaType.Float,
    IndexKind.BOOL: qe.PayloadSchemaType.Bool,
    IndexKind.DATETIME: qe.PayloadSchemaType.Datetime,
}


class DamagedError(StorageError):
    """The shard's files cannot be loaded."""


def partial_marker(directory: Path) -> Path:
    """The file that says that a shard's directory is unfinished."""
    return directory.with_name(f"{directory.name}.partial")


def _config(spec: CollectionSpec | None) -> qe.EdgeConfig:
    """Engine settings; without a spec, for a shard that exists and keeps its dense vectors.

    No HNSW graph (m = 0). At 100,000 points of 256 dimensions a scan answers in 9 ms, in 0.5 ms
    where a project holds 2,000 of them; a graph answers in 1.5 ms and takes 100 s of processor
    time to build. What ``optimize`` moves to immutable, memory-mapped segments loads 8 times
    faster and needs 30 MB of its own memory instead of 200.
    """
    cached = qe.Memory.Cached
    return qe.EdgeConfig(
        vectors=None
        if spec is None
        else {
            _DENSE: qe.EdgeVectorParams(
                size=spec.dimension, distance=qe.Distance.Cosine, memory=cached
            )
        },
        sparse_vectors={
            _SPARSE: qe.EdgeSparseVectorParams(modifier=qe.Modifier.Idf, memory=cached)
        },
        hnsw_config=qe.HnswIndexConfig(m=0, ef_construct=100, full_scan_threshold=10_000),
        optimizers=qe.EdgeOptimizersConfig(default_segment_number=1),
        # Cached would read the pages of an empty shard, 32 MB of zeros, into memory at once.
        payload_memory=qe.Memory.Cold,
        id_tracker_memory=cached,
    )


def _filter(*where: Condition) -> qe.Filter | None:
    conditions = [
        _equals(key, value) if isinstance(value, str) else _equals_any(key, value)
        for each in where
        for key, value in each.items()
    ]
    return qe.Filter(must=[*conditions]) if conditions else None


def _equals(key: str, value: str) -> qe.FieldCondition:
    return qe.FieldCondition(key=key, match=qe.MatchValue(value))


def _equals_any(key: str, values: Sequence[str | None]) -> qe.Filter | qe.FieldCondition:
    """One of several values, said value by value: with MatchAny, a scan over 100,000 points takes
    twice as long."""
    if not values:  # an empty `should` is met by every point
        return qe.FieldCondition(key=key, match=qe.MatchAny([]))
    return qe.Filter(
        should=[qe.IsEmptyCondition(key) if each is None else _equals(key, each) for each in values]
    )


def _nearest(by: Sequence[float] | SparseText) -> qe.Query:
    if isinstance(by, SparseText):
        return qe.Query.Nearest(qe.SparseVector(list(by.indices), list(by.values)), using=_SPARSE)
    return qe.Query.Nearest(list(by), using=_DENSE)


def _point(given: IndexPoint) -> qe.Point:
    point = told_apart(given)
    vectors: dict[str, qe.NamedVector] = {}
    if point.dense is not None:
        vectors[_DENSE] = list(point.dense)
    if point.sparse.indices:
        vectors[_SPARSE] = qe.SparseVector(list(point.sparse.indices), list(point.sparse.values))
    return qe.Point(id=point.id, vector=vectors, payload=dict(point.payload))


def _disk_use(directory: Path) -> int:
    """Bytes in blocks: the engine's files are sparse, and their lengths say little."""
    total = 0
    for folder, _, files in os.walk(directory):
        for file in files:
            with suppress(FileNotFoundError):  # the engine drops files as it goes
                total += Path(folder, file).lstat().st_blocks * 512
    return total


def _by_ids(ids: Sequence[str]) -> qe.Filter:
    return qe.Filter(must=[qe.HasIdCondition(set(ids))])


class Shard:
    """A collection's files, and the engine that has them open. Safe to share between threads:
    the engine locks for itself and releases the interpreter while it works."""

    def __init__(self, name: str, directory: Path, reserve_bytes: int) -> None:
        """Name the files; ``create`` or ``load`` opens them. Writes are refused while the file
        system has less than ``reserve_bytes`` left: the engine writes through memory maps, and
        a full disk would end the process (SIGBUS) instead of failing the call."""
        self.name = name
        self.directory = directory
        self._reserve_bytes = reserve_bytes
        self._unflushed = 0
        self._changing = threading.Lock()
        self._engine: qe.EdgeShard

    def create(self, spec: CollectionSpec) -> None:
        """Make the files and open them. While the marker lies beside them they are unfinished,
        and the next start sweeps them away."""
        marker = partial_marker(self.directory)
        with self._mapped():
            self._check_space()
            marker.touch()
            shutil.rmtree(self.directory, ignore_errors=True)  # what an earlier try left
            self.directory.mkdir()
            engine = qe.EdgeShard.create(str(self.directory), _config(spec))
            for field, kind in spec.indexes.items():
                engine.update(qe.UpdateOperation.create_field_index(field, _INDEX_TYPES[kind]))
            engine.flush()
            marker.unlink()
            self._engine = engine

    def add_indexes(self, indexes: Mapping[str, IndexKind]) -> None:
        """Make the payload indexes that are not there yet."""
        with self._mapped():
            missing = indexes.keys() - self._engine.info().payload_schema.keys()
        for field in sorted(missing):
            with self._mapped():
                change = qe.UpdateOperation.create_field_index(field, _INDEX_TYPES[indexes[field]])
            self._write(change, 1)

    def load(self) -> None:
        """Open the files.

        Raises:
            DamagedError: they are not a sound shard.
            OwnershipError: another process has them open.
            StorageError: the system refuses (permission, open files, disk).
        """
        try:
            with self._mapped():
                self._engine = qe.EdgeShard.load(str(self.directory), _config(None))
        except StorageError as error:
            if any(reason in str(error) for reason in _CIRCUMSTANCES):
                raise
            raise DamagedError(str(error)) from error

    def upsert(self, points: Sequence[IndexPoint]) -> None:
        """Store the points, in writes of bounded size."""
        for start in range(0, len(points), _POINTS_A_WRITE):
            with self._mapped():
                batch = [_point(point) for point in points[start : start + _POINTS_A_WRITE]]
                change = qe.UpdateOperation.upsert_points(batch)
            self._write(change, len(batch))

    def set_payload(self, ids: Sequence[str], payload: Mapping[str, JsonValue]) -> None:
        with self._mapped():
            # By filter, since by id the engine fails on the first one that is gone.
            change = qe.UpdateOperation.set_payload_by_filter(_by_ids(ids), dict(payload))
        self._write(change, len(ids))

    def delete(self, ids: Sequence[str]) -> None:
        with self._mapped():
            change = qe.UpdateOperation.delete_points(list(ids))
        self._write(change, len(ids))

    def delete_where(self, where: Condition) -> None:
        condition = _filter(where)
        if condition is None:
            raise InvalidArgumentError("where", "is empty; name at least one field")
        self._write(qe.UpdateOperation.delete_points_by_filter(condition), 1)

    def best(self, rankings: Sequence[Ranking], limit: int, pool: int) -> list[ScoredHit]:
        """The ``limit`` best of one ranking, or of several of ``pool`` points each, fused by
        their scores."""
        if not rankings:
            return []
        parts = [(_nearest(ranking.by), _filter(*ranking.where)) for ranking in rankings]
        if len(parts) == 1:
            (query, condition), prefetches = parts[0], None
        else:
            # The stubs do not know that the variants of Fusion are Fusions.
            query, condition = cast("qe.Query", qe.Fusion.Dbsf()), None
            prefetches = [qe.Prefetch(query=each, limit=pool, filter=of) for each, of in parts]
        with self._mapped():
            found = self._engine.query(
                qe.QueryRequest(
                    prefetches=prefetches,
                    query=query,
                    filter=condition,
                    limit=limit + TIES,
                    with_payload=True,
                )
            )
        hits = (ScoredHit(str(hit.id), hit.score, hit.payload or {}) for hit in found)
        return ranked(hits, limit)

    def similarities(self, ids: Sequence[str], dense: Sequence[float]) -> dict[str, float]:
        """Cosine similarities by id."""
        if not ids:
            return {}
        with self._mapped():
            found = self._engine.query(
                qe.QueryRequest(
                    query=_nearest(dense), filter=_by_ids(ids), limit=len(ids), with_payload=False
                )
            )
        return {str(hit.id): hit.score for hit in found}

    def get(self, ids: Sequence[str]) -> list[StoredPoint]:
        with self._mapped():
            records = self._engine.retrieve(list(ids), with_payload=True, with_vector=False)
        return [StoredPoint(str(record.id), record.payload or {}) for record in records]

    def scroll(
        self, where: Condition, limit: int, after: str | None
    ) -> tuple[list[StoredPoint], str | None]:
        with self._mapped():
            records, following = self._engine.scroll(
                qe.ScrollRequest(
                    offset=after, limit=limit, filter=_filter(where), with_payload=True
                )
            )
        page = [StoredPoint(str(record.id), record.payload or {}) for record in records]
        return page, None if following is None else str(following)

    def count(self, where: Condition) -> int:
        with self._mapped():
            return self._engine.count(qe.CountRequest(exact=True, filter=_filter(where)))

    def facet(self, key: str, where: Condition, limit: int) -> dict[str, int]:
        with self._mapped():
            found = self._engine.facet(
                qe.FacetRequest(key, limit=limit, exact=True, filter=_filter(where))
            )
        # The engine lists values that only deleted points have, too.
        return {str(hit.value): hit.count for hit in found.hits if hit.count}

    def optimize(self) -> None:
        """Rewrite segments that have grown large or hold many deleted points."""
        with self._changing, self._mapped():
            # The rewritten segments lie beside the old ones until they replace them.
            self._check_space(beyond=_disk_use(self.directory))
            self._engine.optimize()
            self._flush()

    def copy(self, into: Path) -> int:
        """Copy the files as they are between two changes; returns how many points they hold."""
        with self._changing, self._mapped():
            self._check_space(beyond=_disk_use(self.directory))
            self._flush()
            copy_files(self.directory, into)
            return self._engine.count(qe.CountRequest(exact=True))

    def flush(self) -> None:
        """Bring the segments to disk and cut the log, which only grows until then."""
        with self._changing, self._mapped():
            self._flush()

    def ping(self) -> None:
        with self._mapped():
            self._engine.info()

    def close(self) -> None:
        try:
            self.flush()  # closing flushes too, but holds the interpreter while it does
        finally:
            with self._mapped():
                self._engine.close()

    def _write(self, change: qe.UpdateOperation, points: int) -> None:
        """Apply a change. It is in the log when this returns, which outlives the process; a
        power failure may take what was not flushed."""
        with self._changing, self._mapped():
            self._check_space()
            self._engine.update(change)
            self._unflushed += points
            if self._unflushed >= _POINTS_A_FLUSH:
                self._flush()

    def _flush(self) -> None:
        self._unflushed = 0
        self._engine.flush()

    def _check_space(self, beyond: int = 0) -> None:
        free = shutil.disk_usage(self.directory.parent).free
        if free < self._reserve_bytes + beyond:
            raise StorageError(
                f"collection {self.name!r}: {os.strerror(errno.ENOSPC)} in {self.directory} "
                f"({free >> 20} MiB free, {(self._reserve_bytes + beyond) >> 20} MiB needed); "
                "free some space and try again"
            )

    @contextmanager
    def _mapped(self) -> Iterator[None]:
        """The one place where the engine's errors become ours."""
        try:
            yield
        except HybridError:
            raise
        except (TypeError, ValueError, OverflowError) as error:
            # The bindings could not convert an argument; nothing has reached the engine.
            raise InvalidArgumentError(f"collection {self.name}", str(error)) from error
        except BaseException as error:
            # The engine raises bare Exception, and a Rust panic derives from BaseException only.
            if isinstance(error, Exception) or type(error).__name__ == "PanicException":
                raise self._explained(str(error)) from error
            raise

    def _explained(self, cause: str) -> HybridError:
        where = f"collection {self.name!r} in {self.directory}"
        if "Can't init WAL" in cause and "WouldBlock" in cause:
            return OwnershipError(f"{where} is open in another process; stop that one first")
        if "Shard is not initialized" in cause:
            return NotFoundError(f"collection {self.name!r} has been dropped")
        if any(reason in cause for reason in _CIRCUMSTANCES):
            return StorageError(f"{where}: {cause}; give it what it lacks and try again")
        return StorageError(
            f"{where}: {cause}; if this repeats, rebuild it with `hybrid-coordinator reindex`"
        )
