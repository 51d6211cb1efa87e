"""How long a saved change takes until a search finds it, in a tree of some thousand files."""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from benchmarks.search import semble_system
from benchmarks.search.findings import Figure, Findings, Table
from benchmarks.search.product import CODE
from benchmarks.search.trees import copy_files, sources
from benchmarks.search.workbench import Workbench
from hybrid_coordinator.coordinator import Coordinator
from hybrid_coordinator.errors import InvalidArgumentError

GOAL_MS = 300
_PROJECT = "tree"
_LARGEST = 8_000
"""Bytes of a file: larger ones would make the tree slower to build, not to follow."""

_TIMES = 7
_PATIENCE = 10.0
"""Seconds after which a change counts as never found."""

Sync = Callable[[Path], Awaitable[object]]
"""Does what is needed for a changed file to be found."""


class Changes:
    """Edits to a tree, each found by a name of its own."""

    def __init__(self, tree: Path) -> None:
        self._files = sorted(tree.rglob("*.py"))
        self._count = 0

    def edit(self) -> tuple[Path, str]:
        """Add a function to another file each time; returns the file and the function's name."""
        self._count += 1
        file = self._files[self._count * 97 % len(self._files)]
        name = f"quagga_number_{self._count}"
        with file.open("a", encoding="utf-8") as opened:
            opened.write(f"\n\ndef {name}():\n    return {self._count}\n")
        return file, name


async def until_found(coordinator: Coordinator, changes: Changes, sync: Sync) -> float:
    """Milliseconds from the save until the search's best result shows it."""
    file, name = changes.edit()
    began = time.perf_counter()
    await sync(file)
    while time.perf_counter() - began < _PATIENCE:
        found = await coordinator.search(name, collection=CODE, project=_PROJECT, limit=5)
        if any(name in item.text for item in found.items):
            return 1000 * (time.perf_counter() - began)
        await asyncio.sleep(0.005)
    return float("inf")


def until_semble_finds(tree: Path, changes: Changes) -> float:
    """The same with semble's index on disk: it is loaded, brought up to date and asked."""
    _, name = changes.edit()
    began = time.perf_counter()
    found = semble_system.build(tree).search(name, top_k=5)
    taken = 1000 * (time.perf_counter() - began)
    return taken if any(name in each.chunk.content for each in found) else float("inf")


async def measure(bench: Workbench) -> Findings:
    """Every way in which a change can come in."""
    tree = bench.folder()
    copy_files(sources(_LARGEST), tree, bench.sizes.tree_files)
    changes = Changes(tree)
    times: dict[str, list[float]] = {}
    rows = []
    async with bench.indexed([]) as indexed:
        coordinator = indexed.running.coordinator
        await coordinator.index(tree, project=_PROJECT)
        syncs: dict[str, Sync] = {
            "ours, the tree indexed again": lambda _: coordinator.index(tree, project=_PROJECT),
            "ours, the file indexed again": lambda f: coordinator.index(f, project=_PROJECT),
        }
        for name, sync in syncs.items():
            times[name] = [await until_found(coordinator, changes, sync) for _ in range(_TIMES)]
        try:
            await coordinator.index(tree, project=_PROJECT, watch=True)
        except InvalidArgumentError as error:
            rows.append(["ours, watched", str(error)])
        else:
            times["ours, watched"] = [
                await until_found(coordinator, changes, _nothing) for _ in range(_TIMES)
            ]
    if bench.semble:
        from semble.cache import save_index_to_cache

        save_index_to_cache(semble_system.build(tree), str(tree))
        times["semble, index on disk"] = [until_semble_finds(tree, changes) for _ in range(_TIMES)]
    else:
        rows.append(["semble", semble_system.HOW_TO_GET])
    rows = [
        [name, f"{min(taken):.0f}", f"{statistics.median(taken):.0f}", f"{max(taken):.0f}"]
        for name, taken in times.items()
    ] + rows
    ours = {name: taken for name, taken in times.items() if name.startswith("ours")}
    shown = "ours, watched" if "ours, watched" in ours else "ours, the tree indexed again"
    semble = times.get("semble, index on disk")
    return Findings(
        figures=(
            Figure(
                f"one changed file in {bench.sizes.tree_files:,}, until it is found",
                f"{GOAL_MS} ms",
                f"{statistics.median(ours[shown]):.0f} ms ({shown.partition(', ')[2]})",
                {"semble": f"{statistics.median(semble):.0f} ms" if semble else "absent"},
            ),
        ),
        tables=(
            Table(
                f"One changed file in {bench.sizes.tree_files:,}: ms from the save until found",
                ["way", "min", "median", "max"],
                rows,
                f"{_TIMES} changes each, every time another file. Watched: nothing is called, the "
                "change is noticed. semble keeps an index on disk that is loaded and brought up "
                "to date before it answers.",
            ),
        ),
    )


async def _nothing(_: Path) -> None:
    """The change is noticed without being told."""
