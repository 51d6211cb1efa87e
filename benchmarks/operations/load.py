"""A team's load on one coordinator: sessions that work, dashboards that watch, and both engines
killed in the middle. What was acknowledged must be there at the end."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import statistics
import sys
import tempfile
import time
import urllib.request
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import asyncpg
import psutil

from benchmarks.main_job import CHECKOUT, fresh_home, p50_p95
from benchmarks.operations.agents import Agent, Doing, Told, ask, keep, work, write
from benchmarks.routing.loopback_server import loopback_server
from benchmarks.routing.tables import Table
from hybrid_coordinator.storage.postgres.server import PostgresServer

_SESSIONS, _WATCHERS, _WRITERS = 50, 20, 8
_MINUTES = float(os.environ.get("LOAD_MINUTES", "10"))
_THINKING = 10.0
"""Seconds between the tasks of a session: six tasks a minute is a fast agent."""
_WRITING_PAUSE = 1.0
_TASKS_BEFORE = 400
"""What the memory holds from the start: an empty one is searched faster, loaded or not."""
_QUIET_CALLS, _WARMING_UP = 300, 20
_WRITING_SECONDS = 60.0
_SAMPLE_SECONDS = 5.0
_LOOKS_FOR_JOBS = 240
_KILLED, _CUT = 0.4, 0.7
"""Shares of the time after which the coordinator is killed, and its Postgres."""

_NOTE = (
    "Sessions are real bridges; each does a task (`augment_query`, `track_interaction`, "
    f"`update_outcome`) and pauses for {_THINKING:g} s, a writer for {_WRITING_PAUSE:g} s: on "
    "average, drawn between half of it and half as much again, the same in each run. The one "
    "session that is measured first asks without a pause. A session waits for each answer, so "
    "those that were asked while an engine was away count once each. Everything shares the "
    "machine: sessions, dashboards (all in one process of their own), coordinator, Postgres. The "
    f"index holds this repository's package, the memory {_TASKS_BEFORE} tasks from the start; the "
    "model answers at once, so there are far more jobs than a real one would let happen. The "
    f"coordinator is killed after {_KILLED:.0%} of the time, its Postgres after {_CUT:.0%}."
)


@dataclass
class Faults:
    """What was done to it, by the monotonic moment, and its memory in MB over its last life."""

    killed: float = 0.0
    cut: float = 0.0
    memory: list[float] = field(default_factory=list)


def measure() -> Table:
    """One coordinator: with one session, under eight that write, under fifty."""
    with (
        fresh_home() as home,
        loopback_server() as model,
        tempfile.TemporaryDirectory(prefix="hc-load-") as folder,
        _model_at(model),
    ):
        return asyncio.run(_measure(home, Path(folder), model))


@contextmanager
def _model_at(url: str) -> Iterator[None]:
    """A local model for the jobs, and no other."""
    kinds = ("LLAMA_CPP", "OLLAMA", "LMSTUDIO", "DOCKER_MODEL_RUNNER")
    given = {f"HYBRID_INFERENCE_{kind}": "," for kind in kinds} | {"HYBRID_INFERENCE_VLLM": url}
    os.environ.update(given)
    try:
        yield
    finally:
        for name in given:
            del os.environ[name]


async def _measure(home: Path, folder: Path, model: str) -> Table:
    quiet, beside, writing, load = Told(), Told(), Told(), Told()
    async with Agent(home, folder) as agent:
        await agent.tool("index_codebase", path=str(CHECKOUT / "hybrid_coordinator"))
        for number in range(_TASKS_BEFORE):
            await write(agent, number, Told())
        await _until_no_job_waits(home)
        for number in range(_QUIET_CALLS + _WARMING_UP):
            await ask(agent, number, quiet)
        del quiet.asked[:_WARMING_UP]
        before = await asyncio.to_thread(_hits, model)
        until = time.monotonic() + _WRITING_SECONDS
        writers = [
            asyncio.create_task(_session(write, home, folder, n, writing, until, _WRITING_PAUSE))
            for n in range(_WRITERS)
        ]
        while time.monotonic() < until:
            await ask(agent, len(beside.asked), beside)
            await asyncio.sleep(0.05)
        await asyncio.gather(*writers)
    hits = await asyncio.to_thread(_hits, model) - before
    before = await asyncio.to_thread(_hits, model)
    faults, seen = await _under_load(home, folder, load)
    hits_in_load = await asyncio.to_thread(_hits, model) - before
    waiting = await _jobs_waiting(home)
    kept = await _kept(home)
    told = [*writing.interactions, *load.interactions], [*writing.outcomes, *load.outcomes]
    lost = len(set(told[0]) - kept[0]) + len(set(told[1]) - kept[1])
    beside_what = (
        f"the same beside {_WRITERS} sessions that write ({len(writing.outcomes)} tasks in "
        f"{_WRITING_SECONDS:.0f} s) while jobs run ({hits} calls of a model)"
    )
    load_what = (
        f"the same in {_SESSIONS} sessions ({len(load.outcomes)} tasks), beside {_WATCHERS} "
        f"dashboards ({seen['overviews']} overviews), {_MINUTES:g} minutes, while jobs run "
        f"({hits_in_load} calls of a model; {waiting} jobs wait at the end)"
    )
    rows = [
        ["`augment_query` with one session: p50, p95", "-", _times(quiet)],
        [beside_what, "p95 2x", _against(beside, quiet)],
        [load_what, "p95 2x", _against(load, quiet)],
        ["until an answer, once the coordinator was killed (-9)", "-", _gap(load, faults.killed)],
        ["until an answer, once Postgres was killed (-9)", "-", _gap(load, faults.cut)],
        ["requests of sessions that were answered with an error", "-", str(len(load.refused))],
        ["times that a dashboard was answered with an error, or cut off", "-", str(seen["broken"])],
        [f"lost of {sum(map(len, told))} acknowledged interactions and outcomes", "0", str(lost)],
        ["memory of the coordinator, its last life's first and last minute", "flat",
         _growth(faults.memory)],
    ]  # fmt: skip
    return Table("Under load", ["what", "goal", "measured"], rows, _NOTE)


async def _session(
    doing: Doing, home: Path, folder: Path, number: int, told: Told, until: float, pause: float
) -> None:
    async with Agent(home, folder) as agent:
        await keep(doing, agent, number * 1_000_000, told, until, pause)


async def _under_load(home: Path, folder: Path, told: Told) -> tuple[Faults, dict[str, int]]:
    """What was done to it, and what the dashboards were sent meanwhile."""
    faults = Faults()
    seconds = _MINUTES * 60
    began = time.monotonic()
    until = began + seconds
    async with Agent(home, folder) as agent:
        url = (await agent.request("hybrid/dashboard", {}))["url"]
        async with _dashboards(url, seconds) as seen, asyncio.TaskGroup() as group:
            group.create_task(_start(home, folder, told, until, group))
            await asyncio.sleep(began + seconds * _KILLED - time.monotonic())
            faults.killed = _kill(int((home / "coordinator.lock").read_text()))
            await _sample(home, faults.memory, began + seconds * _CUT)
            postmaster = home / "postgres" / "postmaster.pid"
            faults.cut = _kill(int(postmaster.read_text().split()[0]))
            await _sample(home, faults.memory, until)
    return faults, seen


async def _start(
    home: Path, folder: Path, told: Told, until: float, group: asyncio.TaskGroup
) -> None:
    for number in range(_SESSIONS):
        await asyncio.sleep(_THINKING / _SESSIONS)  # not all at the same moment
        group.create_task(_session(work, home, folder, 100 + number, told, until, _THINKING))


@asynccontextmanager
async def _dashboards(url: str, seconds: float) -> AsyncIterator[dict[str, int]]:
    """Dashboards, in a process of their own: what sessions are told is not to wait for theirs. It
    says what they were sent once the block has ended."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "benchmarks.operations.watchers", url, str(seconds), str(_WATCHERS),
        stdout=asyncio.subprocess.PIPE, cwd=CHECKOUT,
    )  # fmt: skip
    seen: dict[str, int] = {}
    try:
        yield seen
        told, _ = await process.communicate()
        if process.returncode:
            raise SystemExit(f"the dashboards ended with {process.returncode}")
        seen |= json.loads(told)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


