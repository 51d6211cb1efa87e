"""The coordinator itself as a system: its own composition, in a directory of its own."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.search.data import Corpus
from benchmarks.search.systems import Result
from hybrid_coordinator.composition import Engines, Running
from hybrid_coordinator.coordinator import Coordinator
from hybrid_coordinator.domain.indexing import IndexReport
from hybrid_coordinator.domain.items import CollectionName
from hybrid_coordinator.domain.knowledge import JsonValue
from hybrid_coordinator.home import Home
from hybrid_coordinator.knowledge.embedding.static import StaticEmbedder
from hybrid_coordinator.settings import SettingsStore
from hybrid_coordinator.storage.vectors.bm25 import Bm25Encoder

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from hybrid_coordinator.storage.vectors.protocol import ScoredHit

CODE = CollectionName.CODEBASE_CONTEXT


@contextlib.asynccontextmanager
async def started(folder: Path) -> AsyncIterator[Running]:
    """A running coordinator with its state in ``folder``, compacted at the end as the owner
    process does when nobody asks. No model endpoint is looked for."""
    engines = Engines(*_configured(folder))
    engines.begin()
    try:
        running = await engines.running()
        await running.setup.ensure()
        yield running
        await engines.tidy()
    finally:
        await engines.close()


def _configured(folder: Path) -> tuple[Home, SettingsStore]:
    home = Home(folder)
    folder.mkdir(parents=True, exist_ok=True)
    home.settings_file.write_text("inference: {enabled: false}\n", encoding="utf-8")
    return home, SettingsStore(home.settings_file)


@dataclass(slots=True)
class Indexed:
    """The coordinator's index of some trees, which several ways of asking share."""

    running: Running
    corpora: dict[str, Corpus]

    async def add(self, corpus: Corpus) -> IndexReport:
        """Bring the index of the tree up to date."""
        report = await self.running.coordinator.index(corpus.root, project=corpus.name)
        self.corpora[corpus.name] = corpus
        return report

    def place(self, corpus: str, source: str) -> tuple[str, int, int]:
        """An item's source as a path of the questions, and its lines."""
        path, _, lines = source.rpartition(":")
        start, _, end = lines.partition("-")
        return self.corpora[corpus].known_as(path), int(start), int(end)


class Ours:
    """What `search_knowledge` and `hybrid-coordinator search` answer."""

    def __init__(
        self, indexed: Indexed, name: str = "ours", coordinator: Coordinator | None = None
    ) -> None:
        self.name = name
        self._indexed = indexed
        self._coordinator = coordinator or indexed.running.coordinator

    async def add(self, corpus: Corpus) -> None:
        """Index the tree."""
        await self._indexed.add(corpus)

    async def search(self, question: str, corpus: str, limit: int) -> list[Result]:
        """The best items over code."""
        found = await self._coordinator.search(
            question, collection=CODE, project=corpus, limit=limit
        )
        return [
            Result(
                *self._indexed.place(corpus, item.source),
                f"{item.title} | {item.source} | {item.why}\n{item.text}\n",
            )
            for item in found.items
        ]


@cache
def shipped() -> StaticEmbedder:
    """The model that the index is built with."""
    return StaticEmbedder()


class _OnePart:
    """One half of our search by itself, as the engine ranks it."""

    def __init__(self, indexed: Indexed) -> None:
        self._indexed = indexed

    async def add(self, corpus: Corpus) -> None:
        """Index the tree, if another system has not."""
        if corpus.name not in self._indexed.corpora:
            await self._indexed.add(corpus)

    def _results(self, corpus: str, hits: Sequence[ScoredHit]) -> list[Result]:
        return [
            Result(*self._indexed.place(corpus, source_of(hit.payload)), text_of(hit.payload))
            for hit in hits
        ]


class OurBm25(_OnePart):
    """BM25 in the engine, with identifiers split."""

    name = "our BM25"

    async def search(self, question: str, corpus: str, limit: int) -> list[Result]:
        """The best by words."""
        sparse = Bm25Encoder().query(question)
        where = {"project": corpus}
        return self._results(
            corpus,
            await self._indexed.running.index.matching(CODE, sparse, where=where, limit=limit),
        )


class OurDense(_OnePart):
    """The static model's vectors in the engine."""

    name = "our dense"

    async def search(self, question: str, corpus: str, limit: int) -> list[Result]:
        """The nearest by meaning."""
        running = self._indexed.running
        (dense,) = await shipped().embed([question])
        where = {"project": corpus}
        return self._results(
            corpus, await running.index.nearest(CODE, dense, where=where, limit=limit)
        )


def source_of(payload: Mapping[str, JsonValue]) -> str:
    """Where a stored chunk is from."""
    return str(payload["source"])


def text_of(payload: Mapping[str, JsonValue]) -> str:
    """A stored chunk's text, as it is in the file."""
    return str(payload["code_snippet"])
