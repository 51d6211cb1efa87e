"""A home whose record holds months of work: a hundred thousand interactions in seconds."""

from __future__ import annotations

import asyncio
from pathlib import Path

from hybrid_coordinator.home import Home
from hybrid_coordinator.storage.postgres.database import Database
from hybrid_coordinator.storage.postgres.server import PostgresServer
from tests.support.stdio import command

INTERACTIONS = 100_000
_FILL = Path(__file__).with_suffix(".sql").read_text(encoding="utf-8")
_PATIENCE = 600.0
"""Seconds that filling may take on a machine under load."""


def fill(home: Path, interactions: int = INTERACTIONS) -> None:
    """Give a home without a record that of so many interactions. Its coordinator is started for
    it, since only an index that is there can have what the rows say it has, and stopped."""
    started = command(home, "collections")
    assert started.returncode == 0, started.stderr
    asyncio.run(_fill(PostgresServer(Home(home).postgres_dir).dsn, interactions))
    stopped = command(home, "stop")
    assert stopped.returncode == 0, stopped.stderr


async def _fill(dsn: str, interactions: int) -> None:
    database = await Database.connect(dsn, timeout=_PATIENCE)
    try:
        async with database.session() as session:
            # No machine loses its power here.
            for statement in ("ALTER SYSTEM SET fsync = off", "SELECT pg_reload_conf()"):
                await session.execute(statement)
            await session.execute(f"SET large.interactions = {interactions}")
            await session.execute(_FILL, timeout=_PATIENCE)
    finally:
        await database.close()
