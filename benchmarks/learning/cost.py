"""What the ledger costs: tracking and outcomes under eight sessions, and a large record."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from statistics import median

import asyncpg
import psutil

from benchmarks.learning.desk import Desk, desk
from benchmarks.main_job import milliseconds, p50_p95
from benchmarks.routing.tables import Table
from hybrid_coordinator.storage.postgres.server import PostgresServer

_SESSIONS, _CALLS = 8, 40
_PAUSE = 0.25
"""Seconds between an outcome and the next interaction of a session: still far more than any agent
does."""
_INTERACTIONS, _ITEMS = 100_000, 5_000
_SHOWN = 3
_KINDS = ("success", "failure", "partial", "unknown")


def measure(_: Path | None) -> Table:
    """Calls of eight sessions at once, on an empty record and on a large one."""
    with desk(seed=1) as made:
        _work(made, 5, 0.0)
        rows = _calls_rows(made, "an empty record")
        rows += _calls_rows(made, "an empty record, no pause", 0.0)
        asyncio.run(_fill(PostgresServer(made.home / "postgres").dsn))
        with made.agent() as agent:
            agent.request("hybrid/stats", {})
            looked = [milliseconds(lambda: agent.request("hybrid/stats", {})) for _ in range(7)]
        before = _resident(made)
        rows += _calls_rows(made, f"{_INTERACTIONS:,} interactions")
        grown = _resident(made) - before
    rows += [
        [f"`stats` at {_INTERACTIONS:,} interactions", "0.5 s", f"{median(looked) / 1000:.2f} s"],
        [
            f"memory that the coordinator takes over {2 * _SESSIONS * _CALLS} calls more",
            "flat",
            f"{grown:+.1f} MB",
        ],
    ]
    note = (
        f"{_SESSIONS} sessions, each with a pause of {_PAUSE:g} s after each outcome, all naming "
        f"the same {_SHOWN} items, which is the worst case: they count up the same rows. Clients "
        "and coordinator share the machine; without a pause they keep it busy, and wait for each "
        "other. The large record was filled by COPY. An outcome and its jobs are one statement, "
        "and marks that can be made again wait for no disk; what is told is on it, and whoever "
        "counts up the same items waits for that too, which is most of what is left."
    )
    return Table("What it costs", ["what", "at most", "measured"], rows, note)


def _calls_rows(made: Desk, where: str, pause: float = _PAUSE) -> list[list[str]]:
    tracked, ended = _work(made, _CALLS, pause)
    rows = []
    for name, times in (("track_interaction", tracked), ("update_outcome", ended)):
        p50, p95 = p50_p95(times)
        what = f"`{name}`, {_SESSIONS} sessions, {where}"
        rows.append([what, "p50 5 ms" if pause else "-", f"p50 {p50:.1f} ms, p95 {p95:.1f} ms"])
    return rows


def _work(made: Desk, calls: int, pause: float) -> tuple[list[float], list[float]]:
    items = [str(uuid.UUID(int=number)) for number in range(1, _SHOWN + 1)]

    def session(number: int) -> tuple[list[float], list[float]]:
        tracked, ended = [], []
        with made.agent() as agent:
            for call in range(calls):
                report = {
                    "query": f"Fix the TypeError in parser {number}-{call} for empty input",
                    "response": "Handled the empty case first; the tests pass.",
                    "agent_type": "remote",
                    "model_used": "benchmark",
                    "context_ids": items,
                }
                began = time.perf_counter()
                interaction = agent.tool("track_interaction", report)["interaction_id"]
                between = time.perf_counter()
                agent.tool("update_outcome", {"interaction_id": interaction, "outcome": "success"})
                tracked.append((between - began) * 1000)
                ended.append((time.perf_counter() - between) * 1000)
                time.sleep(pause)
        return tracked, ended

    with ThreadPoolExecutor(_SESSIONS) as pool:
        every = list(pool.map(session, range(_SESSIONS)))
    return [time for one, _ in every for time in one], [time for _, one in every for time in one]


async def _fill(dsn: str) -> None:
    """Interactions with three items and an outcome each, in one stroke."""
    connection = await asyncpg.connect(dsn)
    ids = [uuid.UUID(int=(1 << 76) + number) for number in range(_INTERACTIONS)]
    columns = "id project query response agent_type model_used tokens_used latency_ms projected"
    await connection.copy_records_to_table(
        "interactions",
        columns=columns.split(),
        records=((key, "filled", "q", "r", "remote", "m", 10, 10, 1) for key in ids),
    )
    await connection.copy_records_to_table(
        "exposures",
        columns=["interaction_id", "item_id", "rank", "propensity", "withheld", "use_number"],
        records=_exposures(ids),
    )
    await connection.copy_records_to_table(
        "outcomes",
        columns=["interaction_id", "outcome", "user_feedback", "value_score", "components"],
        records=((key, _KINDS[n % 4], 0, 0.5, "{}") for n, key in enumerate(ids)),
    )
    await connection.execute("SELECT rebuild_item_stats()")
    await connection.execute("VACUUM ANALYZE")
    await connection.close()


def _exposures(ids: list[uuid.UUID]) -> Iterator[tuple[object, ...]]:
    for number, key in enumerate(ids):
        held = number % 12 == 0
        for rank in range(1, _SHOWN + 1):
            place = number * _SHOWN + rank
            item, use = uuid.UUID(int=1000 + place % _ITEMS), place // _ITEMS + 1
            withheld = held and rank == 1
            yield key, item, rank, 0.97, withheld, None if withheld else use


def _resident(made: Desk) -> float:
    """The coordinator's own memory in MB."""
    owner = psutil.Process(int((made.home / "coordinator.lock").read_text()))
    return owner.memory_info().rss / 1e6
