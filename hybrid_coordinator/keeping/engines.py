"""The record of a home outside of its coordinator: which it is, and opened for a while."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from hybrid_coordinator.errors import OwnershipError
from hybrid_coordinator.home import Home
from hybrid_coordinator.settings import Settings
from hybrid_coordinator.storage.postgres.database import Database
from hybrid_coordinator.storage.postgres.embedded import EmbeddedPostgres
from hybrid_coordinator.storage.postgres.snapshot import SnapshotRecords
from hybrid_coordinator.storage.vectors.client import ClientIndex
from hybrid_coordinator.storage.vectors.generation import generation_of

TIMEOUT_SECONDS = 60.0
"""For a statement: nobody waits for an answer here."""
_LEAVING_SECONDS = 5.0
_LOOK_SECONDS = 0.1


@asynccontextmanager
async def embedded(directory: Path) -> AsyncIterator[Database]:
    """The record in an embedded cluster, which is made if it is missing and stopped at the end.
    The caller owns the directory."""
    server = await EmbeddedPostgres.start(directory)
    try:
        database = await Database.connect(
            server.dsn, timeout=TIMEOUT_SECONDS, revive=server.ensure_running
        )
        try:
            yield database
        finally:
            await database.close()
    finally:
        await server.stop()


@asynccontextmanager
async def external(url: str) -> AsyncIterator[Database]:
    """The database at a URL."""
    database = await Database.connect(url, timeout=TIMEOUT_SECONDS)
    try:
        yield database
    finally:
        await database.close()


async def refuse_if_shared(database: Database) -> None:
    """Return if no coordinator is connected but this process.

    Raises:
        OwnershipError: one is; what it writes meanwhile would be lost.
    """
    records = SnapshotRecords(database)
    deadline = asyncio.get_running_loop().time() + _LEAVING_SECONDS
    # One that was closed a moment ago may still be known to the server.
    while others := await records.other_coordinators():
        if asyncio.get_running_loop().time() < deadline:
            await asyncio.sleep(_LOOK_SECONDS)
            continue
        raise OwnershipError(
            f"{others} connections of other coordinators use that database; stop them first "
            "(`hybrid-coordinator stop` in each home), what they write meanwhile would be lost"
        )


async def generations_taken(settings: Settings, home: Home) -> int:
    """Up to which number there may be generations of an index in the Qdrant that is configured, or
    in the home where it is embedded: should a restore be cut off before the former files are out of
    the way, they must not pass for those of the restored record.

    Raises:
        IndexUnavailableError: that server does not answer.
    """
    storage = settings.storage
    if storage.qdrant_url is None:
        return max((generation_of(each.name) for each in home.vectors_dir.glob("*")), default=0)
    key = storage.qdrant_api_key.get_secret_value() if storage.qdrant_api_key else None
    client = ClientIndex.connect(storage.qdrant_url, key, storage.timeout_seconds)
    try:
        return max((generation_of(name) for name in await client.collections()), default=0)
    finally:
        await client.close()
