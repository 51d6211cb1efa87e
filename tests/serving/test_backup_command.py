"""`backup` while agents work, and `restore`: everything comes back, or nothing has happened."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from hybrid_coordinator.keeping.engines import embedded
from hybrid_coordinator.storage.postgres.server import PostgresServer
from hybrid_coordinator.storage.postgres.snapshot import Contents, SnapshotRecords
from tests.support.stdio import (
    StdioSession,
    command,
    environment,
    kill,
    owner_of,
    session,
    wait_until,
)

KEY = "Zq9xW4vT7mKp2Lr8"
SETTINGS = f"# ours\nremote: {{anthropic_api_key: {KEY}}}\nrouting: {{preset: weak}}\n"
RULES = "rules:\n  - name: mine\n    then: {target: local}\n"


@pytest.fixture
def other(tmp_path: Path) -> Iterator[Path]:
    """A second home, stopped at the end."""
    path = tmp_path / "other"
    yield path
    assert command(path, "stop").returncode == 0


def track(opened: StdioSession, query: str) -> str:
    done = opened.tool(
        "track_interaction", query=query, response=f"{query}!", agent_type="remote", model_used="m"
    )
    opened.tool("update_outcome", **done, outcome="success", evidence="pytest exit 0")
    return done["interaction_id"]


def ran(home: Path, *arguments: str, **extra: str) -> Any:
    done = command(home, *arguments, "--json", **extra)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def tracked(home: Path) -> set[str]:
    return {row["title"] for row in ran(home, "memory", "list", "--limit", "1000")["rows"]}


async def contents(home: Path) -> Contents:
    async with (
        embedded(home / "postgres") as database,
        SnapshotRecords(database).taken() as snapshot,
    ):
        return await snapshot.contents()


def test_what_was_learned_comes_back_and_is_found(home: Path, other: Path, tmp_path: Path) -> None:
    home.mkdir()
    (home / "hybrid.yaml").write_text(SETTINGS)
    (home / "rules.yaml").write_text(RULES)
    file = tmp_path / "kept.zip"
    with session(home) as opened:
        track(opened, "mend the currency of refunds")
        opened.tool(
            "store_knowledge", collection="best-practices", title="Round late", content="Once."
        )
        made = ran(home, "backup", str(file))
        track(opened, "after the backup")
    assert made["left_out"] == ["remote.anthropic_api_key"]
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert KEY.encode() not in file.read_bytes()

    assert ran(other, "restore", str(file), "--check")["rows"] == made["rows"]
    assert not (other / "postgres").exists()
    back = ran(other, "restore", str(file))
    assert back["rows"] == made["rows"]
    assert back["missing"] == ["remote.anthropic_api_key"]
    assert back["aside"] == []
    assert (other / "hybrid.yaml").read_text() == SETTINGS.replace(KEY, "null")
    assert (other / "rules.yaml").read_text() == RULES
    with session(other) as opened:

        def titles(query: str) -> list[str]:
            return [item["title"] for item in opened.tool("search_knowledge", query=query)["items"]]

        query = "mend the currency of refunds"
        wait_until(lambda: query in titles(query), timeout=60)
        assert "Round late" in titles("Round late")
        assert "after the backup" not in titles("after the backup")


def test_a_home_in_use_is_replaced_only_by_force_and_kept_aside(home: Path, tmp_path: Path) -> None:
    file = tmp_path / "kept.zip"
    with session(home) as opened:
        track(opened, "first")
        token = ran(home, "tokens", "create", "laptop", "--user", "alice")["id"]
        ran(home, "backup", str(file))
        assert command(home, "tokens", "revoke", token).returncode == 0
        track(opened, "second")
        owned = command(home, "restore", str(file), "--force")
        assert owned.returncode == 1
        assert "hybrid-coordinator stop" in owned.stderr
    (home / "hybrid.yaml").write_text(SETTINGS)
    assert command(home, "stop").returncode == 0
    before = asyncio.run(contents(home))

    refused = command(home, "restore", str(file))
    assert refused.returncode == 1
    assert "--force: is needed" in refused.stderr
    assert asyncio.run(contents(home)) == before

    restored = command(home, "restore", str(file), "--force")
    assert restored.returncode == 0
    assert "hold as they did then: 1; revoke again" in restored.stdout
    (kept,) = home.glob("replaced-*")
    assert f"is kept in {kept}" in restored.stdout
    assert tracked(home) == {"first"}
    assert (kept / "hybrid.yaml").read_text() == SETTINGS
    assert (kept / "qdrant").is_dir()
    former = tmp_path / "former"
    former.mkdir()
    (kept / "postgres").rename(former / "postgres")
    assert asyncio.run(contents(former)) == before


def test_a_torn_file_changes_nothing(home: Path, tmp_path: Path) -> None:
    file = tmp_path / "kept.zip"
    with session(home) as opened:
        track(opened, "first")
        ran(home, "backup", str(file))
    file.write_bytes(file.read_bytes()[:-100])
    assert command(home, "stop").returncode == 0
    lock = {home / "coordinator.lock"}
    before = set(home.rglob("*")) - lock
    for options in ((), ("--force",), ("--check",)):
        refused = command(home, "restore", str(file), *options)
        assert refused.returncode == 1
        assert "torn or altered" in refused.stderr
    assert set(home.rglob("*")) - lock == before
    assert tracked(home) == {"first"}


def test_backups_of_the_home_are_its_latest(home: Path) -> None:
    folder = home / "backups"
    folder.mkdir(parents=True)
    (folder / ".half.zip.partial").write_bytes(b"of one that was killed")
    old = [folder / f"hybrid-2026010{day}T000000Z.zip" for day in range(1, 4)]
    for file in (*old, folder / "mine.zip"):
        file.write_bytes(b"")
    made = ran(home, "backup", "--keep", "2")
    assert made["dropped"] == [str(file) for file in old[:2]]
    assert set(folder.iterdir()) == {Path(made["file"]), old[2], folder / "mine.zip"}
    (disk, same) = (ran(home, name)["disk"]["blocks"] for name in ("status", "stats"))
    taken = {block["name"]: block["bytes"] for block in disk}
    assert taken["backups"] >= made["bytes"]
    assert {block["name"]: block["bytes"] for block in same}["backups"] == taken["backups"]
    # What is deleted may still be in them, so they are named.
    deleted = ran(home, "memory", "delete", "--yes", "--older-than", "1y")
    assert made["file"] in deleted["copies"]
    again = command(home, "backup", made["file"])
    assert again.returncode == 1
    assert "is there already" in again.stderr


def test_a_backup_that_is_killed_leaves_no_file_and_the_record_whole(
    home: Path, tmp_path: Path
) -> None:
    file = tmp_path / "kept.zip"
    with session(home) as opened:
        track(opened, "first")
        asyncio.run(_killed_in_mid_backup(home, file))
        assert not file.exists()
        wait_until(lambda: _tracks(opened, "second"), timeout=60)
    assert tracked(home) == {"first", "second"}
    ran(home, "backup", str(file))
    assert [each.name for each in tmp_path.glob("*kept*")] == ["kept.zip"]


def _tracks(opened: StdioSession, query: str) -> bool:
    try:
        track(opened, query)
    except Exception:  # noqa: BLE001 - the coordinator is being started again
        return False
    return True


async def _killed_in_mid_backup(home: Path, file: Path) -> None:
    connection = await asyncpg.connect(PostgresServer(home / "postgres").dsn)
    async with asyncio.timeout(60), connection.transaction():
        await connection.execute("LOCK TABLE outcomes IN ACCESS EXCLUSIVE MODE")
        backup = subprocess.Popen(
            [sys.executable, "-m", "hybrid_coordinator.serving.cli", "backup", str(file)],
            env=environment(home),
            stderr=subprocess.PIPE,
        )
        while not list(file.parent.glob(".kept*.partial")):
            await asyncio.sleep(0)
        kill(owner_of(home))
        _, words = await asyncio.to_thread(backup.communicate)
        assert backup.returncode == 1, words
    await connection.close()


def test_a_restore_that_is_killed_leaves_the_former_state(home: Path, tmp_path: Path) -> None:
    file = tmp_path / "kept.zip"
    with session(home) as opened:
        track(opened, "first")
        ran(home, "backup", str(file))
        track(opened, "second")
    assert command(home, "stop").returncode == 0
    restoring = subprocess.Popen(
        [sys.executable, "-m", "hybrid_coordinator.serving.cli", "restore", "--force", str(file)],
        env=environment(home),
    )
    ready = home / "restoring" / "postgres" / "postmaster.pid"
    wait_until(ready.exists, timeout=60)
    os.kill(restoring.pid, signal.SIGKILL)
    restoring.wait(timeout=60)
    assert (home / "restoring" / "qdrant").is_dir()  # the index was made ready before

    assert tracked(home) == {"first", "second"}
    assert not (home / "restoring").exists()
    assert command(home, "stop").returncode == 0
    ran(home, "restore", "--force", str(file))
    assert tracked(home) == {"first"}


def test_an_external_record_is_restored_in_one_transaction(
    home: Path, tmp_path: Path, dsn: str, postgres_server: PostgresServer
) -> None:
    file, there = tmp_path / "kept.zip", {"DATABASE_URL": dsn}
    with session(home, **there) as opened:
        track(opened, "first")
        ran(home, "backup", str(file), **there)
        track(opened, "second")
    assert command(home, "stop").returncode == 0
    asyncio.run(_killed_in_mid_restore(home, file, dsn))
    assert asyncio.run(_queries(dsn)) == {"first", "second"}

    (aside, schema) = ran(home, "restore", "--force", str(file), **there)["aside"]
    assert Path(aside, "qdrant").is_dir()
    assert asyncio.run(_queries(dsn)) == {"first"}
    name = schema.split()[1]
    assert asyncio.run(_queries(dsn, f"{name}.interactions")) == {"first", "second"}
    assert not (home / "postgres").exists()


async def _killed_in_mid_restore(home: Path, file: Path, dsn: str) -> None:
    """Killed once it has put the former record aside, and before it has committed that."""
    connection = await asyncpg.connect(dsn)
    async with asyncio.timeout(60):
        await connection.execute("SELECT pg_advisory_lock(8043276510)")  # migrations wait for it
        restoring = subprocess.Popen(
            [sys.executable, "-m", "hybrid_coordinator.serving.cli", "restore", "--force", file],
            env=environment(home, DATABASE_URL=dsn),
        )
        while not await connection.fetchval(
            "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' "
            "AND datname = current_database()"
        ):
            assert restoring.poll() is None
        os.kill(restoring.pid, signal.SIGKILL)
        await asyncio.to_thread(restoring.wait)
    await connection.close()


async def _queries(dsn: str, table: str = "interactions") -> set[str]:
    connection = await asyncpg.connect(dsn)
    rows = await connection.fetch(f"SELECT query FROM {table}")
    await connection.close()
    return {row["query"] for row in rows}
