"""How quick and how lean the embedded index is: ``python benchmarks/engine_query.py [POINTS]``.

Stores POINTS chunks of 1 kB with 256-dimensional vectors, spread over ``--projects`` projects,
in a temporary directory, and prints one line a figure: upsert rate, query times within one
project before and after optimize, disk, and what a fresh process needs to open the result and to
query it (seconds, and peak memory beyond that of an empty index; memory on Linux only).
"""

from __future__ import annotations

import argparse
import asyncio
import random
import statistics
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import numpy as np

from hybrid_coordinator.storage.vectors.bm25 import Bm25Encoder
from hybrid_coordinator.storage.vectors.edge import EdgeIndex
from hybrid_coordinator.storage.vectors.protocol import CollectionSpec, IndexKind, IndexPoint

SPEC = CollectionSpec(
    "codebase-context",
    256,
    {"project": IndexKind.KEYWORD, "language": IndexKind.KEYWORD, "file_path": IndexKind.KEYWORD},
)
BATCH = 256
QUERIES = 100
VOCABULARY = [f"{a}{b}{c}" for a in "bdfgklmnprst" for b in "aeiou" for c in range(500)]
FREQUENCIES = [1 / (rank + 1) for rank in range(len(VOCABULARY))]  # Zipf's law
BM25 = Bm25Encoder()

Query = Callable[[], Awaitable[object]]


def batches(points: int, projects: int) -> Iterator[list[IndexPoint]]:
    """Chunks with the word statistics of text, and vectors without structure."""
    chance, vectors = random.Random(1), np.random.default_rng(1)
    for start in range(0, points, BATCH):
        numbers = range(start, min(start + BATCH, points))
        dense = vectors.standard_normal((len(numbers), SPEC.dimension)).tolist()
        yield [
            IndexPoint(
                str(uuid.uuid5(uuid.NAMESPACE_OID, str(number))),
                vector,
                BM25.document(text),
                {
                    "project": f"p{number % projects}",
                    "language": "python",
                    "file_path": f"src/{number // 10}.py",
                    "title": f"src/{number // 10}.py",
                    "text": text,
                    "source": f"src/{number // 10}.py:1-20",
                },
            )
            for number, vector in zip(numbers, dense, strict=True)
            for text in [" ".join(chance.choices(VOCABULARY, FREQUENCIES, k=150))]
        ]


async def timed(query: Query) -> float:
    """Milliseconds."""
    start = time.perf_counter()
    await query()
    return (time.perf_counter() - start) * 1000


def report(name: str, times: list[float]) -> None:
    p95 = statistics.quantiles(times, n=20)[-1] if len(times) > 1 else times[0]
    print(f"{name:32} p50 {statistics.median(times):6.2f} ms   p95 {p95:6.2f} ms")


def queries(index: EdgeIndex) -> dict[str, Query]:
    chance = random.Random(2)
    where = {"project": ["p0", "global"]}

    def dense() -> list[float]:
        return [chance.gauss(0, 1) for _ in range(SPEC.dimension)]

    def words() -> str:
        return " ".join(chance.choices(VOCABULARY, FREQUENCIES, k=8))

    return {
        "hybrid": lambda: index.hybrid(
            SPEC.name, dense=dense(), sparse=BM25.query(words()), where=where, limit=20
        ),
        "nearest": lambda: index.nearest(SPEC.name, dense(), where=where, limit=20),
        "matching": lambda: index.matching(SPEC.name, BM25.query(words()), where=where, limit=20),
    }


async def measure(directory: Path, points: int, projects: int) -> None:
    index = await EdgeIndex.open(directory)
    await index.create(SPEC)
    spent = 0.0
    for batch in batches(points, projects):
        start = time.perf_counter()
        await index.upsert(SPEC.name, batch)
        spent += time.perf_counter() - start
    print(f"{'upsert':32} {points / spent:.0f} points/s")
    for name, query in queries(index).items():
        report(name, [await timed(query) for _ in range(QUERIES)])

    print(f"{'optimize':32} {await timed(index.optimize) / 1000:.2f} s")
    for name, query in queries(index).items():
        report(f"{name}, optimized", [await timed(query) for _ in range(QUERIES)])
    await index.close()


async def reopen(directory: Path) -> None:
    start = time.perf_counter()
    index = await EdgeIndex.open(directory)
    opened = time.perf_counter() - start
    if await index.collections():
        for _ in range(QUERIES):
            await queries(index)["hybrid"]()
    await index.close()
    print(opened, peak_kib())


def peak_kib() -> int:
    # Not from getrusage, whose maximum outlives fork and exec and would be the parent's.
    status = Path("/proc/self/status")
    lines = status.read_text().splitlines() if status.exists() else []
    return next((int(line.split()[1]) for line in lines if line.startswith("VmHWM")), 0)


def in_a_fresh_process(directory: Path) -> tuple[float, int]:
    """Seconds to open the index, and the process's peak memory in KiB."""
    command = [sys.executable, __file__, "--reopen", str(directory)]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    return float(said[0]), int(said[1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("points", nargs="?", type=int, default=20_000)
    parser.add_argument("--projects", type=int, default=2)
    parser.add_argument("--reopen", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.reopen:
        asyncio.run(reopen(arguments.reopen))
        return
    with tempfile.TemporaryDirectory() as name:
        full, empty = Path(name, "full"), Path(name, "empty")
        asyncio.run(measure(full, arguments.points, arguments.projects))
        disk = sum(file.lstat().st_blocks * 512 for file in full.rglob("*"))
        (seconds, peak), (_, bare) = in_a_fresh_process(full), in_a_fresh_process(empty)
        print(f"{'disk':32} {disk >> 20} MiB")
        print(f"{'open in a fresh process':32} {seconds:.2f} s, {(peak - bare) >> 10} MiB")


if __name__ == "__main__":
    main()
