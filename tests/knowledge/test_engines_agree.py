"""The same questions get the same answers in the same order from both engines."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest

from hybrid_coordinator.domain.items import GLOBAL_PROJECT, CollectionName
from hybrid_coordinator.knowledge.collections import load_collections, load_seeds
from hybrid_coordinator.knowledge.embedding.chosen import LostEmbedder
from hybrid_coordinator.knowledge.embedding.protocol import Embedder
from hybrid_coordinator.knowledge.embedding.static import StaticEmbedder
from hybrid_coordinator.knowledge.retrieval import Retriever
from hybrid_coordinator.storage.postgres.database import Database
from hybrid_coordinator.storage.postgres.migrate import migrate
from hybrid_coordinator.storage.vectors.bm25 import Bm25Encoder
from hybrid_coordinator.storage.vectors.client import ClientIndex
from hybrid_coordinator.storage.vectors.engines import EMBEDDED
from hybrid_coordinator.storage.vectors.protocol import SparseText
from tests.support.memory import EVERYTHING, PATIENCE, PROJECT, Memory, projecting

ROOT = Path(__file__).parents[2]
URL = "http://qdrant.example:6333"
TREES = ("hybrid_coordinator/knowledge", "hybrid_coordinator/storage", "docs")
QUESTIONS = """\
where are migrations applied under a lock
how is a dead embedder left alone for a while
reciprocal rank fusion
class EdgeIndex
parse
error
test
import
return
python
project
settings reload
what happens when the disk is full
IndexUnavailableError
await index.upsert
how are chunks cut by syntax
token budget packing
read_source
list files ignoring gitignore
the projector marks rows
retry after growing pauses
secret private key
facet counts
json schema
def __init__
Qdrant server
asyncpg pool
embedding dimension mismatch
TimeoutError after 30 s waiting for a connection
ModuleNotFoundError: No module named 'yaml'
flaky test that fails only in CI
how to write a good commit message
deadlock detected
how do I review a pull request
handle errors
cache invalidation
SQL injection
retry with exponential backoff
git rebase conflict
validate input at the boundary
""".splitlines()


class NoWords(Bm25Encoder):
    """Leaves questions to their vectors."""

    def query(self, text: str) -> SparseText:
        return SparseText((), ())


@pytest.fixture
async def engines(
    database: Database, empty_dsn: str, tmp_path: Path
) -> AsyncIterator[tuple[Memory, Memory]]:
    """The same knowledge and the same code in Qdrant Edge and behind qdrant-client."""
    async with AsyncExitStack() as stack:
        other = await Database.connect(empty_dsn, timeout=10)
        stack.push_async_callback(other.close)
        await migrate(other)
        server = ClientIndex.in_memory()
        stack.push_async_callback(server.close)
        filled = []
        for record, engine in ((database, EMBEDDED), (other, URL)):
            parts = await stack.enter_async_context(
                projecting(record, tmp_path / engine[:4], engine=engine, servers={URL: server})
            )
            for collection in EVERYTHING:
                for seed in load_seeds(collection):
                    await parts.knowledge.store(seed)
                    # Another project has said the same: equal text, other ids.
                    await parts.knowledge.store(replace(seed, project=PROJECT))
            parts.projector.wake()
            await parts.projector.drain(PATIENCE)
            for tree in TREES:
                await parts.indexer.index(ROOT / tree, PROJECT)
            filled.append(parts)
        yield filled[0], filled[1]


async def top(
    parts: Memory, question: str, embedder: Embedder, bm25: Bm25Encoder
) -> dict[str, list[str]]:
    """The ids of the ten best of each collection, whatever they are worth."""
    retriever = Retriever(
        parts.index,
        embedder,
        bm25,
        parts.interactions,
        parts.setup,
        parts.sources,
        load_collections(),
    )
    found = await retriever.find(question, PROJECT, EVERYTHING, 10, only_relevant=False)
    return {
        name: [item.id for item in found.items if item.collection == name] for name in EVERYTHING
    }


async def is_undecided(parts: Memory, question: str, name: CollectionName) -> bool:
    """Whether two candidates are as near to the question as single precision can tell."""
    (vector,) = await StaticEmbedder().embed([question])
    where = {"project": [PROJECT, GLOBAL_PROJECT]}
    near = await parts.index.nearest(name, vector, where=where, limit=60)
    return any(abs(one.score - two.score) < 1e-7 for one, two in pairwise(near))


async def test_both_engines_give_the_same_ten_in_the_same_order(
    engines: tuple[Memory, Memory],
) -> None:
    edge, client = engines
    assert await edge.index.count(CollectionName.CODEBASE_CONTEXT, {}) > 200
    compared, undecided = 0, 0
    for way, embedder, bm25 in (
        ("hybrid", StaticEmbedder(), Bm25Encoder()),
        ("words", LostEmbedder("not asked"), Bm25Encoder()),
        ("vectors", StaticEmbedder(), NoWords()),
    ):
        for question in QUESTIONS:
            one, two = [await top(parts, question, embedder, bm25) for parts in (edge, client)]
            assert len(one[CollectionName.CODEBASE_CONTEXT]) == 10 or way == "words"
            for name in CollectionName:
                compared += 1
                if one[name] != two[name]:
                    assert await is_undecided(edge, question, name), (way, question, name)
                    undecided += 1
    assert compared == len(QUESTIONS) * 3 * 5
    assert undecided <= compared / 100
