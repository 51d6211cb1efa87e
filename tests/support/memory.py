"""Everything behind a memory, wired as the coordinator does it, with the real engines."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from hybrid_coordinator.domain.interactions import AgentType, NewInteraction
from hybrid_coordinator.domain.items import CollectionName
from hybrid_coordinator.domain.knowledge import JsonValue, NewKnowledge
from hybrid_coordinator.domain.secrets import Scrubber
from hybrid_coordinator.knowledge.code.indexer import CodeIndexer
from hybrid_coordinator.knowledge.code.recall import FreshSources
from hybrid_coordinator.knowledge.code.refreshing import Refresher
from hybrid_coordinator.knowledge.code.worker import Workshop
from hybrid_coordinator.knowledge.collections import load_collections
from hybrid_coordinator.knowledge.embedding.factory import build_embedder
from hybrid_coordinator.knowledge.embedding.protocol import Embedder
from hybrid_coordinator.knowledge.embedding.static import StaticEmbedder
from hybrid_coordinator.knowledge.index_setup import IndexSetup
from hybrid_coordinator.knowledge.locating import Wanted
from hybrid_coordinator.knowledge.moving_index import moving_index
from hybrid_coordinator.knowledge.projection import Projector
from hybrid_coordinator.knowledge.rebuild import Rebuilder
from hybrid_coordinator.knowledge.retrieval import Retrieved, Retriever
from hybrid_coordinator.settings import EmbeddingSettings
from hybrid_coordinator.storage.postgres.database import Database
from hybrid_coordinator.storage.postgres.interactions import InteractionRecords
from hybrid_coordinator.storage.postgres.knowledge import KnowledgeRecords
from hybrid_coordinator.storage.postgres.source_files import SourceFiles
from hybrid_coordinator.storage.vectors.bm25 import Bm25Encoder
from hybrid_coordinator.storage.vectors.edge import EdgeIndex
from hybrid_coordinator.storage.vectors.engines import EMBEDDED
from hybrid_coordinator.storage.vectors.protocol import VectorIndex

PATIENCE = 20.0
"""Seconds that anything may take before a test fails."""
PROJECT = "shop-1f3a9c2e"
EVERYTHING = tuple(CollectionName)


@dataclass(frozen=True)
class Memory:
    """The parts. Nothing is projected until ``projecting`` is entered."""

    index: VectorIndex
    interactions: InteractionRecords
    knowledge: KnowledgeRecords
    files: SourceFiles
    setup: IndexSetup
    projector: Projector
    retriever: Retriever
    indexer: CodeIndexer
    sources: FreshSources
    rebuilder: Rebuilder

    async def track(self, query: str, response: str = "done", project: str = PROJECT) -> str:
        """Record an interaction and wake the projector, as tracking does."""
        new = NewInteraction(project, query, response, AgentType.REMOTE, "claude-opus")
        interaction_id = await self.interactions.add(new)
        self.projector.wake_for_interactions()
        return interaction_id

    async def learn(
        self,
        title: str,
        content: str,
        collection: CollectionName = CollectionName.SKILLS_PATTERNS,
        project: str = PROJECT,
        **fields: JsonValue,
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


def no_key(recorded: Mapping[str, JsonValue]) -> Embedder:
    """The embedder that recorded settings lead to."""
    settings = {name: value for name, value in recorded.items() if value is not None}
    return build_embedder(EmbeddingSettings.model_validate(settings))


@asynccontextmanager
async def memory(
    database: Database,
    directory: Path,
    embedder: Embedder | None = None,
    *,
    embedding: Mapping[str, JsonValue] = MappingProxyType({}),
    engine: str = EMBEDDED,
    servers: Mapping[str, VectorIndex] = MappingProxyType({}),
) -> AsyncIterator[Memory]:
    """A memory over ``database`` and the index in ``directory``; entering it again later is a
    restart. ``embedding`` are the settings that lead to ``embedder``; ``servers`` are engines by
    URL that outlive this."""
    edge = await EdgeIndex.open(directory)

    async def open_engine(name: str) -> VectorIndex:
        return edge if name == EMBEDDED else servers[name]

    wanted = Wanted(engine, embedding, embedder or StaticEmbedder())
    bm25, definitions, workshop = Bm25Encoder(), load_collections(), Workshop()
    moving = moving_index(
        database, wanted, open_engine, no_key, bm25, workshop, Scrubber(), definitions
    )
    index, setup = moving.index, moving.setup
    interactions, knowledge = InteractionRecords(database), KnowledgeRecords(database)
    refresher = Refresher(moving.indexer)
    sources = FreshSources(
        Scrubber(),
        lambda project, root, path: refresher.add(project, root, [path]),
        moving.indexer.draft,
    )
    try:
        yield Memory(
            index,
            interactions,
            knowledge,
            moving.files,
            setup,
            moving.projector,
            Retriever(index, moving.embedder, bm25, interactions, setup, sources, definitions),
            moving.indexer,
            sources,
            moving.rebuilder,
        )
    finally:
        await workshop.close()
        await wanted.embedder.close()
        await edge.close()


@asynccontextmanager
async def projecting(
    database: Database,
    directory: Path,
    embedder: Embedder | None = None,
    *,
    embedding: Mapping[str, JsonValue] = MappingProxyType({}),
    engine: str = EMBEDDED,
    servers: Mapping[str, VectorIndex] = MappingProxyType({}),
) -> AsyncIterator[Memory]:
    """A memory whose projector and rebuilder run."""
    async with memory(
        database, directory, embedder, embedding=embedding, engine=engine, servers=servers
    ) as parts:
        tasks = [asyncio.create_task(work.run()) for work in (parts.projector, parts.rebuilder)]
        try:
            yield parts
        finally:
            for task in tasks:
                task.cancel()
            for ended in await asyncio.gather(*tasks, return_exceptions=True):
                assert isinstance(ended, asyncio.CancelledError), ended
