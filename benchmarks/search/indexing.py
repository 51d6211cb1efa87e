"""How quickly a tree becomes searchable: ours embedded, stored and durable; semble's in memory."""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.search import semble_system
from benchmarks.search.findings import Figure, Findings, Table
from benchmarks.search.product import started
from benchmarks.search.trees import copy_files, sources
from benchmarks.search.workbench import Workbench

GOAL = 0.5
_WARM_UP = 20
"""Files that are indexed before anything is timed: grammars and models are loaded by then."""


@dataclass(frozen=True, slots=True)
class Rate:
    """One run over a tree."""

    chunks: int
    seconds: float


async def index_durably(home: Path, tree: Path) -> Rate:
    """In a new home. When the call returns, points and record outlive a killed process."""
    async with started(home) as running:
        began = time.perf_counter()
        report = await running.coordinator.index(tree, project="tree")
        return Rate(report.chunks, time.perf_counter() - began)


def index_in_memory(tree: Path) -> Rate:
    """By semble."""
    began = time.perf_counter()
    index = semble_system.build(tree)
    return Rate(len(index.chunks), time.perf_counter() - began)


async def measure(bench: Workbench) -> Findings:
    """Rates of the same tree, one system after the other, several times."""
    warm, tree = bench.folder(), bench.folder()
    pairs = sources()
    copy_files(pairs, warm, _WARM_UP)
    size = copy_files(pairs, tree, bench.sizes.indexed_files)
    ours: list[Rate] = []
    semble: list[Rate] = []
    for number in range(bench.sizes.rounds + 1):
        target = warm if number == 0 else tree
        ours.append(await index_durably(bench.folder(), target))
        if bench.semble:
            semble.append(await asyncio.to_thread(index_in_memory, target))
    return _findings(bench, size, ours[1:], semble[1:])


def _findings(
    bench: Workbench, size: int, ours: Sequence[Rate], semble: Sequence[Rate]
) -> Findings:
    def row(name: str, rates: Sequence[Rate]) -> list[str]:
        middle = statistics.median(rate.seconds for rate in rates)
        best = min(rate.seconds for rate in rates)
        chunks = rates[0].chunks
        return [
            name,
            f"{chunks:,}",
            f"{middle:.2f}",
            f"{best:.2f}",
            f"{chunks / middle:,.0f}",
            f"{bench.sizes.indexed_files / middle:,.0f}",
            f"{size / middle / 1e6:.2f}",
        ]

    rows = [row("ours, durable", ours)]
    figures = Figure(
        "indexing, chunks a second (bytes a second), durable, of semble's in memory",
        f"{GOAL:.1f}",
        f"{_rate(ours):,.0f} a second",
        {"semble": "absent"},
    )
    if semble:
        rows.append(row("semble, in memory", semble))
        seconds = [statistics.median(rate.seconds for rate in rates) for rates in (ours, semble)]
        figures = Figure(
            figures.what,
            figures.goal,
            f"{_rate(ours) / _rate(semble):.2f} ({seconds[1] / seconds[0]:.2f}): "
            f"{_rate(ours):,.0f} a second",
            {"semble": f"{_rate(semble):,.0f} a second"},
        )
    else:
        rows.append(["semble", semble_system.HOW_TO_GET])
    return Findings(
        figures=(figures,),
        tables=(
            Table(
                f"Indexing {bench.sizes.indexed_files:,} files of Python ({size / 1e6:.1f} MB)",
                ["system", "chunks", "s, median", "s, least", "chunks/s", "files/s", "MB/s"],
                rows,
                "Ours ends when vectors, texts and the record in Postgres are on disk, so that a "
                "killed process loses nothing; semble's index lives in memory. Chunks differ in "
                f"size, so bytes a second compare better. {bench.sizes.rounds} rounds in turn, "
                "after a small tree that loads grammars and models.",
            ),
        ),
    )


def _rate(rates: Sequence[Rate]) -> float:
    return rates[0].chunks / statistics.median(rate.seconds for rate in rates)
