"""What a chunk of code and an interaction take up, and how many requests one coordinator does.

``python -m benchmarks.operations.scaling embedded`` (or ``server``) measures with one kind of
Postgres in a process of its own, so that memory is the coordinator's alone, and prints JSON.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import socket
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import asyncpg
import psutil

from benchmarks.main_job import CHECKOUT, QUESTIONS, p50_p95
from benchmarks.routing.tables import Table
from hybrid_coordinator.composition import Engines
from hybrid_coordinator.coordinator import Coordinator
from hybrid_coordinator.domain.interactions import AgentType, NewInteraction, Outcome, OutcomeKind
from hybrid_coordinator.home import Home
from hybrid_coordinator.settings import SettingsStore
from hybrid_coordinator.storage.postgres.account import postgres_account
from hybrid_coordinator.storage.postgres.cluster import ensure_cluster, program
from hybrid_coordinator.storage.postgres.server import PostgresServer

PROJECT = "stdlib"
_INTERACTIONS = int(os.environ.get("SCALING_INTERACTIONS", "20000"))
_QUERIES = 400
_AT_ONCE = 16
_STARTS_IN_SECONDS = 60.0
_KB = 1024
Figures = dict[str, float]

_NOTE = (
    "One coordinator in a process of its own, called without a socket; with Qdrant Edge, and with "
    "Postgres as it is embedded, or as a server of its own that is reached by TCP with the options "
    "of `compose/compose.yaml`. Everything shares this machine. Code is the standard library of "
    f"the running Python; the {_INTERACTIONS:,} interactions have questions about it and answers "
    "of 1 kB. Memory is what the coordinator's process grew by, with no allowance for what it "
    "gives back later; bytes in Postgres are those of the database, indexes included."
)
_ROWS = {
    "chunks": ("chunks of code", "{:,.0f}"),
    "chunks_a_second": ("chunks indexed a second", "{:,.0f}"),
    "chunk_index": ("index, kB a chunk on disk", "{:.2f}"),
    "chunk_record": ("Postgres, kB a chunk", "{:.2f}"),
    "chunk_memory": ("coordinator's memory, kB a chunk", "{:.2f}"),
    "query_p50": ("`augment_query`, one after the other: p50, ms", "{:.1f}"),
    "query_p95": ("… p95, ms", "{:.1f}"),
    "queries_a_second": (f"`augment_query` a second, {_AT_ONCE} at once", "{:,.0f}"),
    "tasks_a_second": (
        f"`track_interaction` with `update_outcome` a second, {_AT_ONCE} at once",
        "{:,.0f}",
    ),
    "task_p95": ("… p95 of the two, ms", "{:.1f}"),
    "projected_a_second": ("interactions brought into the index a second, behind it", "{:,.0f}"),
    "interaction_index": ("index, kB an interaction on disk", "{:.2f}"),
    "interaction_record": ("Postgres, kB an interaction", "{:.2f}"),
    "interaction_memory": ("coordinator's memory, kB an interaction", "{:.2f}"),
}


def measure() -> Table:
    """Both kinds of Postgres, each in a process of its own."""
    columns = [_measured(kind) for kind in ("embedded", "server")]
    rows = [
        [words, *(form.format(column[name]) for column in columns)]
        for name, (words, form) in _ROWS.items()
    ]
    return Table(
        "Sizes and rates of one coordinator",
        ["what", "Postgres embedded", "Postgres as a server"],
        rows,
        _NOTE,
    )


def _measured(kind: str) -> Figures:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.operations.scaling", kind],
        cwd=CHECKOUT,
        stdout=subprocess.PIPE,
        check=True,
    )
    figures: Figures = json.loads(done.stdout)
    return figures


@contextmanager
def postgres_over_tcp(directory: Path) -> Iterator[str]:
    """A Postgres of its own with the options of compose.yaml; its URL."""
    account = postgres_account()
    ensure_cluster(directory, account)
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    with subprocess.Popen(
        [
            *(str(program("postgres")), "-D", str(directory)),
            *("-c", "shared_buffers=512MB", "-c", "max_connections=100"),
            *("-c", "listen_addresses=127.0.0.1", "-c", f"port={port}"),
            *("-c", f"unix_socket_directories={directory}"),
        ],
        user=account.uid,
        group=account.gid,
        stderr=subprocess.DEVNULL,
    ) as server:
        try:
            deadline = time.monotonic() + _STARTS_IN_SECONDS
            ready = [str(program("pg_isready")), "-q", "-h", "127.0.0.1", "-p", str(port)]
            while subprocess.run(ready, check=False).returncode != 0:
                if time.monotonic() > deadline or server.poll() is not None:
                    raise SystemExit("Postgres does not come up")
            yield f"postgresql://postgres@127.0.0.1:{port}/postgres"
        finally:
            server.terminate()


@contextmanager
def _record(kind: str, home: Home) -> Iterator[str | None]:
    if kind == "embedded":
        yield None
        return
    with postgres_over_tcp(home.root / "server") as url:
        yield url


@asynccontextmanager
async def _coordinator(home: Home, url: str | None) -> AsyncIterator[Coordinator]:
    sections = {"inference": {"enabled": False}, "storage": {"database_url": url}}
    home.settings_file.write_text(json.dumps(sections))
    engines = Engines(home, SettingsStore(home.settings_file))
    engines.begin()
    try:
        yield await engines.get()
    finally:
        await engines.close()


class _Sizes:
    """What the coordinator takes up now, in bytes."""

    def __init__(self, home: Home, connection: asyncpg.Connection) -> None:
        self._home, self._connection = home, connection

    async def now(self) -> tuple[int, int, int]:
        """Of the index and of the database on disk, and of this process in memory."""
        await self._connection.execute("VACUUM")
        record = await self._connection.fetchval("SELECT pg_database_size(current_database())")
        index = sum(
            file.stat().st_blocks * 512
            for file in self._home.vectors_dir.rglob("*")
            if file.is_file()
        )
        return index, record, psutil.Process().memory_info().rss


def _each(before: tuple[int, ...], after: tuple[int, ...], many: int, what: str) -> Figures:
    names = (f"{what}_index", f"{what}_record", f"{what}_memory")
    grown = (late - early for early, late in zip(before, after, strict=True))
    return {name: size / many / _KB for name, size in zip(names, grown, strict=True)}


async def _at_once(
    task: Callable[[int], Awaitable[object]], many: int
) -> tuple[float, list[float]]:
    """Seconds for all, with so many at once, and the milliseconds of each."""
    numbers, took = iter(range(many)), []

    async def one_after_the_other() -> None:
        for number in numbers:
            began = time.perf_counter()
            await task(number)
            took.append((time.perf_counter() - began) * 1000)

    began = time.perf_counter()
    await asyncio.gather(*(one_after_the_other() for _ in range(_AT_ONCE)))
    return time.perf_counter() - began, took


async def _code(coordinator: Coordinator, sizes: _Sizes) -> Figures:
    before = await sizes.now()
    report = await coordinator.index(Path(sysconfig.get_path("stdlib")), project=PROJECT)
    after = await sizes.now()
    return {
        "chunks": report.chunks,
        "chunks_a_second": report.chunks / report.seconds,
        **_each(before, after, report.chunks, "chunk"),
    }


async def _queries(coordinator: Coordinator) -> Figures:
    async def ask(number: int) -> None:
        await coordinator.augment(
            QUESTIONS[number % len(QUESTIONS)],
            agent_type=AgentType.REMOTE,
            project=PROJECT,
            collections=None,
            max_tokens=1500,
        )

    alone = []
    for number in range(_QUERIES // 2):
        began = time.perf_counter()
        await ask(number)
        alone.append((time.perf_counter() - began) * 1000)
    seconds, _ = await _at_once(ask, _QUERIES)
    p50, p95 = p50_p95(alone)
    return {"query_p50": p50, "query_p95": p95, "queries_a_second": _QUERIES / seconds}


async def _work(coordinator: Coordinator, sizes: _Sizes, connection: asyncpg.Connection) -> Figures:
    before = await sizes.now()
    sentences = itertools.cycle(QUESTIONS)

    async def task(number: int) -> None:
        query = f"{next(sentences)} (case {number})"
        answer = f"In case {number}: " + " ".join([query] * 12)
        new = NewInteraction(PROJECT, query, answer[:1000], AgentType.REMOTE, "claude-opus")
        done = await coordinator.track(new)
        await coordinator.update_outcome(done, Outcome(OutcomeKind.SUCCESS, 0, "pytest exit 0"))

    began = time.perf_counter()
    seconds, took = await _at_once(task, _INTERACTIONS)
    waiting = "SELECT count(*) FROM interactions WHERE projected < revision"
    while await connection.fetchval(waiting):
        await connection.execute("SELECT pg_sleep(0.1)")
    projected = time.perf_counter() - began
    after = await sizes.now()
    return {
        "tasks_a_second": _INTERACTIONS / seconds,
        "task_p95": p50_p95(took)[1],
        "projected_a_second": _INTERACTIONS / projected,
        **_each(before, after, _INTERACTIONS, "interaction"),
    }


async def _all_of(home: Home, url: str | None) -> Figures:
    async with _coordinator(home, url) as coordinator:
        connection = await asyncpg.connect(url or PostgresServer(home.postgres_dir).dsn)
        try:
            sizes = _Sizes(home, connection)
            return {
                **await _code(coordinator, sizes),
                **await _queries(coordinator),
                **await _work(coordinator, sizes, connection),
            }
        finally:
            await connection.close()


def main(kind: str) -> None:
    """Measure with one kind of Postgres and print the figures as JSON."""
    with tempfile.TemporaryDirectory(prefix="hc-bench-") as directory:
        home = Home(Path(directory))
        with _record(kind, home) as url:
            print(json.dumps(asyncio.run(_all_of(home, url))))


if __name__ == "__main__":
    main(sys.argv[1])
