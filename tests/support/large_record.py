"""A home whose record holds months of work: a hundred thousand interactions in seconds."""

from __future__ import annotations

import asyncio
from pathlib import Path

from hybrid_coordinator.home import Home
from hybrid_coordinator.storage.postgres.database import Database
from hybrid_coordinator.storage.postgres.migrate import migrate
from hybrid_coordinator.storage.postgres.server import PostgresServer

INTERACTIONS = 100_000
_FILL = Path(__file__).with_suffix(".sql").read_text(encoding="utf-8")
_PATIENCE = 600.0
"""Seconds that filling may take on a machine under load."""


def fill(home: Path, interactions: int = INTERACTIONS) -> None:
    """Give a home that has no record yet, and no coordinator, the record of so many
    interactions."""
    server = PostgresServer(Home(home).postgres_dir)
    server.start()
    try:
        asyncio.run(_fill(server.dsn, interactions))
    finally:
        server.stop()


async def _fill(dsn: str, interactions: int) -> None:
    database = await Database.connect(dsn, timeout=_PATIENCE)
    try:
        await migrate(database)
        async with database.session() as session:
            await session.execute(
                f"SET synchronous_commit = off; SET large.interactions = {interactions}"
            )
            await session.execute(_FILL, timeout=_PATIENCE)
    finally:
        await database.close()
