"""What the sections share: the data, a scratch directory, and the systems that are installed."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.search import ripgrep, semble_system
from benchmarks.search.data import Corpus, Question
from benchmarks.search.plain_bm25 import PlainBm25
from benchmarks.search.product import Indexed, OurBm25, OurDense, Ours, started
from benchmarks.search.ripgrep import Ripgrep
from benchmarks.search.semble_system import Semble, SembleIndexes
from benchmarks.search.systems import System


@dataclass(frozen=True, slots=True)
class Sizes:
    """How much is measured where the data does not say it."""

    rounds: int = 3
    few_chunks: int = 5_000
    many_chunks: int = 100_000
    tree_files: int = 5_000
    indexed_files: int = 400


@dataclass(frozen=True, slots=True)
class Workbench:
    """The measuring place. ``scratch`` is empty at first and goes away afterwards."""

    data: Path
    corpora: Sequence[Corpus]
    questions: Sequence[Question]
    scratch: Path
    sizes: Sizes = Sizes()
    rg: str | None = field(default_factory=ripgrep.executable)
    semble: bool = field(default_factory=semble_system.installed)
    _numbers: Iterator[int] = field(default_factory=itertools.count)

    def folder(self) -> Path:
        """A new directory's path. Short, since a socket may come to lie in it."""
        return self.scratch / f"{next(self._numbers)}"

    def absent(self) -> dict[str, str]:
        """Systems that are not measured, and how to get them."""
        absent = {}
        if self.rg is None:
            absent["ripgrep"] = ripgrep.HOW_TO_GET
        if not self.semble:
            absent["semble"] = semble_system.HOW_TO_GET
        return absent

    @contextlib.asynccontextmanager
    async def indexed(self, corpora: Iterable[Corpus]) -> AsyncIterator[Indexed]:
        """A coordinator that has indexed the trees."""
        async with started(self.folder()) as running:
            indexed = Indexed(running, {})
            for corpus in corpora:
                await indexed.add(corpus)
            await running.index.optimize()
            yield indexed

    async def systems(self, indexed: Indexed) -> list[System]:
        """Every system that is installed, ready to be asked about what was indexed."""
        corpora = list(indexed.corpora.values())
        systems: list[System] = [
            Ours(indexed),
            OurBm25(indexed),
            OurDense(indexed),
            PlainBm25(indexed),
        ]
        if self.semble:
            indexes = SembleIndexes()
            systems += [
                Semble(indexes, "semble hybrid", alpha=None),
                Semble(indexes, "semble BM25", alpha=0.0),
                Semble(indexes, "semble BM25, no ranker", alpha=0.0, ranker=False),
            ]
        if self.rg is not None:
            systems.append(Ripgrep(self.rg))
        for system in systems[1:]:
            for corpus in corpora:
                await system.add(corpus)
        return systems
