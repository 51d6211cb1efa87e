"""The main job's figures, each beside the floor it could have: `python benchmarks/main_job.py`.

Starts real bridges and coordinators in throw-away homes. The 20,000 chunks are real code: the
standard library of the running Python. Prints one Markdown table.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil

CHECKOUT = Path(__file__).resolve().parents[1]
QUESTIONS = (
    "how are HTTP headers parsed",
    "where is a zip file's central directory read",
    "decode base64 with altchars",
    "what happens when a thread pool executor shuts down",
    "parse_args of argparse with subparsers",
    "TypeError: Object of type set is not JSON serializable",
    "how does asyncio run a coroutine from another thread",
    "compile a regular expression with flags",
    "sqlite3 row factory",
    "how are logging handlers flushed at exit",
)


class Bridge:
    """A bridge process and the client's end of its pipes."""

    def __init__(self, home: Path, directory: Path) -> None:
        self.process = subprocess.Popen(
            [str(CHECKOUT / "server.py")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=directory,
            env={**os.environ, "HYBRID_HOME": str(home)},
        )
        self._id = 0

    def request(self, method: str, params: dict[str, Any]) -> dict[str, Any]:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self._id += 1
        message = {"jsonrpc": "2.0", "id": self._id, "method": method, "params": params}
        self.process.stdin.write(json.dumps(message).encode() + b"\n")
        self.process.stdin.flush()
        answer = json.loads(self.process.stdout.readline())
        if "error" in answer or answer["result"].get("isError"):
            raise SystemExit(f"{method} failed: {answer}")
        return answer["result"]

    def initialize(self) -> None:
        self.request(
            "initialize",
            {
                "protocolVersion": "2025-06-18",
                "capabilities": {},
                "clientInfo": {"name": "benchmark", "version": "1"},
            },
        )
        assert self.process.stdin is not None
        self.process.stdin.write(b'{"jsonrpc":"2.0","method":"notifications/initialized"}\n')
        self.process.stdin.flush()

    def tool(self, name: str, **arguments: Any) -> dict[str, Any]:
        return self.request("tools/call", {"name": name, "arguments": arguments})[
            "structuredContent"
        ]

    def close(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait(timeout=30)


@contextmanager
def bridge(home: Path, directory: Path = CHECKOUT) -> Iterator[Bridge]:
    opened = Bridge(home, directory)
    try:
        yield opened
    finally:
        opened.close()


@contextmanager
def fresh_home() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="hc-bench-") as home:
        try:
            yield Path(home)
        finally:
            subprocess.run(
                [sys.executable, "-m", "hybrid_coordinator.serving.cli", "stop"],
                env={**os.environ, "HYBRID_HOME": home},
                stdout=subprocess.DEVNULL,
                check=True,
            )


def milliseconds(action: Callable[[], object]) -> float:
    started = time.perf_counter()
    action()
    return (time.perf_counter() - started) * 1000


def p50_p95(times: list[float]) -> tuple[float, float]:
    ordered = sorted(times)
    return statistics.median(ordered), ordered[int(len(ordered) * 0.95)]


def measure_starts(rows: list[tuple[str, str, str, str]], rounds: int) -> None:
    cold, first_answer, warm = [], [], []
    for _ in range(rounds):
        with fresh_home() as home:
            started = time.perf_counter()
            with bridge(home) as opened:
                opened.initialize()
                cold.append((time.perf_counter() - started) * 1000)
                opened.tool("augment_query", query=QUESTIONS[0])
                first_answer.append((time.perf_counter() - started) * 1000)
                for _ in range(5):
                    started = time.perf_counter()
                    with bridge(home) as second:
                        second.initialize()
                        warm.append((time.perf_counter() - started) * 1000)
    floor = statistics.median(
        milliseconds(lambda: subprocess.run([sys.executable, "-c", "pass"], check=True))
        for _ in range(10)
    )
    python = f"python -c pass: {floor:.0f} ms"
    rows += [
        ("initialize, nothing running, first ever start", "1.0 s", _seconds(cold), python),
        ("initialize, coordinator running", "0.3 s", _seconds(warm), python),
        ("first ever start to first answered augment_query", "3 s", _seconds(first_answer), python),
    ]


def _seconds(times: list[float]) -> str:
    return (
        f"{statistics.median(times) / 1000:.2f} s (worst of {len(times)}: {max(times) / 1000:.2f})"
    )


def measure_calls(rows: list[tuple[str, str, str, str]], chunks: int, calls: int) -> None:
    with fresh_home() as home, tempfile.TemporaryDirectory(prefix="hc-corpus-") as folder:
        corpus = Path(folder)
        with bridge(home, corpus) as opened:
            opened.initialize()
            opened.tool("augment_query", query=QUESTIONS[0])
            fresh = _memory(home)
            listed = opened.request("tools/list", {})
            indexed, seconds = _index_until(opened, corpus, chunks)
            engine, select = _floors(home, calls)
            for question in QUESTIONS:  # warm
                opened.tool("augment_query", query=question)
            asked = [
                milliseconds(
                    lambda n=n: opened.tool("augment_query", query=QUESTIONS[n % len(QUESTIONS)])
                )
                for n in range(calls)
            ]
            tracked, updated = _measure_writes(opened, calls)
            idle = _memory(home)
            held = psutil.Process(opened.process.pid).memory_full_info().pss / 1e6
    tokens = len(json.dumps(listed, separators=(",", ":"))) / 4
    p50, p95 = p50_p95(asked)
    rows += [
        ("default tools/list", "1,500 tokens", f"{tokens:.0f} tokens", "none"),
        (
            f"augment_query over stdio, {indexed:,} chunks",
            "p50 15 ms, p95 40 ms",
            f"p50 {p50:.1f} ms, p95 {p95:.1f} ms",
            f"one hybrid query in the engine: {engine:.1f} ms",
        ),
        ("track_interaction over stdio", "p50 5 ms", _p50(tracked), f"SELECT 1: {select:.2f} ms"),
        ("update_outcome over stdio", "p50 5 ms", _p50(updated), f"SELECT 1: {select:.2f} ms"),
        ("a bridge's memory (PSS)", "20 MB", f"{held:.0f} MB", f"python -c pass: {_bare():.0f} MB"),
        ("the idle coordinator's, Postgres included (PSS)", "300 MB", f"{fresh:.0f} MB", "none"),
        (f"the same with {indexed:,} chunks, just indexed", "-", f"{idle:.0f} MB", "none"),
        ("indexing", "-", f"{indexed / seconds:,.0f} chunks/s", "none"),
    ]


def _p50(times: list[float]) -> str:
    p50, p95 = p50_p95(times)
    return f"p50 {p50:.1f} ms (p95 {p95:.1f})"


def _index_until(opened: Bridge, corpus: Path, chunks: int) -> tuple[int, float]:
    """Copy packages of the standard library into ``corpus`` and index, until there are enough."""
    library = Path(sysconfig.get_paths()["stdlib"])
    files = sorted(path for path in library.rglob("*.py") if "site-packages" not in path.parts)
    total, seconds, at = 0, 0.0, 0
    while total < chunks and at < len(files):
        for file in files[at : at + 150]:
            target = corpus / file.relative_to(library)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, target)
        at += 150
        report = opened.tool("index_codebase", path=str(corpus))
        total += report["chunks"]
        seconds += report["seconds"]
    return total, seconds


