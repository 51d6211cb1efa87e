"""Everything behind a memory, wired as the coordinator does it, with the real engines."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from hybrid_coordinator.domain.interactions import AgentType, NewInteraction
from hybrid_coordinator.domain.items import CollectionName
from hybrid_coordinator.domain.knowledge import NewKnowledge
from hybrid_coordinator.domain.secrets import Scrubber
from hybrid_coordinator.knowledge.code.indexer import CodeIndexer
from hybrid_coordinator.knowledge.code.worker import Workshop
from hybrid_coordinator.knowledge.collections import load_collections
from hybrid_coordinator.knowledge.embedding.protocol import Embedder
from hybrid_coordinator.knowledge.embedding.static import StaticEmbedder
from hybrid_coordinator.knowledge.index_setup import IndexSetup
from hybrid_coordinator.knowledge.projection import Projector
from hybrid_coordinator.knowledge.retrieval import Retrieved, Retriever
from hybrid_coordinator.storage.postgres.bookkeeping import CollectionEmbedders
from hybrid_coordinator.storage.postgres.database import Database
from hybrid_coordinator.storage.postgres.interactions import InteractionRecords
from hybrid_coordinator.storage.postgres.knowledge import KnowledgeRecords
from hybrid_coordinator.storage.postgres.source_files import SourceFiles
from hybrid_coordinator.storage.vectors.bm25 import Bm25Encoder
from hybrid_coordinator.storage.vectors.edge import EdgeIndex

PATIENCE = 20.0
"""Seconds that anything may take before a test fails."""
PROJECT = "shop-1f3a9c2e"
EVERYTHING = tuple(CollectionName)


@dataclass(frozen=True)
class Memory:
    """The parts. Nothing is projected until ``projecting`` is entered."""

    index: EdgeIndex
    interactions: InteractionRecords
    knowledge: KnowledgeRecords
    files: SourceFiles
    setup: IndexSetup
    projector: Projector
    retriever: Retriever
    indexer: CodeIndexer

    async def track(self, query: str, response: str = "done", project: str = PROJECT) -> str:
        """Record an interaction and wake the projector, as tracking does."""
        new = NewInteraction(project, query, response, AgentType.REMOTE, "claude-opus")
        interaction_id = await self.interactions.add(new)
        self.projector.wake()
        return interaction_id

    async def learn(
        self,
        title: str,
        content: str,
        collection: CollectionName = CollectionName.SKILLS_PATTERNS,
        project: str = PROJECT,
        **fields: str,
    ) -> str:
        """Store a knowledge entry and wake the projector."""
        new = NewKnowledge(collection, project, title, content, fields)
        item_id, _ = await self.knowledge.store(new)
        self.projector.wake()
        return item_id

    async def find(self, query: str, project: str = PROJECT, limit: int = 8) -> Retrieved:
        """What is relevant, in all collections, after everything written is projected."""
        await self.projector.drain(PATIENCE)
        return await self.retriever.find(query, project, EVERYTHING, limit)

    async def found(self, query: str, project: str = PROJECT) -> list[str]:
        """The ids that ``find`` gives."""
        return [item.id for item in (await self.find(query, project)).items]


@asynccontextmanager
async def memory(
    database: Database, directory: Path, embedder: Embedder | None = None
) -> AsyncIterator[Memory]:
    """A memory over ``database`` and the index in ``directory``; entering it again later is a
    restart."""
    embedder = embedder or StaticEmbedder()
    index = await EdgeIndex.open(directory)
    bm25, definitions = Bm25Encoder(), load_collections()
    interactions, knowledge = InteractionRecords(database), KnowledgeRecords(database)
    files, embedders = SourceFiles(database), CollectionEmbedders(database)
    workshop = Workshop()
    setup = IndexSetup(index, embedder, embedders, interactions, knowledge, files, definitions)
    try:
        yield Memory(
            index,
            interactions,
            knowledge,
            files,
            setup,
            Projector(index, embedder, bm25, interactions, knowledge, setup, definitions),
            Retriever(index, embedder, bm25, interactions, setup, definitions),
            CodeIndexer(index, embedder, workshop, files, Scrubber()),
        )
    finally:
        await workshop.close()
        await embedder.close()
        await index.close()


@asynccontextmanager
async def projecting(
    database: Database, directory: Path, embedder: Embedder | None = None
) -> AsyncIterator[Memory]:
    """A memory whose projector runs."""
    async with memory(database, directory, embedder) as parts:
        task = asyncio.create_task(parts.projector.run())
        try:
            yield parts
        finally:
            task.cancel()
            (ended,) = await asyncio.gather(task, return_exceptions=True)
            assert isinstance(ended, asyncio.CancelledError), ended
