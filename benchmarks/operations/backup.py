"""How long a backup takes, bringing it back, and until the restored memory answers."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import asyncpg

from benchmarks.operations.agents import Agent
from benchmarks.routing.tables import Table
from benchmarks.search.trees import copy_files, sources
from hybrid_coordinator.home import Home
from hybrid_coordinator.keeping.disk import disk
from hybrid_coordinator.storage.postgres.server import PostgresServer

_INTERACTIONS = int(os.environ.get("BACKUP_INTERACTIONS", "100000"))
_CHUNKS = int(os.environ.get("BACKUP_CHUNKS", "100000"))
_FILES = 1000
"""Added at a time until there are enough chunks."""
_TIMEOUT = 3600.0
_LOOK_SECONDS = 3.0

_WORDS = (
    "invoice total rounding currency refund order ledger export stream buffer retry timeout socket "
    "parser token index query cache session cookie header schema migration column trigger vacuum "
    "thread lock queue worker signal handler fixture assert mock patch commit branch merge rebase "
    "deploy container volume network proxy metric trace alert budget model prompt answer context "
    "vector embedding recall ranking window digest checksum archive snapshot restore the of and to"
)
_PROJECT = "p7"
_ASKED = "undo the deployment of the billing service"
_FILL = f"""
WITH words AS (SELECT string_to_array('{_WORDS}', ' ') AS list)
INSERT INTO interactions (id, project, session_id, query, response, agent_type, model_used,
    tokens_used, latency_ms, created_at)
SELECT
    gen_random_uuid(), 'p' || n % 20, 's' || n / 12,
    'task ' || n || ': ' || (SELECT string_agg(list[1 + (n * 31 + k * k * 7) % 67], ' ')
        FROM generate_series(1, 20) AS k),
    'done ' || n || ': ' || (SELECT string_agg(list[1 + (n * 37 + k * k * 11) % 67], ' ')
        FROM generate_series(1, 120) AS k),
    'remote', 'claude', 900, 1200, now() - make_interval(mins => n)
FROM words, generate_series(1, $1::integer) AS n;
"""
_SOUGHT = """
UPDATE interactions SET query = $2, revision = revision + 1
WHERE id = (SELECT id FROM interactions WHERE project = $1 ORDER BY created_at LIMIT 1);
"""
_BESIDE = """
INSERT INTO actions (interaction_id, position, kind, subject, ok, exit_code, detail)
SELECT id, k, 'command', 'pytest -q tests/test_' || k, true, 0, repeat(md5(id::text), 6)
FROM interactions, generate_series(1, 3) AS k;
INSERT INTO outcomes (interaction_id, outcome, user_feedback, evidence, value_score, components)
SELECT id, 'success', 0, 'pytest exit 0', 0.6, '{"outcome": 1}' FROM interactions;
INSERT INTO route_attempts (interaction_id, position, model, endpoint, tier, latency_ms, outcome,
    tokens_in, tokens_out, project)
SELECT id, 1, 'qwen', 'http://127.0.0.1:8080', 'local-fast', 900, 'ok', 300, 600, project
FROM interactions;
"""


def measure() -> Table:
    """A home of 100,000 interactions and as many chunks of code: backup, restore, index."""
    with tempfile.TemporaryDirectory(prefix="hybrid-bench-") as folder:
        first, second = Path(folder) / "first", Path(folder) / "second"
        try:
            rows = _measure(Path(folder), first, second)
        finally:
            for home in (first, second):
                _command(home, "stop")
    note = (
        "The backup is made by a coordinator that serves, and holds the record and the embedded "
        "index; the restore is into a fresh home, compares every table by its rows and a digest "
        "and opens the index. The last row is a new session in the restored home until its first "
        "`augment_query` shows an interaction of old: no point was made anew for it."
    )
    header = ["what", "seconds", "goal", "MB", "what it was"]
    return Table("How long do backup and restore take?", header, rows, note)


def _measure(folder: Path, first: Path, second: Path) -> list[list[str]]:
    _command(first, "status")
    chunks = _index(first, folder / "tree")
    asyncio.run(_fill(first, _INTERACTIONS))
    _until_indexed(first, _INTERACTIONS + chunks)
    file = folder / "backup.zip"
    took, made = _timed(first, "backup", str(file))
    held = f"{_INTERACTIONS:,} interactions, {chunks:,} chunks, {made['rows']:,} rows"
    rows = [["backup, while it serves", f"{took:.1f}", "60", f"{made['bytes'] / 1e6:.0f}", held]]
    _command(first, "stop")
    took, back = _timed(second, "restore", str(file))
    assert back["rows"] == made["rows"]
    size = f"{disk(Home(second)).total_bytes / 1e6:.0f}"
    rows.append(["restore, into a fresh home", f"{took:.1f}", "120", size, "every row compared"])
    assert back["points"] == made["points"] == _INTERACTIONS + chunks, back
    took = asyncio.run(_until_answered(second, folder))
    assert sum(_points(second).values()) == _INTERACTIONS + chunks
    rows.append(["the first answer with it", f"{took:.1f}", "", "", "from the start of a session"])
    return rows


async def _until_answered(home: Path, directory: Path) -> float:
    """Seconds from the start of a session until it is shown the interaction that it asks for."""
    began = time.perf_counter()
    async with Agent(home, directory) as agent:
        found = await agent.tool("augment_query", query=_ASKED, project=_PROJECT)
        took = time.perf_counter() - began
    assert _ASKED in json.dumps(found), found
    return took


def _index(home: Path, tree: Path) -> int:
    """Index real source until there are enough chunks; how many there are."""
    pairs = sources()
    while True:
        copy_files(pairs, tree, _FILES)
        _command(home, "index", str(tree))
        found = _points(home)["codebase-context"]
        if found >= _CHUNKS:
            return found


async def _fill(home: Path, count: int) -> None:
    connection = await asyncpg.connect(PostgresServer(home / "postgres").dsn)
    try:
        await connection.execute("SET synchronous_commit = off")
        await connection.execute(_FILL, count, timeout=_TIMEOUT)
        await connection.execute(_SOUGHT, _PROJECT, _ASKED)
        await connection.execute(_BESIDE, timeout=_TIMEOUT)
    finally:
        await connection.close()


def _until_indexed(home: Path, wanted: int) -> None:
    """Look until the index has this many points."""
    while (found := sum(_points(home).values())) < wanted:
        print(f"  {found:,} of {wanted:,} points", file=sys.stderr, flush=True)
        time.sleep(_LOOK_SECONDS)


def _points(home: Path) -> dict[str, int]:
    listed = json.loads(_command(home, "collections", "--json"))["collections"]
    return {one["name"]: one["points"] for one in listed}


def _timed(home: Path, *arguments: str) -> tuple[float, Any]:
    began = time.perf_counter()
    found = json.loads(_command(home, *arguments, "--json"))
    return time.perf_counter() - began, found


def _command(home: Path, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "hybrid_coordinator.serving.cli", *arguments],
        env={**os.environ, "HYBRID_HOME": str(home)},
        capture_output=True,
        text=True,
        timeout=_TIMEOUT,
        check=False,
    )
    assert done.returncode == 0 or arguments[0] == "status", done.stderr
    return done.stdout