def _kill(process: int) -> float:
    os.kill(process, signal.SIGKILL)
    return time.monotonic()


async def _sample(home: Path, memory: list[float], until: float) -> None:
    while time.monotonic() < until:
        with suppress(ValueError, psutil.NoSuchProcess):  # the next one is being started
            owner = psutil.Process(int((home / "coordinator.lock").read_text()))
            memory.append(owner.memory_info().rss / 1e6)
        await asyncio.sleep(_SAMPLE_SECONDS)


async def _until_no_job_waits(home: Path) -> None:
    for _ in range(_LOOKS_FOR_JOBS):
        if not await _jobs_waiting(home):
            break
        await asyncio.sleep(0.5)


async def _jobs_waiting(home: Path) -> int:
    connection = await asyncpg.connect(PostgresServer(home / "postgres").dsn)
    count: int = await connection.fetchval("SELECT count(*) FROM jobs")
    await connection.close()
    return count


def _hits(model: str) -> int:
    with urllib.request.urlopen(f"{model}/hits") as answer:
        return int(answer.read())


async def _kept(home: Path) -> tuple[set[str], set[str]]:
    """The ids of all interactions in the record, and of those with an outcome."""
    connection = await asyncpg.connect(PostgresServer(home / "postgres").dsn)
    interactions = await connection.fetch("SELECT id FROM interactions")
    outcomes = await connection.fetch("SELECT DISTINCT interaction_id FROM outcomes")
    await connection.close()
    return {str(row[0]) for row in interactions}, {str(row[0]) for row in outcomes}


def _times(told: Told) -> str:
    p50, p95 = p50_p95([took for _, took in told.asked])
    return f"{p50:.1f}, {p95:.1f} ms"


def _against(told: Told, quiet: Told) -> str:
    (_, p95), (_, quiet_p95) = (p50_p95([took for _, took in one.asked]) for one in (told, quiet))
    return f"{_times(told)}: {p95 / quiet_p95:.1f}x"


def _gap(told: Told, moment: float) -> str:
    """From ``moment`` until the first answer to what was asked after it."""
    later = (at + took / 1000 - moment for at, took in told.asked if at > moment)
    return f"{min(later, default=float('inf')):.1f} s"


def _growth(memory: list[float]) -> str:
    minute = round(60 / _SAMPLE_SECONDS)
    first, last = statistics.median(memory[:minute]), statistics.median(memory[-minute:])
    return f"{first:.0f} MB, {last:.0f} MB"
