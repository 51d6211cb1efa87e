"""What the index must be able to do, whichever Qdrant engine does it."""

from __future__ import annotations

import math
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import accumulate, pairwise
from typing import Protocol

from hybrid_coordinator.domain.knowledge import JsonValue
from hybrid_coordinator.errors import InvalidArgumentError

TENANT_FIELD = "project"
"""The payload field by which nearly every query filters."""


class IndexKind(StrEnum):
    """Payload index types that both engines have."""

    KEYWORD = "keyword"
    INTEGER = "integer"
    FLOAT = "float"
    BOOL = "bool"
    DATETIME = "datetime"


@dataclass(frozen=True, slots=True)
class CollectionSpec:
    """A collection to create: one dense vector (cosine), one BM25 sparse vector (IDF in the
    engine), and payload indexes by field name. A cluster cuts it into ``shards``, and has
    each on ``replicas`` nodes, as it is configured where they are None; the embedded engine knows
    neither."""

    name: str
    dimension: int
    indexes: Mapping[str, IndexKind] = field(default_factory=dict)
    shards: int | None = None
    replicas: int | None = None


@dataclass(frozen=True, slots=True)
class SparseText:
    """A BM25-weighted sparse vector: term ids and weights of equal length, ids ascending."""

    indices: tuple[int, ...]
    values: tuple[float, ...]

    def __post_init__(self) -> None:
        if len(self.indices) != len(self.values):
            raise InvalidArgumentError("sparse", "there must be one weight for each term id")


@dataclass(frozen=True, slots=True)
class IndexPoint:
    """A point to store. ``dense`` is None while the embedder is gone: the point is then found
    by BM25 only."""

    id: str
    dense: Sequence[float] | None
    sparse: SparseText
    payload: Mapping[str, JsonValue]

    def __post_init__(self) -> None:
        # A stored NaN would make every comparison with this point meaningless.
        if self.dense is not None and not math.isfinite(sum(self.dense)):
            raise InvalidArgumentError("dense", f"point {self.id} holds NaN or infinity")


Condition = Mapping[str, str | Sequence[str | None]]
"""Payload fields that must equal a value, or one of several, of which None stands for no value at
all. Conditions are joined by AND."""


@dataclass(frozen=True, slots=True)
class ScoredHit:
    """A found point. ``score`` is the engine's, higher is better."""

    id: str
    score: float
    payload: Mapping[str, JsonValue]


@dataclass(frozen=True, slots=True)
class StoredPoint:
    """A point read back by id or by scrolling, without its vectors."""

    id: str
    payload: Mapping[str, JsonValue]


@dataclass(frozen=True, slots=True)
class Ranking:
    """A ranking by one vector, of the points that meet every condition."""

    by: Sequence[float] | SparseText
    where: Sequence[Condition]


def rankings_of(
    dense: Sequence[float] | None,
    sparse: SparseText | None,
    where: Condition,
    also: Sequence[Condition],
) -> list[Ranking]:
    """The rankings that ``VectorIndex.hybrid`` fuses; none if there is nothing to rank by."""
    words = sparse if sparse is not None and sparse.indices else None
    rankings = [Ranking(by, [where]) for by in (dense, words) if by is not None]
    if not rankings:
        return []
    return [*rankings, *(Ranking(rankings[-1].by, [where, condition]) for condition in also)]


def ranked(hits: Iterable[ScoredHit], limit: int) -> list[ScoredHit]:
    """The ``limit`` best, best first; hits of equal score in id order, so that every engine
    answers alike."""
    ordered = sorted(hits, key=lambda hit: -hit.score)
    # Neighbours this close are equal: one engine adds in single precision, another in double.
    drops = (above.score - hit.score > _NOISE for above, hit in pairwise(ordered))
    levels = accumulate(drops, initial=0)  # one even where there is no hit
    placed = sorted(zip(levels, ordered, strict=False), key=lambda pair: (pair[0], pair[1].id))
    return [hit for _, hit in placed[:limit]]


_NOISE = 1e-7
TIES = 8
"""Hits to ask an engine for beyond the limit: which of several of equal score it cuts off is
its own affair, so ``ranked`` cuts."""