def _measure_writes(opened: Bridge, calls: int) -> tuple[list[float], list[float]]:
    tracked, updated = [], []
    for number in range(calls):
        started = time.perf_counter()
        result = opened.tool(
            "track_interaction",
            query=f"Fix the TypeError in parser number {number} when the input is empty",
            response="1. Read the parser.\n2. Handle the empty case.\n```python\nif not text:\n"
            "    return []\n```\nTests pass.",
            agent_type="remote",
            model_used="benchmark",
        )
        tracked.append((time.perf_counter() - started) * 1000)
        started = time.perf_counter()
        opened.tool("update_outcome", interaction_id=result["interaction_id"], outcome="success")
        updated.append((time.perf_counter() - started) * 1000)
    return tracked, updated


def _floors(home: Path, calls: int) -> tuple[float, float]:
    """The engine's own hybrid query over a copy of the shard, and a plain SELECT 1; p50 in ms."""
    return asyncio.run(_engine_floor(home, calls)), asyncio.run(_select_floor(home, calls))


async def _engine_floor(home: Path, calls: int) -> float:
    from hybrid_coordinator.knowledge.embedding.static import StaticEmbedder
    from hybrid_coordinator.storage.vectors.bm25 import Bm25Encoder
    from hybrid_coordinator.storage.vectors.edge import EdgeIndex

    with tempfile.TemporaryDirectory(prefix="hc-shard-") as folder:
        shutil.copytree(home / "qdrant", folder, dirs_exist_ok=True)
        index = await EdgeIndex.open(Path(folder))
        embedder, bm25 = StaticEmbedder(), Bm25Encoder()
        times = []
        for number in range(calls):
            question = QUESTIONS[number % len(QUESTIONS)]
            dense, sparse = (await embedder.embed([question]))[0], bm25.query(question)
            started = time.perf_counter()
            await index.hybrid("codebase-context", dense=dense, sparse=sparse, where={}, limit=10)
            times.append((time.perf_counter() - started) * 1000)
        await index.close()
    return statistics.median(times)


