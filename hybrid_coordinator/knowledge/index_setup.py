"""Make sure that the index has its collections, and that one embedding model built them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from hybrid_coordinator.domain.items import CollectionName
from hybrid_coordinator.domain.knowledge import JsonValue
from hybrid_coordinator.errors import (
    EmbedderUnavailableError,
    EmbeddingMismatchError,
    NotFoundError,
    StorageError,
)
from hybrid_coordinator.knowledge.collections import CollectionDefinition
from hybrid_coordinator.knowledge.embedding.protocol import Embedder
from hybrid_coordinator.storage.gate import Gate
from hybrid_coordinator.storage.postgres.generations import (
    EmbedderRecord,
    Generation,
    Generations,
)
from hybrid_coordinator.storage.postgres.interactions import InteractionRecords
from hybrid_coordinator.storage.postgres.knowledge import KnowledgeRecords
from hybrid_coordinator.storage.postgres.source_files import SourceFiles
from hybrid_coordinator.storage.vectors.protocol import VectorIndex

Still = Callable[[], AbstractAsyncContextManager[None]]
"""Inside it nobody writes."""

Locate = Callable[[Still], Awaitable[Generation]]
"""Turns the index and the embedder to the serving generation, which it returns."""


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
        locate: Locate,
        embedding: Mapping[str, JsonValue],
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
        self._generation = 0
        self.moved = asyncio.Event()
        """Set when another generation than before is gone by."""
        self.questions = Gate()
        """Closed for the moment in which the index is switched."""
        self.writers = Gate()
        """Closed while the last changes are brought into the new index, too."""

    @asynccontextmanager
    async def asking(self) -> AsyncIterator[None]:
        """Ask the index: the collections exist, and the embedder is theirs, until this ends.
        Raises as ``ensure`` does."""
        async with self._settled_inside(self.questions):
            yield

    @asynccontextmanager
    async def writing(self) -> AsyncIterator[int]:
        """Write to the index, to the generation of this number; otherwise as ``asking``.

        Raises:
            StorageError: another coordinator has made another generation the serving one
                meanwhile, and may not have heard of what was written.
        """
        async with self._settled_inside(self.writers):
            try:
                yield self._generation
            except NotFoundError:  # a collection may have gone since it was seen
                self.doubt()
                raise
            if (await self._generations.serving()).number != self._generation:
                self.doubt()
                raise StorageError(
                    "another coordinator has rebuilt the index meanwhile: do this once more"
                )

    @asynccontextmanager
    async def _settled_inside(self, gate: Gate) -> AsyncIterator[None]:
        """``ensure`` is called outside: it may have to wait until nobody is in."""
        while True:
            doubts = self._doubts
            await self.ensure()
            async with gate.passing():
                if doubts == self._doubts:
                    yield
                    return

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
            serving = await self._locate(self.writers.closed)
            if self._generation not in (0, serving.number):
                self.moved.set()
            self._generation = serving.number
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