def told_apart(point: IndexPoint) -> IndexPoint:
    """The point with a hair added to its vectors, as its id has it: up to 1/256 of each BM25
    weight, and up to 1/256 to the first component of the dense vector.

    Points of equal score are common (a question of one word, entries that say the same in two
    projects), and an engine ranks them as it happens to store them, which rank fusion turns into
    other scores. With a hair of difference, far below what either measure can tell, every engine
    ranks them alike.
    """
    share = (uuid.UUID(point.id).int & 0xFFFF) / 65536
    dense = None if point.dense is None else [*point.dense]
    if dense:
        dense[0] += share / 256
    sparse = point.sparse
    weights = tuple(value * (1 + share / 256) for value in sparse.values)
    return IndexPoint(point.id, dense, SparseText(sparse.indices, weights), point.payload)


class VectorIndex(Protocol):
    """Points in named collections. All methods raise ``IndexUnavailableError`` when the engine
    does not answer in time, ``StorageError`` when it refuses, ``NotFoundError`` on an unknown
    collection."""

    async def create(self, spec: CollectionSpec) -> None:
        """Create the collection with its payload indexes; of one that exists, those it lacks."""
        ...

    async def drop(self, collection: str) -> None:
        """Delete the collection with everything in it; nothing happens if it does not exist."""
        ...

    async def collections(self) -> list[str]:
        """Names of the existing collections, sorted."""
        ...

    async def upsert(self, collection: str, points: Sequence[IndexPoint]) -> None:
        """Store the points, replacing those of the same id. When it returns they outlive a killed
        process; the embedded engine brings them through a power failure only once some
        thousands have gathered, or ``optimize`` or ``close`` has run."""
        ...

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
        """Best points by fusion (in the engine) of the nearest by cosine and the best by BM25,
        ``candidates`` from each; with one of the two None, by the other alone.

        The scores of each ranking are brought to one scale by their mean and deviation, and added
        (distribution-based score fusion). How far a piece is ahead tells more than its rank:
        against reciprocal ranks, web questions find their function better by 0.02 (MRR), and
        questions about a code base find as well.

        Each condition of ``also`` adds a ranking to be fused: the ``candidates`` best by BM25
        (by cosine where there is no sparse vector) of the points that meet it and ``where``.
        What is rare by its fields is so among the candidates however common its words are.
        """
        ...

    async def nearest(
        self, collection: str, dense: Sequence[float], *, where: Condition, limit: int
    ) -> list[ScoredHit]:
        """Nearest points by cosine similarity; ``score`` is the similarity, in -1 to 1."""
        ...

    async def similarities(
        self, collection: str, ids: Sequence[str], dense: Sequence[float]
    ) -> dict[str, float]:
        """The cosine similarity, in -1 to 1, of each of these points that exists and has a dense
        vector."""
        ...

    async def matching(
        self, collection: str, sparse: SparseText, *, where: Condition, limit: int
    ) -> list[ScoredHit]:
        """Best points by BM25; ``score`` is the BM25 score, 0 or more."""
        ...

    async def set_payload(
        self, collection: str, ids: Sequence[str], payload: Mapping[str, JsonValue]
    ) -> None:
        """Set these payload fields of the points, leaving the others."""
        ...

    async def delete(self, collection: str, ids: Sequence[str]) -> None:
        """Delete the points; unknown ids are ignored."""
        ...

    async def delete_where(self, collection: str, where: Condition) -> None:
        """Delete every point that meets the condition, which may not be empty."""
        ...

    async def get(self, collection: str, ids: Sequence[str]) -> list[StoredPoint]:
        """The points of these ids that exist, in no particular order."""
        ...

    async def scroll(
        self, collection: str, *, where: Condition, limit: int, after: str | None = None
    ) -> tuple[list[StoredPoint], str | None]:
        """A page of points in id order, and the cursor of the next page (None at the end)."""
        ...

    async def count(self, collection: str, where: Condition) -> int:
        """How many points meet the condition, exactly."""
        ...

    async def facet(
        self, collection: str, key: str, *, where: Condition, limit: int = 100
    ) -> dict[str, int]:
        """Counts by value of a keyword-indexed field."""
        ...

    async def optimize(self) -> None:
        """Compact what deletes and updates left behind, and make the next start quicker.

        Safe at any time, but the embedded engine takes up to 50 µs a point for it, in which
        nothing else runs in this process: call it when nobody waits, as before ``close``.
        """
        ...

    async def ping(self) -> None:
        """Return if the engine answers, raise if not."""
        ...

    async def close(self) -> None:
        """Release the engine; no call may follow."""
        ...
