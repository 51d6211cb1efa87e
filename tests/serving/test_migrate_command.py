"""`migrate --to`: the record moves to another Postgres and back, and nothing of it is lost."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from hybrid_coordinator.errors import OwnershipError
from hybrid_coordinator.home import Home
from hybrid_coordinator.keeping.engines import embedded, external
from hybrid_coordinator.keeping.moving import move
from hybrid_coordinator.settings import load_settings
from hybrid_coordinator.storage.postgres.database import Database
from hybrid_coordinator.storage.postgres.snapshot import Contents, SnapshotRecords
from tests.support.stdio import command, environment, session


def moved(home: Path, target: str, **extra: str) -> Any:
    done = command(home, "migrate", "--to", target, "--json", **extra)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def refused(home: Path, target: str, **extra: str) -> str:
    done = command(home, "migrate", "--to", target, **extra)
    assert done.returncode == 1, done.stdout
    return done.stderr


async def contents(database: Database) -> Contents:
    async with SnapshotRecords(database).taken() as snapshot:
        return await snapshot.contents()


async def at_home(home: Path) -> Contents:
    async with embedded(home / "postgres") as database:
        return await contents(database)


async def out_there(dsn: str) -> Contents:
    async with external(dsn) as database:
        return await contents(database)


def where(home: Path) -> str | None:
    url = load_settings(home / "hybrid.yaml", {}).storage.database_url
    return None if url is None else url.get_secret_value()


def test_the_record_moves_out_and_back_and_the_index_stays(home: Path, empty_dsn: str) -> None:
    home.mkdir()
    (home / "hybrid.yaml").write_text("# ours\nrouting: {preset: weak}\n")
    query = {"query": "mend the currency of refunds"}
    with session(home) as opened:
        done = opened.tool(
            "track_interaction", **query, response="done", agent_type="remote", model_used="m"
        )
        opened.tool("update_outcome", **done, outcome="success")
        assert opened.tool("search_knowledge", **query)["items"]
        assert "owns" in refused(home, empty_dsn)
    assert command(home, "stop").returncode == 0
    before = asyncio.run(at_home(home))

    asyncio.run(killed_in_the_middle(home, empty_dsn))
    assert where(home) is None
    assert asyncio.run(at_home(home)) == before

    assert moved(home, empty_dsn)["copied"]
    assert where(home) == empty_dsn
    assert (home / "hybrid.yaml").read_text().startswith("# ours\nrouting: {preset: weak}\n")
    assert not (home / "postgres").exists()
    assert asyncio.run(out_there(empty_dsn)) == before
    assert "there already" in refused(home, empty_dsn)
    with session(home) as opened:
        # At once: it did not have to be indexed anew.
        assert opened.tool("search_knowledge", **query)["items"][0]["title"] == query["query"]
        opened.tool(
            "track_interaction", query="later", response="r", agent_type="remote", model_used="m"
        )
    assert command(home, "stop").returncode == 0

    later = asyncio.run(out_there(empty_dsn))
    assert moved(home, "embedded")["copied"]
    assert where(home) is None
    assert asyncio.run(at_home(home)) == later
    with session(home) as opened:
        assert opened.tool("search_knowledge", query="later")["items"][0]["title"] == "later"
        opened.tool(
            "track_interaction", query="home", response="r", agent_type="remote", model_used="m"
        )
    assert command(home, "stop").returncode == 0

    # The former copy is there still, and is not the record any more.
    assert "holds another record" in refused(home, empty_dsn)
    assert where(home) is None


async def killed_in_the_middle(home: Path, dsn: str) -> None:
    connection = await asyncpg.connect(dsn)
    async with asyncio.timeout(60):
        await connection.execute("SELECT pg_advisory_lock(8043276510)")  # migrations wait for it
        moving = subprocess.Popen(
            [sys.executable, "-m", "hybrid_coordinator.serving.cli", "migrate", "--to", dsn],
            env=environment(home),
        )
        while not await connection.fetchval(
            "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' "
            "AND datname = current_database()"
        ):
            assert moving.poll() is None
        os.kill(moving.pid, signal.SIGKILL)
        await asyncio.to_thread(moving.wait)
    await connection.close()


def test_a_copy_that_was_made_before_a_kill_is_taken_up(home: Path, empty_dsn: str) -> None:
    assert command(home, "stats").returncode == 0
    assert command(home, "stop").returncode == 0
    before = asyncio.run(at_home(home))
    # By the environment alone, as containers are configured: the file stays as it is.
    assert moved(home, empty_dsn, DATABASE_URL=empty_dsn)["copied"]
    (aside,) = home.glob("replaced-*")
    (aside / "postgres").rename(home / "postgres")
    assert where(home) is None

    again = moved(home, empty_dsn)
    assert not again["copied"]
    assert again["rows"] == before.rows
    assert where(home) == empty_dsn


class Coordinator(threading.Thread):
    """A connection of another coordinator, from `start` on until `leave`."""

    def __init__(self, dsn: str) -> None:
        super().__init__()
        self._dsn = dsn
        self._come, self._leaving = threading.Event(), threading.Event()

    def run(self) -> None:
        asyncio.run(self._connected())

    async def _connected(self) -> None:
        named = {"application_name": "hybrid-coordinator"}
        connection = await asyncpg.connect(self._dsn, server_settings=named)
        self._come.set()
        await asyncio.to_thread(self._leaving.wait)
        await connection.close()

    def come(self) -> None:
        self.start()
        assert self._come.wait(60)

    def leave(self) -> None:
        self._leaving.set()
        self.join(60)


async def test_a_coordinator_that_comes_while_rows_are_copied_is_seen(
    home: Path, dsn: str, empty_dsn: str
) -> None:
    home.mkdir()
    (home / "hybrid.yaml").write_text(f"storage: {{database_url: '{dsn}'}}\n")
    async with external(dsn) as database:
        await database.execute(
            "INSERT INTO interactions (id, project, query, response, agent_type, model_used, "
            "tokens_used, latency_ms) VALUES (gen_random_uuid(), 'p', 'q', 'r', 'local', 'm', 1, 1)"
        )
        before = await contents(database)
    came = Coordinator(dsn)

    def told(done: float, _: float | None, __: str) -> None:
        if done and not came.ident:
            came.come()

    with pytest.raises(OwnershipError, match="other coordinators use that database"):
        await move(Home(home), empty_dsn, told)
    assert came.ident
    came.leave()
    assert [each.name for each in home.iterdir()] == ["hybrid.yaml"]
    assert where(home) == dsn
    async with external(empty_dsn) as database:
        assert not await SnapshotRecords(database).holds_record()
    assert (await move(Home(home), empty_dsn, lambda *_: None)).copied
    assert where(home) == empty_dsn
    assert await out_there(empty_dsn) == before


def test_what_cannot_be_moved_is_said(home: Path, dsn: str) -> None:
    assert "has no record yet" in refused(home, dsn)
    assert "unset it" in refused(home, "embedded", DATABASE_URL=dsn)
    assert "there already" in refused(home, "embedded")
    assert "must be `embedded` or postgresql://" in refused(home, "mysql://x")
