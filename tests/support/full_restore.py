"""A restore onto a file system that has room for the index and an empty record, and not for its
rows: run inside a mount namespace of its own.

Prints "ok" when nothing half was left, and the same restore succeeds once there is room.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from pathlib import Path

import asyncpg

from hybrid_coordinator.storage.postgres.server import PostgresServer
from tests.support.stdio import command, session

_ROWS = """
WITH made AS (
    INSERT INTO interactions (id, project, query, response, agent_type, model_used, tokens_used,
        latency_ms)
    VALUES (gen_random_uuid(), 'p', 'q', 'r', 'local', 'm', 1, 1)
    RETURNING id
)
INSERT INTO actions (interaction_id, position, kind, subject, ok, exit_code, detail)
SELECT id, n, 'command', 'ls', true, 0, (SELECT string_agg(md5(random()::text || part || n), '')
    FROM generate_series(1, 4096) AS part)
FROM made, generate_series(1, 640) AS n
"""
"""84 MB that cannot be compressed, and are not in the index."""


_SIZE = "210m"
"""For the index, of which every hole that the engine maps is memory here (100 MB), and an empty
record (60 MB); not for those rows beside them."""


def mount(folder: Path, options: str) -> None:
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", folder], check=True)


async def fill(home: Path) -> None:
    connection = await asyncpg.connect(PostgresServer(home / "postgres").dsn)
    await connection.execute(_ROWS, timeout=60)
    await connection.close()


def main(folder: Path) -> None:
    home, other, file = folder.parent / "home", folder / "other", folder.parent / "kept.zip"
    with session(home):
        assert command(home, "stats").returncode == 0
        asyncio.run(fill(home))
        assert command(home, "backup", str(file)).returncode == 0
    assert command(home, "stop").returncode == 0
    mount(folder, f"size={_SIZE}")
    full = command(other, "restore", str(file))
    assert full.returncode == 1, full.stdout
    assert "extend file" in full.stderr, full.stderr  # Postgres', on rows
    assert "No space left" in full.stderr, full.stderr
    assert {each.name for each in other.iterdir()} <= {"coordinator.lock"}, list(other.iterdir())
    mount(folder, "remount,size=600m")
    done = command(other, "restore", str(file), "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["index_anew"] is None
    print("ok")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
