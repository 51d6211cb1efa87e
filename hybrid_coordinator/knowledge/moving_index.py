"""The index as its users hold it, wired so that it can be rebuilt and moved under them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from hybrid_coordinator.domain.items import CollectionName
from hybrid_coordinator.domain.secrets import Scrubber
from hybrid_coordinator.knowledge.code.indexer import CodeIndexer
from hybrid_coordinator.knowledge.code.worker import Workshop
from hybrid_coordinator.knowledge.collections import CollectionDefinition
from hybrid_coordinator.knowledge.embedding.chosen import ChosenEmbedder
from hybrid_coordinator.knowledge.index_setup import IndexSetup
from hybrid_coordinator.knowledge.locating import Locator, MakeEmbedder, OpenEngine, Wanted
from hybrid_coordinator.knowledge.projection import Projector
from hybrid_coordinator.knowledge.rebuild import Rebuilder
from hybrid_coordinator.storage.postgres.database import Database
from hybrid_coordinator.storage.postgres.forgotten import Tombstones
from hybrid_coordinator.storage.postgres.generations import Generations
from hybrid_coordinator.storage.postgres.interactions import InteractionRecords
from hybrid_coordinator.storage.postgres.knowledge import KnowledgeRecords
from hybrid_coordinator.storage.postgres.source_files import SourceFiles
from hybrid_coordinator.storage.vectors.bm25 import Bm25Encoder
from hybrid_coordinator.storage.vectors.generation import GenerationIndex
from hybrid_coordinator.storage.vectors.protocol import VectorIndex


@dataclass(frozen=True, slots=True)
class MovingIndex:
    """``index``, ``embedder`` and ``files`` are those of the generation that serves at the moment
    of each call; several calls that belong together are made inside ``setup.asking()`` or
    ``setup.writing()``."""

    index: GenerationIndex
    embedder: ChosenEmbedder
    files: SourceFiles
    indexer: CodeIndexer
    generations: Generations
    setup: IndexSetup
    projector: Projector
    rebuilder: Rebuilder


def moving_index(
    database: Database,
    wanted: Wanted,
    open_engine: OpenEngine,
    make_embedder: MakeEmbedder,
    bm25: Bm25Encoder,
    workshop: Workshop,
    scrubber: Scrubber,
    definitions: Mapping[CollectionName, CollectionDefinition],
) -> MovingIndex:
    """Wire it; nothing is opened before the first use."""
    interactions, knowledge = InteractionRecords(database), KnowledgeRecords(database)
    tombstones = Tombstones(database)
    generations, files = Generations(database), SourceFiles(database)
    index, embedder = GenerationIndex(), ChosenEmbedder(wanted.embedder)
    # Where points are written to, whichever generation serves for other coordinators by then.
    written = SourceFiles(database, lambda: index.generation)
    locator = Locator(generations, wanted, open_engine, make_embedder, index, embedder)
    setup = IndexSetup(
        index,
        embedder,
        generations,
        interactions,
        knowledge,
        written,
        definitions,
        locate=locator.locate,
        embedding=wanted.embedding,
    )

    def make_indexer(into: VectorIndex, manifest: SourceFiles) -> CodeIndexer:
        return CodeIndexer(into, wanted.embedder, workshop, manifest, scrubber)

    rebuilder = Rebuilder(
        locator,
        setup,
        generations,
        interactions,
        knowledge,
        tombstones,
        lambda generation: SourceFiles(database, lambda: generation),
        definitions,
        wanted.embedder,
        bm25,
        open_engine,
        make_indexer,
    )
    indexer = CodeIndexer(index, embedder, workshop, written, scrubber, setup.writing)
    projector = Projector(
        index, embedder, bm25, interactions, knowledge, tombstones, setup, definitions
    )
    return MovingIndex(index, embedder, files, indexer, generations, setup, projector, rebuilder)
