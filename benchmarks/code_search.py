"""Measure the search over code: NDCG@10, what is refused, and how long a question takes.

    python benchmarks/code_search.py --data DIR [--packages DIR] [--large DIR]

DIR/dev.json holds questions with the places that answer them, and names the packages that they
are about. The questions are from semble's annotations (https://github.com/MinishLab/semble,
benchmarks/annotations, MIT). Get each package's source and unpack it into the packages' folder
(default: DIR/packages):

    pip download --no-deps --no-binary PACKAGE PACKAGE==VERSION

Every question is asked of its own package, which should answer, and of packages that cannot
answer it, which should not. --large is a tree of source files to measure the time on.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import math
import statistics
import tempfile
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from hybrid_coordinator.domain.items import CollectionName
from hybrid_coordinator.domain.secrets import Scrubber
from hybrid_coordinator.knowledge.code.indexer import CodeIndexer
from hybrid_coordinator.knowledge.code.worker import Workshop
from hybrid_coordinator.knowledge.collections import load_collections
from hybrid_coordinator.knowledge.embedding.static import StaticEmbedder
from hybrid_coordinator.knowledge.index_setup import IndexSetup
from hybrid_coordinator.knowledge.retrieval import Retriever
from hybrid_coordinator.storage.postgres.database import Database
from hybrid_coordinator.storage.postgres.embedded import EmbeddedPostgres
from hybrid_coordinator.storage.postgres.generations import Generations
from hybrid_coordinator.storage.postgres.interactions import InteractionRecords
from hybrid_coordinator.storage.postgres.knowledge import KnowledgeRecords
from hybrid_coordinator.storage.postgres.migrate import migrate
from hybrid_coordinator.storage.postgres.source_files import SourceFiles
from hybrid_coordinator.storage.vectors.bm25 import Bm25Encoder
from hybrid_coordinator.storage.vectors.edge import EdgeIndex

DEPTH = 10
CODE = CollectionName.CODEBASE_CONTEXT

SUBJECTS = (
    {"fastapi", "starlette", "httpx", "requests"},
    {"fastapi", "pydantic"},
)
"""Packages on one subject: one may well answer a question about another."""

JUNK = (
    "what is for dinner",
    "weather in Paris",
    "tell me a joke",
    "who won the football match yesterday",
    "book a flight to Tokyo",
    "best pizza recipe",
    "how tall is mount everest",
    "hello",
    "thanks!",
    "write a poem about autumn leaves",
    "what time is it",
    "capital of Mongolia",
    "how do I knit a scarf",
    "my cat is sick, what should I do",
)

TASK = (
    "A colleague reported that something strange happens after the last deployment. We believe it "
    "has to do with this: {query}. Reproduce it first, then write down the root cause in two "
    "sentences and fix it. Afterwards update the changelog, and keep the public interface stable."
)
"""How a question looks inside a task for an agent."""


@dataclass(frozen=True)
class Target:
    path: str
    start_line: int = 0
    end_line: int = 10**9


@dataclass(frozen=True)
class Question:
    package: str
    text: str
    category: str
    targets: tuple[Target, ...]


@dataclass(frozen=True)
class Place:
    """Where a result is."""

    path: str
    start_line: int
    end_line: int


def load(file: Path) -> tuple[dict[str, Path], list[Question]]:
    """Index roots by package (relative to the packages' folder), and the questions."""
    roots: dict[str, Path] = {}
    questions = []
    for package in json.loads(file.read_text(encoding="utf-8")):
        name = package["package"]
        roots[name] = Path(f"{name}-{package['version']}") / package["index_root"]
        for query in package["queries"]:
            targets = tuple(Target(**each) for each in query["relevant"] + query["secondary"])
            questions.append(Question(name, query["query"], query["category"], targets))
    return roots, questions


def ndcg(places: Sequence[Place], targets: Sequence[Target]) -> float:
    """A target counts at the rank of the first result in its file that overlaps its lines."""
    gain = 0.0
    for target in targets:
        for rank, place in enumerate(places[:DEPTH], start=1):
            overlaps = place.start_line <= target.end_line and target.start_line <= place.end_line
            if place.path == target.path and overlaps:
                gain += 1 / math.log2(rank + 1)
                break
    ideal = sum(1 / math.log2(rank + 1) for rank in range(1, min(len(targets), DEPTH) + 1))
    return gain / ideal


class Bench:
    """An index of the packages, each a project."""

    def __init__(self, index: EdgeIndex, workshop: Workshop, database: Database) -> None:
        self._index = index
        self._embedder = StaticEmbedder()
        self._bm25 = Bm25Encoder()
        definitions = load_collections()
        interactions = InteractionRecords(database)
        files = SourceFiles(database)
        self.setup = IndexSetup(
            index,
            self._embedder,
            Generations(database),
            interactions,
            KnowledgeRecords(database),
            files,
            definitions,
        )
        self.retriever = Retriever(
            index, self._embedder, self._bm25, interactions, self.setup, definitions
        )
        self._indexer = CodeIndexer(index, self._embedder, workshop, files, Scrubber())
        self._prefix: dict[str, str] = {}

    async def add(self, project: str, root: Path, prefix: Path) -> None:
        began = time.perf_counter()
        report = await self._indexer.index(root, project)
        self._prefix[project] = str(prefix)
        seconds = time.perf_counter() - began
        print(f"{project}: {report.files} files, {report.chunks} chunks, {seconds:.1f} s")

    async def ranking(self, way: str, question: Question) -> list[Place]:
        where = {"project": question.package}
        (dense,) = await self._embedder.embed([question.text])
        sparse = self._bm25.query(question.text)
        if way == "BM25":
            hits = await self._index.matching(CODE, sparse, where=where, limit=DEPTH)
        elif way == "dense":
            hits = await self._index.nearest(CODE, dense, where=where, limit=DEPTH)
        else:
            found = await self.retriever.find(
                question.text, question.package, [CODE], DEPTH, only_relevant=False
            )
            return [self._place(question.package, item.source) for item in found.items]
        return [self._place(question.package, str(hit.payload["source"])) for hit in hits]

    def _place(self, project: str, source: str) -> Place:
        path, _, lines = source.rpartition(":")
        start, _, end = lines.partition("-")
        return Place(f"{self._prefix[project]}/{path}", int(start), int(end))

    async def refused(self, query: str, project: str) -> bool:
        return not (await self.retriever.find(query, project, [CODE], 8)).items

    async def milliseconds(self, questions: Sequence[Question], project: str) -> list[float]:
        taken = []
        for question in questions:
            began = time.perf_counter()
            await self.retriever.find(question.text, project, list(CollectionName), 8)
            taken.append(1000 * (time.perf_counter() - began))
        return taken


def foreign(question: Question, packages: Iterable[str]) -> list[str]:
    """Packages that cannot answer the question."""
    return [
        other
        for other in packages
        if other != question.package
        and not any({other, question.package} <= subject for subject in SUBJECTS)
    ]


async def share_refused(bench: Bench, asked: Sequence[tuple[str, str]]) -> str:
    refused = [await bench.refused(query, project) for query, project in asked]
    return f"{sum(refused) / len(refused):6.1%} of {len(refused)}"


async def measure(bench: Bench, packages: Sequence[str], questions: Sequence[Question]) -> None:
    print(f"\nNDCG@{DEPTH}, mean over {len(questions)} questions")
    categories = sorted({question.category for question in questions})
    for way in ("BM25", "dense", "hybrid"):
        scores = [ndcg(await bench.ranking(way, each), each.targets) for each in questions]
        by_category = ", ".join(
            f"{category} {statistics.mean(scored):.3f}"
            for category in categories
            if (
                scored := [
                    score
                    for score, each in zip(scores, questions, strict=True)
                    if each.category == category
                ]
            )
        )
        print(f"  {way:8} {statistics.mean(scores):.3f}   ({by_category})")

    symbols = [each for each in questions if each.category == "symbol"]
    prose = [each for each in questions if each.category != "symbol"]
    elsewhere = [(each.text, other) for each in prose for other in foreign(each, packages)]
    rows = {
        "questions the package answers": [(each.text, each.package) for each in questions],
        "questions it cannot answer": elsewhere,
        "symbols it does not define": [
            (each.text, other) for each in symbols for other in foreign(each, packages)
        ],
        "talk about something else": [(text, other) for text in JUNK for other in packages],
        "tasks it answers": [(TASK.format(query=each.text), each.package) for each in questions],
        "tasks it cannot answer": [(TASK.format(query=text), other) for text, other in elsewhere],
    }
    print("\nRefused (no context given)")
    for name, asked in rows.items():
        print(f"  {name:30} {await share_refused(bench, asked)}")


async def main(data: Path, packages: Path, large: Path | None) -> None:
    roots, questions = load(data / "dev.json")
    with tempfile.TemporaryDirectory() as folder:
        postgres = await EmbeddedPostgres.start(Path(folder) / "postgres")
        database = await Database.connect(postgres.dsn, timeout=30)
        await migrate(database)
        index = await EdgeIndex.open(Path(folder) / "qdrant")
        workshop = Workshop()
        try:
            bench = Bench(index, workshop, database)
            await bench.setup.ensure()
            for name, root in roots.items():
                await bench.add(name, packages / root, Path(*root.parts[1:]))
            if large is not None:
                await bench.add("large", large, Path())
            await index.optimize()
            await measure(bench, list(roots), questions)
            print("\nTime of a question over the five collections, in ms")
            for project in [*roots, *(["large"] if large else [])]:
                taken = await bench.milliseconds(questions, project)
                p95 = statistics.quantiles(taken, n=20)[-1]
                print(f"  {project:12} p50 {statistics.median(taken):5.1f}  p95 {p95:5.1f}")
        finally:
            await workshop.close()
            await index.close()
            await database.close()
            await postgres.stop()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--packages", type=Path)
    parser.add_argument("--large", type=Path)
    arguments = parser.parse_args()
    asyncio.run(
        main(arguments.data, arguments.packages or arguments.data / "packages", arguments.large)
    )
