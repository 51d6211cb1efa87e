"""What is measured about a process, in a process: ``python -m benchmarks.search.worker``.

    grow HOME TREE CHUNKS        copy source into TREE and index it until there are CHUNKS
    ask-ours HOME QUESTIONS      open what was indexed and ask
    build-semble TREE FOLDER     semble's index of the tree, saved
    ask-semble FOLDER QUESTIONS  load that and ask

QUESTIONS is a JSON list of texts. Prints one JSON object: times in ms, memory in MiB.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from benchmarks.search import memory, semble_system
from benchmarks.search.product import CODE, shipped, started
from benchmarks.search.trees import contents, copy_bytes, size_of, sources
from hybrid_coordinator.composition import Running
from hybrid_coordinator.domain.interactions import AgentType
from hybrid_coordinator.domain.items import GLOBAL_PROJECT
from hybrid_coordinator.storage.vectors.bm25 import Bm25Encoder

PROJECT = "tree"
DEPTH = 10
_TOKENS = 1_500
_WARM_UP = 5
_BYTES_A_CHUNK = 900
_FIRST_SHARE = 0.2
"""How much of the tree is indexed before its chunks are known to be larger or smaller."""


async def grow(home: Path, tree: Path, wanted: int) -> dict[str, Any]:
    """Index more and more source until there are enough chunks."""
    pairs = sources()
    chunks, seconds = 0, 0.0
    async with started(home) as running:
        while chunks < wanted:
            held = size_of(tree) if chunks else 0
            share = held / chunks if chunks else _BYTES_A_CHUNK * _FIRST_SHARE
            copy_bytes(pairs, tree, max(1, int(share * (wanted - chunks))))
            began = time.perf_counter()
            report = await running.coordinator.index(tree, project=PROJECT)
            seconds += time.perf_counter() - began
            chunks += report.chunks
        held_now = memory.of_this_process()
        postgres = memory.of_postgres(home)
    return {
        "chunks": chunks,
        "seconds": seconds,
        **contents(tree),
        "postgres": postgres,
        **held_now,
    }


async def ask_ours(home: Path, questions: list[str]) -> dict[str, Any]:
    """Times of a search, of an augmented prompt and of the bare engine, in turn."""
    async with started(home) as running:
        ways = _ways(running)
        for question in questions[:_WARM_UP]:
            for way in ways.values():
                await (await way(question))()
        times: dict[str, list[float]] = {name: [] for name in ways}
        for question in questions:
            for name, way in ways.items():
                ask = await way(question)
                began = time.perf_counter()
                await ask()
                times[name].append(1000 * (time.perf_counter() - began))
        held = {**memory.of_this_process(), "postgres": memory.of_postgres(home)}
    return {"times": times, **held}


Ask = Callable[[], Awaitable[object]]


def _ways(running: Running) -> dict[str, Callable[[str], Awaitable[Ask]]]:
    """Each takes a question and gives what is to be timed."""
    coordinator, bm25 = running.coordinator, Bm25Encoder()

    async def search(question: str) -> Ask:
        return lambda: coordinator.search(question, collection=CODE, project=PROJECT, limit=DEPTH)

    async def augment(question: str) -> Ask:
        return lambda: coordinator.augment(
            question,
            agent_type=AgentType.REMOTE,
            project=PROJECT,
            collections=None,
            max_tokens=_TOKENS,
        )

    async def engine(question: str) -> Ask:
        (dense,) = await shipped().embed([question])
        return lambda: running.index.hybrid(
            CODE,
            dense=dense,
            sparse=bm25.query(question),
            where={"project": [PROJECT, GLOBAL_PROJECT]},
            limit=DEPTH,
        )

    return {"search": search, "augment": augment, "engine": engine}


def build_semble(tree: Path, folder: Path) -> dict[str, Any]:
    """semble's index, saved so that a fresh process can load it."""
    began = time.perf_counter()
    index = semble_system.build(tree)
    seconds = time.perf_counter() - began
    index.save(folder)
    return {"chunks": len(index.chunks), "seconds": seconds, **memory.of_this_process()}


def ask_semble(folder: Path, questions: list[str]) -> dict[str, Any]:
    """Times of its search."""
    from semble import SembleIndex

    index = SembleIndex.load_from_disk(folder)
    for question in questions[:_WARM_UP]:
        index.search(question, top_k=DEPTH)
    times = []
    for question in questions:
        began = time.perf_counter()
        index.search(question, top_k=DEPTH)
        times.append(1000 * (time.perf_counter() - began))
    return {"times": {"search": times}, **memory.of_this_process()}


def main(command: str, first: str, second: str, *rest: str) -> dict[str, Any]:
    match command:
        case "grow":
            return asyncio.run(grow(Path(first), Path(second), int(rest[0])))
        case "ask-ours":
            return asyncio.run(ask_ours(Path(first), json.loads(Path(second).read_text())))
        case "build-semble":
            return build_semble(Path(first), Path(second))
        case "ask-semble":
            return ask_semble(Path(first), json.loads(Path(second).read_text()))
    raise SystemExit(__doc__)


if __name__ == "__main__":
    print(json.dumps(main(*sys.argv[1:])))
