"""Looking into the record of a running coordinator."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import asyncpg

from hybrid_coordinator.home import Home
from hybrid_coordinator.storage.postgres.server import PostgresServer


def rows(home: Path, sql: str, *arguments: object) -> list[dict[str, Any]]:
    """Rows of the embedded Postgres of a home."""

    async def ask() -> list[Any]:
        connection = await asyncpg.connect(PostgresServer(Home(home).postgres_dir).dsn)
        try:
            return await connection.fetch(sql, *arguments)
        finally:
            await connection.close()

    return [dict(row) for row in asyncio.run(ask())]