async def _select_floor(home: Path, calls: int) -> float:
    import asyncpg

    from hybrid_coordinator.storage.postgres.server import PostgresServer

    connection = await asyncpg.connect(PostgresServer(home / "postgres").dsn)
    times = []
    for _ in range(calls):
        started = time.perf_counter()
        await connection.fetchval("SELECT 1")
        times.append((time.perf_counter() - started) * 1000)
    await connection.close()
    return statistics.median(times)


def _memory(home: Path) -> float:
    """PSS of the coordinator and of its Postgres with all its processes, in MB."""
    owner = psutil.Process(int((home / "coordinator.lock").read_text()))
    total = 0
    for process in (owner, *owner.children(recursive=True)):
        total += process.memory_full_info().pss
    return total / 1e6


def measure_environment() -> tuple[str, str, str, str]:
    """The size of a new virtual environment with the runtime dependencies, as make demo sets one
    up, from the checkout's files that git knows."""
    with tempfile.TemporaryDirectory(prefix="hc-venv-") as folder:
        checkout = Path(folder) / "checkout"
        subprocess.run(["git", "clone", "-q", str(CHECKOUT), str(checkout)], check=True)
        subprocess.run(["make", "-s", "demo"], cwd=checkout, stdout=subprocess.DEVNULL, check=True)
        files = [path for path in (checkout / ".venv").rglob("*") if not path.is_symlink()]
        size = sum(path.stat().st_blocks * 512 for path in files) / 1e6
    return ".venv after make demo", "350 MB", f"{size:.0f} MB", "none"


def _bare() -> float:
    child = subprocess.Popen(
        [sys.executable, "-c", "print(flush=True); input()"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert child.stdout is not None
    child.stdout.readline()
    held = psutil.Process(child.pid).memory_full_info().pss / 1e6
    child.communicate(b"\n")
    return held


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--chunks", type=int, default=20_000)
    parser.add_argument("--calls", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    rows: list[tuple[str, str, str, str]] = []
    measure_starts(rows, options.rounds)
    measure_calls(rows, options.chunks, options.calls)
    rows.append(measure_environment())
    cpu = f"{os.cpu_count()} cores, {psutil.virtual_memory().total / 1e9:.0f} GB"
    print(f"{datetime.now(UTC):%Y-%m-%d}, {platform.system()} {platform.machine()}, {cpu}, "
          f"Python {platform.python_version()}\n")  # fmt: skip
    print("| what | at most | measured | floor |\n| --- | --- | --- | --- |")
    for row in rows:
        print("| " + " | ".join(row) + " |")


if __name__ == "__main__":
    main()
