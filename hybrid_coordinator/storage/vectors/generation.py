"""The collections of one generation of the index, under the names that everybody uses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from hybrid_coordinator.domain.knowledge import JsonValue
from hybrid_coordinator.errors import IndexUnavailableError
from hybrid_coordinator.storage.vectors.protocol import (
    CollectionSpec,
    Condition,
    IndexPoint,
    ScoredHit,
    SparseText,
    StoredPoint,
    VectorIndex,
)

_MARK = "--g"


def stored_name(collection: str, generation: int) -> str:
    """What a collection is called in the engine: the first generation has the plain names."""
    return collection if generation == 1 else f"{collection}{_MARK}{generation}"


def generation_of(name: str) -> int:
    """The generation that a collection in the engine belongs to."""
    _, mark, number = name.rpartition(_MARK)
    return int(number) if mark and number.isdigit() else 1


def renamed(name: str, generation: int) -> str:
    """What a collection in the engine is called as one of another generation."""
    collection = name.rpartition(_MARK)[0] if generation_of(name) > 1 else name
    return stored_name(collection, generation)


class GenerationIndex:
    """A ``VectorIndex`` of the collections of one generation, which ``turn_to`` chooses: those
    who hold it follow a move of the index without knowing."""

    def __init__(self, engine: VectorIndex | None = None, generation: int = 1) -> None:
        self._chosen = engine
        self._generation = generation

    def turn_to(self, engine: VectorIndex, generation: int) -> None:
        """Go by this generation from now on."""
        self._chosen, self._generation = engine, generation

    @property
    def generation(self) -> int:
        """The number of the one that is gone by."""
        return self._generation

    @property
    def _engine(self) -> VectorIndex:
        if self._chosen is None:
            raise IndexUnavailableError("the index is being opened; try again in a moment")
        return self._chosen

    def _name(self, collection: str) -> str:
        return stored_name(collection, self._generation)

    async def create(self, spec: CollectionSpec) -> None:
        await self._engine.create(replace(spec, name=self._name(spec.name)))

    async def drop(self, collection: str) -> None:
        await self._engine.drop(self._name(collection))

    async def collections(self) -> list[str]:
        names = await self._engine.collections()
        if self._generation == 1:
            return [name for name in names if _MARK not in name]
        mark = f"{_MARK}{self._generation}"
        return [name.removesuffix(mark) for name in names if name.endswith(mark)]

    async def upsert(self, collection: str, points: Sequence[IndexPoint]) -> None:
        await self._engine.upsert(self._name(collection), points)

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
        return await self._engine.hybrid(
            self._name(collection),
            dense=dense,
            sparse=sparse,
            where=where,
            limit=limit,
            candidates=candidates,
            also=also,
        )

    async def nearest(
        self, collection: str, dense: Sequence[float], *, where: Condition, limit: int
    ) -> list[ScoredHit]:
        return await self._engine.nearest(self._name(collection), dense, where=where, limit=limit)

    async def similarities(
        self, collection: str, ids: Sequence[str], dense: Sequence[float]
    ) -> dict[str, float]:
        return await self._engine.similarities(self._name(collection), ids, dense)

    async def matching(
        self, collection: str, sparse: SparseText, *, where: Condition, limit: int
    ) -> list[ScoredHit]:
        return await self._engine.matching(self._name(collection), sparse, where=where, limit=limit)

    async def set_payload(
        self, collection: str, ids: Sequence[str], payload: Mapping[str, JsonValue]
    ) -> None:
        await self._engine.set_payload(self._name(collection), ids, payload)

    async def delete(self, collection: str, ids: Sequence[str]) -> None:
        await self._engine.delete(self._name(collection), ids)

    async def delete_where(self, collection: str, where: Condition) -> None:
        await self._engine.delete_where(self._name(collection), where)

    async def get(self, collection: str, ids: Sequence[str]) -> list[StoredPoint]:
        return await self._engine.get(self._name(collection), ids)

    async def scroll(
        self, collection: str, *, where: Condition, limit: int, after: str | None = None
    ) -> tuple[list[StoredPoint], str | None]:
        return await self._engine.scroll(
            self._name(collection), where=where, limit=limit, after=after
        )

    async def count(self, collection: str, where: Condition) -> int:
        return await self._engine.count(self._name(collection), where)

    async def facet(
        self, collection: str, key: str, *, where: Condition, limit: int = 100
    ) -> dict[str, int]:
        return await self._engine.facet(self._name(collection), key, where=where, limit=limit)

    async def optimize(self) -> None:
        await self._engine.optimize()

    async def ping(self) -> None:
        await self._engine.ping()

    async def close(self) -> None:
        """Nothing: the engine may serve other generations. Whoever opened it closes it."""
