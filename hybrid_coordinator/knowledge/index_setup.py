"""Make sure that the index has its collections, and that one embedding model built them."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from hybrid_coordinator.domain.items import CollectionName
from hybrid_coordinator.errors import EmbedderUnavailableError, EmbeddingMismatchError
from hybrid_coordinator.knowledge.collections import CollectionDefinition
from hybrid_coordinator.knowledge.embedding.protocol import Embedder
from hybrid_coordinator.storage.postgres.bookkeeping import CollectionEmbedders, EmbedderRecord
from hybrid_coordinator.storage.postgres.interactions import InteractionRecords
from hybrid_coordinator.storage.postgres.knowledge import KnowledgeRecords
from hybrid_coordinator.storage.postgres.source_files import SourceFiles
from hybrid_coordinator.storage.vectors.protocol import CollectionSpec, VectorIndex


class IndexSetup:
    """Creates what is missing in the index.

    A collection that is missing (a first start, a damaged or deleted one) is not only created:
    the record is told that the index has nothing of it, so that it fills again.
    """

    def __init__(
        self,
        index: VectorIndex,
        embedder: Embedder,
        embedders: CollectionEmbedders,
        interactions: InteractionRecords,
        knowledge: KnowledgeRecords,
        files: SourceFiles,
        definitions: Mapping[CollectionName, CollectionDefinition],
    ) -> None:
        self._index = index
        self._embedder = embedder
        self._embedders = embedders
        self._interactions = interactions
        self._knowledge = knowledge
        self._files = files
        self._definitions = definitions
        self._working = asyncio.Lock()
        self._verified = False

    async def ensure(self) -> None:
        """Return when every collection exists. Costs nothing once that has been seen, with the
        embedder's word for its model.

        Raises:
            EmbeddingMismatchError: another model built a collection.
            EmbedderUnavailableError: a collection has never been built, and the dimension is
                not known without the embedder.
            UnavailableError, StorageError: the index or the record.
        """
        if self._verified:
            return
        async with self._working:
            recorded = await self._embedders.all()
            built_by = {name: recorded[name] for name in self._definitions if name in recorded}
            try:
                current = await self._current()
            except EmbedderUnavailableError:
                if len(built_by) < len(self._definitions):
                    raise
                await self._create_missing(built_by)
                return
            _compare(built_by, current)
            for name in self._definitions.keys() - built_by.keys():
                await self._embedders.put(name, current)
            await self._create_missing(dict.fromkeys(self._definitions, current))
            self._verified = True

    def doubt(self) -> None:
        """Have the next ``ensure`` look again: a collection has gone since it was seen."""
        self._verified = False

    async def recreate(self, collection: CollectionName) -> None:
        """Empty a collection, for the embedder in use; the record then fills it again.

        Raises:
            EmbedderUnavailableError: nothing is emptied while it could not be filled.
            UnavailableError, StorageError: the index or the record.
        """
        async with self._working:
            self._verified = False
            current = await self._current()
            # Before, so that a crash in between loses nothing, and (in _create) after, so that
            # nothing written in between by another process counts.
            await self._forget(collection)
            await self._index.drop(collection)
            await self._embedders.put(collection, current)
            await self._create(collection, current)

    async def _create_missing(self, built_by: Mapping[CollectionName, EmbedderRecord]) -> None:
        existing = set(await self._index.collections())
        for name, record in built_by.items():
            if name not in existing:
                await self._create(name, record)

    async def _create(self, name: CollectionName, built_by: EmbedderRecord) -> None:
        # First, so that a crash in between leaves the collection missing, not empty for good.
        await self._forget(name)
        indexes = self._definitions[name].indexes
        await self._index.create(CollectionSpec(name, built_by.dimension, indexes))

    async def _forget(self, name: CollectionName) -> None:
        """Say that the index has nothing of a collection."""
        if name is CollectionName.INTERACTION_HISTORY:
            await self._interactions.mark_all_unprojected()
            return
        await self._knowledge.mark_all_unprojected()
        if name is CollectionName.CODEBASE_CONTEXT:
            await self._files.mark_all_unfinished()

    async def _current(self) -> EmbedderRecord:
        identity = await self._embedder.identity()
        return EmbedderRecord(identity.name, identity.dimension, identity.revision)


def _compare(built_by: Mapping[CollectionName, EmbedderRecord], current: EmbedderRecord) -> None:
    for name, record in built_by.items():
        if record != current:
            raise EmbeddingMismatchError(
                f"Collection {name} was built with {_described(record)}, but the embedder "
                f"is {_described(current)}. Run `hybrid-coordinator reindex` to rebuild it, "
                "or set embedding.provider and embedding.model back."
            )


def _described(record: EmbedderRecord) -> str:
    return f"{record.model} ({record.dimension} dimensions, revision {record.revision})"
