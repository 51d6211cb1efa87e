"""How long a question takes in a small and in a large project, and what the process holds."""

from __future__ import annotations

import asyncio
import json
import statistics
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.search.findings import Figure, Findings, Table
from benchmarks.search.metrics import percentile
from benchmarks.search.workbench import Workbench

GOALS_MS = (5, 12)
GOAL_MIB = 700
_ROOT = Path(__file__).parents[2]
WAYS = {"search": "ours", "augment": "ours, augment_query", "engine": "the bare engine"}


@dataclass(slots=True)
class Scale:
    """All that was measured of one size. Times in ms by system; memory in MiB."""

    grown: Mapping[str, Any]
    semble: Mapping[str, Any] = field(default_factory=dict)
    times: dict[str, list[float]] = field(default_factory=dict)
    held: dict[str, Mapping[str, Any]] = field(default_factory=dict)

    def p50(self, name: str) -> str:
        """Median, or that it is absent."""
        return f"{statistics.median(self.times[name]):.1f}" if name in self.times else "absent"


async def work(*arguments: str | Path) -> dict[str, Any]:
    """What a worker prints."""
    command = [sys.executable, "-m", "benchmarks.search.worker", *map(str, arguments)]
    process = await asyncio.create_subprocess_exec(
        *command, cwd=_ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    output, complaint = await process.communicate()
    if process.returncode:
        raise RuntimeError(f"worker {arguments[0]} failed:\n{complaint.decode()}")
    return dict(json.loads(output.decode().splitlines()[-1]))


async def scale(bench: Workbench, chunks: int) -> Scale:
    """One size: index once, then ask each system in fresh processes, in turn."""
    home, tree, saved, questions = (bench.folder() for _ in range(4))
    questions.write_text(json.dumps([each.text for each in bench.questions]), encoding="utf-8")
    measured = Scale(await work("grow", home, tree, str(chunks)))
    if bench.semble:
        measured.semble = await work("build-semble", tree, saved)
    for _ in range(max(1, bench.sizes.rounds - 1)):
        ours = await work("ask-ours", home, questions)
        measured.held["ours"] = ours
        for way, name in WAYS.items():
            measured.times.setdefault(name, []).extend(ours["times"][way])
        if bench.semble:
            semble = await work("ask-semble", saved, questions)
            measured.held["semble"] = semble
            measured.times.setdefault("semble", []).extend(semble["times"]["search"])
    return measured


async def measure(bench: Workbench) -> Findings:
    """Both sizes."""
    few = await scale(bench, bench.sizes.few_chunks)
    many = await scale(bench, bench.sizes.many_chunks)
    sizes = f"{bench.sizes.few_chunks:,} / {bench.sizes.many_chunks:,} chunks"
    return Findings(
        figures=(
            Figure(
                f"query in process, p50, {sizes}",
                " / ".join(f"{goal} ms" for goal in GOALS_MS),
                f"{few.p50('ours')} / {many.p50('ours')} ms",
                {
                    "semble": f"{few.p50('semble')} / {many.p50('semble')} ms",
                    "bare engine": (
                        f"{few.p50('the bare engine')} / {many.p50('the bare engine')} ms"
                    ),
                },
            ),
            Figure(
                f"memory at {bench.sizes.many_chunks:,} chunks, resident: just indexed / opened",
                f"{GOAL_MIB} MB",
                f"{_resident(many.grown, many.held['ours'])}, "
                f"and Postgres {many.grown['postgres']:,.0f} MB",
                {
                    "semble": (
                        _resident(many.semble, many.held["semble"]) if many.semble else "absent"
                    )
                },
            ),
        ),
        tables=(_times([few, many]), _memory([few, many])),
    )


def _resident(indexed: Mapping[str, Any], opened: Mapping[str, Any]) -> str:
    return f"{indexed['rss']:,.0f} / {opened['rss']:,.0f} MB"


def _times(scales: Sequence[Scale]) -> Table:
    rows = []
    for each in scales:
        for name, times in each.times.items():
            rows.append(
                [
                    f"{each.grown['chunks']:,}",
                    name,
                    f"{min(times):.2f}",
                    f"{statistics.median(times):.2f}",
                    f"{percentile(times, 0.95):.2f}",
                ]
            )
    return Table(
        "A question in process",
        ["chunks", "asked", "min ms", "p50 ms", "p95 ms"],
        rows,
        "The open questions, asked of one project that holds Python source of this machine (the "
        "standard library and installed packages). Ours is a search over code with everything "
        "around it; the bare engine gets the ready vectors and fuses ten results of the same "
        "index. augment_query searches all five collections, judges and packs.",
    )


def _memory(scales: Sequence[Scale]) -> Table:
    rows = []
    for each in scales:
        grown, held = each.grown, each.held["ours"]
        where = f"{grown['chunks']:,} chunks, {grown['files']:,} files"
        where += f", {grown['bytes'] / 1e6:.0f} MB"
        if grown["repeated"]:
            where += f", {grown['repeated']:,} of them copies"
        for state, part in (("has indexed", grown), ("opened, has answered", held)):
            rows.append(
                [
                    where,
                    f"ours, {state}",
                    *(f"{part[key]:,.0f}" for key in ("rss", "pss", "postgres")),
                ]
            )
        if each.semble:
            where = f"{each.semble['chunks']:,} chunks, the same files"
            for state, part in (
                ("has indexed", each.semble),
                ("loaded, has answered", each.held["semble"]),
            ):
                row = [f"{part[key]:,.0f}" for key in ("rss", "pss")]
                rows.append([where, f"semble, {state}", *row, "none"])
    return Table(
        "Memory, MB (2^20 bytes)",
        ["holding", "process", "RSS", "PSS", "Postgres, PSS"],
        rows,
        "Each in a process of its own. PSS counts a page that several processes share in equal "
        "parts; mapped files that the system may drop again are in both.",
    )
