"""A real Postgres for the tests: one server a run, one database a test."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import asyncpg
import pytest

from hybrid_coordinator.storage.postgres.database import Database
from hybrid_coordinator.storage.postgres.migrate import migrate
from hybrid_coordinator.storage.postgres.server import PostgresServer

TIMEOUT = 10.0
_TEMPLATE = "migrated"
_numbers = itertools.count()


def named(dsn: str, database: str) -> str:
    """``dsn`` with another database name."""
    return dsn.replace("/postgres?", f"/{database}?")


async def _administer(server: PostgresServer, statement: str) -> None:
    connection = await asyncpg.connect(server.dsn)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


async def _make_template(server: PostgresServer) -> None:
    # Nothing in here outlives the run, and no test takes the machine's power away.
    await _administer(server, "ALTER SYSTEM SET fsync = off")
    await _administer(server, "SELECT pg_reload_conf()")
    await _administer(server, f"CREATE DATABASE {_TEMPLATE}")
    template = await Database.connect(named(server.dsn, _TEMPLATE), timeout=TIMEOUT)
    await migrate(template)
    await template.close()


@pytest.fixture(scope="session")
def postgres_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PostgresServer]:
    """The run's server, with the template database. Leave it running."""
    server = PostgresServer(tmp_path_factory.mktemp("postgres"))
    server.start()
    asyncio.run(_make_template(server))
    yield server
    server.stop()


async def _fresh(server: PostgresServer, template: str) -> AsyncIterator[str]:
    name = f"test_{next(_numbers)}"
    await _administer(server, f"CREATE DATABASE {name} TEMPLATE {template}")
    yield named(server.dsn, name)
    await _administer(server, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
async def dsn(postgres_server: PostgresServer) -> AsyncIterator[str]:
    """The URL of a migrated database of the test's own."""
    async for url in _fresh(postgres_server, _TEMPLATE):
        yield url


@pytest.fixture
async def empty_dsn(postgres_server: PostgresServer) -> AsyncIterator[str]:
    """The URL of an empty database of the test's own."""
    async for url in _fresh(postgres_server, "template1"):
        yield url


@pytest.fixture
async def database(dsn: str) -> AsyncIterator[Database]:
    """A connected, migrated database of the test's own."""
    connected = await Database.connect(dsn, timeout=TIMEOUT)
    yield connected
    await connected.close()


@asynccontextmanager
async def another_database(server: PostgresServer) -> AsyncIterator[Database]:
    """A second migrated database, which is another machine to the first."""
    async for url in _fresh(server, _TEMPLATE):
        connected = await Database.connect(url, timeout=TIMEOUT)
        try:
            await connected.execute("UPDATE machine SET id = gen_random_uuid()")
            yield connected
        finally:
            await connected.close()
