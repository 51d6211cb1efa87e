"""Make sure that the index has its collections, and that one embedding model built them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from types import MappingProxyType

from hybrid_coordinator.domain.items import CollectionName
from hybrid_coordinator.domain.knowledge import JsonValue
from hybrid_coordinator.errors import (
    EmbedderUnavailableError,
    EmbeddingMismatchError,
    NotFoundError,
)
from hybrid_coordinator.knowledge.collections import CollectionDefinition
from hybrid_coordinator.knowledge.embedding.protocol import Embedder
from hybrid_coordinator.knowledge.gate import Gate
from hybrid_coordinator.storage.postgres.generations import EmbedderRecord, Generations
from hybrid_coordinator.storage.postgres.interactions import InteractionRecords
from hybrid_coordinator.storage.postgres.knowledge import KnowledgeRecords
from hybrid_coordinator.storage.postgres.source_files import SourceFiles
from hybrid_coordinator.storage.vectors.protocol import VectorIndex

Locate = Callable[[], Awaitable[None]]
"""Turns the index and the embedder to the serving generation."""


async def _nothing_to_locate() -> None:
    """For an index that never moves."""


class IndexSetup:
    """Creates what is missing in the serving index, and holds still for those who use it.

    A collection that is missing (a first start, a damaged or deleted one) is not only created:
    the record is told that the index has nothing of it, so that it fills again.
    """

    def __init__(
        self,
        index: VectorIndex,
        embedder: Embedder,
        generations: Generations,
        interactions: InteractionRecords,
        knowledge: KnowledgeRecords,
        files: SourceFiles,
        definitions: Mapping[CollectionName, CollectionDefinition],
        *,
        locate: Locate = _nothing_to_locate,
        embedding: Mapping[str, JsonValue] = MappingProxyType({}),
    ) -> None:
        """``embedding`` holds the settings that lead to the embedder, for the record."""
        self._index = index
        self._embedder = embedder
        self._generations = generations
        self._interactions = interactions
        self._knowledge = knowledge
        self._files = files
        self._definitions = definitions
        self._locate = locate
        self._embedding = embedding
        self._working = asyncio.Lock()
        self._doubts = 1
        self._settled = 0
        self.questions = Gate()
        """Closed for the moment in which the index is switched."""
        self.writers = Gate()
        """Closed while the last changes are brought into the new index, too."""

    @asynccontextmanager
    async def asking(self) -> AsyncIterator[None]:
        """Ask the index: the collections exist, and the embedder is theirs, until this ends.
        Raises as ``ensure`` does."""
        async with self.questions.passing():
            await self.ensure()
            yield

    @asynccontextmanager
    async def writing(self) -> AsyncIterator[None]:
        """Write to the index; otherwise as ``asking``."""
        async with self.writers.passing():
            await self.ensure()
            try:
                yield
            except NotFoundError:  # a collection may have gone since it was seen
                self.doubt()
                raise

    async def ensure(self) -> None:
        """Return when every collection exists. Costs nothing once that has been seen, with the
        embedder's word for its model.

        Raises:
            EmbeddingMismatchError: another model built the index, and no rebuild was asked for.
            EmbedderUnavailableError: the index has never been built, and the dimension is not
                known without the embedder.
            UnavailableError, StorageError: the index or the record.
        """
        if self._settled == self._doubts:
            return
        async with self._working:
            doubts = self._doubts
            await self._locate()
            serving = await self._generations.serving()
            try:
                current = await identity_of(self._embedder)
            except EmbedderUnavailableError:
                if serving.embedder is None:
                    raise
                await self._create_missing(serving.embedder)
                return
            _compare(serving.embedder, current)
            if serving.embedder is None or serving.embedding is None:
                await self._generations.built_by(serving.number, self._embedding, current)
            await self._create_missing(current)
            self._settled = doubts

    def doubt(self) -> None:
        """Have the next ``ensure`` look again: what was seen has changed."""
        self._doubts += 1

    async def _create_missing(self, built_by: EmbedderRecord) -> None:
        existing = set(await self._index.collections())
        for name, definition in self._definitions.items():
            if name not in existing:
                # First, so that a crash in between leaves the collection missing, not empty for
                # good.
                await self._forget(name)
            # One that exists may lack a payload index that a later version has.
            await self._index.create(definition.spec(built_by.dimension))

    async def _forget(self, name: CollectionName) -> None:
        """Say that the index has nothing of a collection."""
        if name is CollectionName.INTERACTION_HISTORY:
            await self._interactions.mark_all_unprojected()
            return
        await self._knowledge.mark_all_unprojected()
        if name is CollectionName.CODEBASE_CONTEXT:
            await self._files.mark_all_unfinished()


async def identity_of(embedder: Embedder) -> EmbedderRecord:
    """The embedder's identity as the record has it. Raises as ``Embedder.identity`` does."""
    identity = await embedder.identity()
    return EmbedderRecord(identity.name, identity.dimension, identity.revision)


def described(record: EmbedderRecord) -> str:
    """The model, for a reader."""
    return f"{record.model} ({record.dimension} dimensions, revision {record.revision})"


def _compare(built_by: EmbedderRecord | None, current: EmbedderRecord) -> None:
    if built_by is not None and built_by != current:
        raise EmbeddingMismatchError(
            f"The index was built with {described(built_by)}, but the embedder is "
            f"{described(current)}. Run `hybrid-coordinator reindex` to rebuild it (questions are "
            "answered meanwhile), or set embedding.provider and embedding.model back."
        )
