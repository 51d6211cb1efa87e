"""semble with its own chunks, index and ranker, and our static model in place of its download."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

from benchmarks.search.data import Corpus
from benchmarks.search.systems import Result
from hybrid_coordinator.knowledge.embedding.static import MODEL_FOLDER

HOW_TO_GET = "semble is not installed: pip install 'hybrid-coordinator[bench]'"


def installed() -> bool:
    """Whether it can be measured."""
    return importlib.util.find_spec("semble") is not None


def build(root: Path) -> Any:
    """semble's index of a tree, in memory."""
    from semble import SembleIndex

    return SembleIndex.from_path(root, model_path=str(MODEL_FOLDER))


class SembleIndexes:
    """An index for each tree, which several ways of asking share."""

    def __init__(self) -> None:
        self._indexes: dict[str, tuple[Corpus, Any]] = {}

    def add(self, corpus: Corpus) -> None:
        """Index the tree, unless that is done."""
        if corpus.name not in self._indexes:
            self._indexes[corpus.name] = (corpus, build(corpus.root))

    def of(self, name: str) -> tuple[Corpus, Any]:
        """A tree and its index."""
        return self._indexes[name]


class Semble:
    """One way of asking semble. ``alpha`` is the weight of the vectors, None for its own choice;
    ``ranker`` says whether its rules for code come after."""

    def __init__(
        self, indexes: SembleIndexes, name: str, *, alpha: float | None, ranker: bool = True
    ) -> None:
        self.name = name
        self._indexes = indexes
        self._alpha = alpha
        self._ranker = ranker

    async def add(self, corpus: Corpus) -> None:
        """Index the tree."""
        self._indexes.add(corpus)

    async def search(self, question: str, corpus: str, limit: int) -> list[Result]:
        """What it finds."""
        tree, index = self._indexes.of(corpus)
        found = index.search(question, top_k=limit, alpha=self._alpha, rerank=self._ranker)
        chunks = [each.chunk for each in found]
        return [
            Result(
                tree.known_as(chunk.file_path),
                chunk.start_line,
                chunk.end_line,
                f"{chunk.location}\n{chunk.content}\n",
            )
            for chunk in chunks
        ]
