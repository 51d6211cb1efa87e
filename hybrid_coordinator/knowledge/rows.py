"""From rows of the record to the points that stand for them."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

from hybrid_coordinator.domain.interactions import Interaction
from hybrid_coordinator.domain.items import CollectionName
from hybrid_coordinator.domain.knowledge import JsonValue, KnowledgeItem
from hybrid_coordinator.errors import EmbedderUnavailableError
from hybrid_coordinator.knowledge.collections import CollectionDefinition
from hybrid_coordinator.knowledge.embedding.protocol import Embedder, Vector
from hybrid_coordinator.knowledge.payloads import (
    interaction_payload,
    knowledge_payload,
    searched_interaction,
    searched_knowledge,
)
from hybrid_coordinator.storage.postgres.forgotten import Tombstone
from hybrid_coordinator.storage.vectors.bm25 import Bm25Encoder
from hybrid_coordinator.storage.vectors.protocol import IndexPoint, VectorIndex


@dataclass(frozen=True, slots=True)
class Row:
    """A row to store, at the version that is to be marked when that is done. ``text`` is what
    is searched. A row that is ``gone`` has no point."""

    id: str
    version: int
    collection: CollectionName
    text: str
    payload: Mapping[str, JsonValue]
    gone: bool = False

    @property
    def key(self) -> tuple[str, int]:
        return self.id, self.version


class RowPoints:
    """Stores rows as points of one index, embedded by one model."""

    def __init__(
        self,
        index: VectorIndex,
        embedder: Embedder,
        bm25: Bm25Encoder,
        definitions: Mapping[CollectionName, CollectionDefinition],
    ) -> None:
        self._index = index
        self._embedder = embedder
        self._bm25 = bm25
        self._definitions = definitions

    def of_knowledge(self, item: KnowledgeItem) -> Row:
        """The row of a knowledge entry."""
        definition = self._definitions[item.collection]
        text, payload = searched_knowledge(item, definition), knowledge_payload(item, definition)
        return Row(item.id, item.version, item.collection, text, payload, gone=item.deprecated)

    def of_interaction(self, interaction: Interaction, revision: int) -> Row:
        """The row of an interaction."""
        name = CollectionName.INTERACTION_HISTORY
        text = searched_interaction(interaction, self._definitions[name])
        return Row(interaction.id, revision, name, text, interaction_payload(interaction))

    async def store(self, rows: Sequence[Row]) -> None:
        """Store the rows' points, without vectors before ``EmbedderUnavailableError`` is
        raised; delete those of rows that are gone."""
        for row in rows:
            if row.gone:
                await self._index.delete(row.collection, [row.id])
        here = [row for row in rows if not row.gone]
        if not here:
            return
        try:
            vectors = await self._embedder.embed([row.text for row in here])
        except EmbedderUnavailableError:
            await self._upsert(here, [None] * len(here))
            raise
        await self._upsert(here, vectors)

    async def _upsert(self, rows: Sequence[Row], vectors: Sequence[Vector | None]) -> None:
        weights = await asyncio.to_thread(lambda: [self._bm25.document(row.text) for row in rows])
        points: dict[CollectionName, list[IndexPoint]] = {}
        for row, vector, sparse in zip(rows, vectors, weights, strict=True):
            point = IndexPoint(row.id, vector, sparse, row.payload)
            points.setdefault(row.collection, []).append(point)
        for collection, its_points in points.items():
            await self._index.upsert(collection, its_points)


async def remove_points(index: VectorIndex, gone: Sequence[Tombstone]) -> None:
    """Take what was deleted out of an index. What is not there is passed over."""
    by_collection = sorted(gone, key=lambda one: one.collection)
    for collection, of_it in groupby(by_collection, key=lambda one: one.collection):
        await index.delete(collection, [one.id for one in of_it])
