"""The record when the server is cut off, slow, full of callers, or gone."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from urllib.parse import parse_qs, urlsplit

import asyncpg
import pytest

from hybrid_coordinator.domain.interactions import AgentType, NewInteraction
from hybrid_coordinator.errors import RecordUnavailableError, SettingsError, StorageError
from hybrid_coordinator.storage.postgres.database import MAX_CONNECTIONS, Database
from hybrid_coordinator.storage.postgres.interactions import InteractionRecords
from tests.support.wire import Wire

NEW = NewInteraction("p", "q", "r", AgentType.LOCAL, "m")
TIMEOUT = 1.0
MARGIN = 1.0
"""What a busy machine may add to the timeout."""
INSERT = "INSERT INTO datasets (format, directory, examples, manifest) VALUES ('f', '/d', 1, '{}')"


def through(wire: Wire, dsn: str) -> str:
    return f"postgresql://postgres:s3cret@127.0.0.1:{wire.port}{urlsplit(dsn).path}?sslmode=disable"


@pytest.fixture
async def wire(dsn: str) -> AsyncIterator[Wire]:
    (directory,) = parse_qs(urlsplit(dsn).query)["host"]
    async with Wire.to(f"{directory}/.s.PGSQL.5432") as wire:
        yield wire


@pytest.fixture
async def remote(wire: Wire, dsn: str) -> AsyncIterator[Database]:
    database = await Database.connect(through(wire, dsn), timeout=TIMEOUT)
    yield database
    await database.close()


async def running(dsn: str, statement: str) -> int:
    """How many connections run ``statement`` on the server now."""
    connection = await asyncpg.connect(dsn)
    count: int = await connection.fetchval(
        "SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND query = $1", statement
    )
    await connection.close()
    return count


async def until_running(dsn: str, statement: str, count: int) -> None:
    """Wait until that many connections run ``statement``."""
    async with asyncio.timeout(10):
        while await running(dsn, statement) != count:
            pass


async def test_a_wire_cut_in_mid_query_is_told_at_once_and_mends(
    remote: Database, wire: Wire, dsn: str
) -> None:
    query = asyncio.ensure_future(remote.execute("SELECT pg_sleep(30)"))
    await until_running(dsn, "SELECT pg_sleep(30)", 1)
    began = time.monotonic()
    await wire.cut()
    with pytest.raises(RecordUnavailableError, match="DATABASE_URL"):
        await query
    assert time.monotonic() - began < MARGIN
    await remote.ping()


async def test_a_wire_that_goes_silent_is_told_within_the_timeout_and_mends(
    remote: Database, wire: Wire
) -> None:
    wire.freeze()
    began = time.monotonic()
    with pytest.raises(RecordUnavailableError, match="did not answer within 1 s"):
        await remote.ping()
    # The next one has no connection left and cannot make one.
    with pytest.raises(RecordUnavailableError, match="no connection within 1 s"):
        await remote.ping()
    assert time.monotonic() - began < 2 * TIMEOUT + MARGIN
    wire.thaw()
    await remote.ping()


async def test_a_wire_cut_between_queries_is_not_even_noticed(remote: Database, wire: Wire) -> None:
    await wire.cut()
    async with asyncio.timeout(5):
        # The driver learns of it when its own socket is read, which a query cannot wait for.
        while True:
            try:
                await remote.ping()
            except RecordUnavailableError:
                continue
            break


async def test_a_transaction_cut_before_its_end_leaves_nothing(
    remote: Database, wire: Wire, database: Database
) -> None:
    with pytest.raises(RecordUnavailableError):
        async with remote.transaction() as session:
            await session.execute(INSERT)
            await wire.cut()
    assert await database.fetch_value("SELECT count(*) FROM datasets") == 0
    await remote.ping()


async def test_a_transaction_whose_body_fails_leaves_nothing(database: Database) -> None:
    with pytest.raises(ZeroDivisionError):
        async with database.transaction() as session:
            await session.execute(INSERT)
            raise ZeroDivisionError
    assert await database.fetch_value("SELECT count(*) FROM datasets") == 0


async def test_a_slow_statement_is_given_up_on_both_sides(remote: Database, dsn: str) -> None:
    began = time.monotonic()
    with pytest.raises(RecordUnavailableError, match="did not answer within 1 s"):
        await remote.execute("SELECT pg_sleep(60)")
    assert time.monotonic() - began < TIMEOUT + MARGIN
    await until_running(dsn, "SELECT pg_sleep(60)", 0)
    await remote.ping()


async def test_callers_beyond_the_pool_wait_and_then_are_told(remote: Database) -> None:
    async def hold(ready: asyncio.Semaphore, leave: asyncio.Event) -> None:
        async with remote.session():
            ready.release()
            await leave.wait()

    ready, leave = asyncio.Semaphore(0), asyncio.Event()
    holders = [asyncio.ensure_future(hold(ready, leave)) for _ in range(MAX_CONNECTIONS)]
    for _ in holders:
        await ready.acquire()
    with pytest.raises(RecordUnavailableError, match="no connection within 1 s"):
        await remote.ping()
    waiting = asyncio.ensure_future(remote.ping())
    leave.set()
    await asyncio.gather(waiting, *holders)


async def test_a_cancelled_statement_does_not_spoil_the_connection(
    remote: Database, dsn: str
) -> None:
    query = asyncio.ensure_future(remote.execute("SELECT pg_sleep(30)"))
    await until_running(dsn, "SELECT pg_sleep(30)", 1)
    query.cancel()
    with pytest.raises(asyncio.CancelledError):
        await query
    await until_running(dsn, "SELECT pg_sleep(30)", 0)
    for _ in range(20):
        await remote.ping()


async def test_nobody_listening_names_the_server_but_not_the_password() -> None:
    with pytest.raises(RecordUnavailableError) as caught:
        await Database.connect("postgresql://me:s3cret@127.0.0.1:1/db", timeout=TIMEOUT)
    assert "127.0.0.1:1 (DATABASE_URL)" in str(caught.value)
    assert "s3cret" not in str(caught.value)


async def test_an_unknown_database_says_what_to_check(dsn: str) -> None:
    with pytest.raises(RecordUnavailableError, match=r"refused the login.*nowhere.*DATABASE_URL"):
        await Database.connect(dsn.replace(urlsplit(dsn).path, "/nowhere"), timeout=TIMEOUT)


@pytest.mark.parametrize(
    "url", ["mysql://me@host/db", "host/db", "postgresql://me@host:port/db", ""]
)
async def test_a_url_that_is_none_is_a_settings_error(url: str) -> None:
    with pytest.raises(SettingsError, match="DATABASE_URL"):
        await Database.connect(url, timeout=TIMEOUT)


async def test_a_statement_that_is_refused_is_a_storage_error(database: Database) -> None:
    with pytest.raises(StorageError, match="no_such_table"):
        await database.fetch("SELECT * FROM no_such_table")
    await database.ping()


async def test_a_server_that_is_gone_is_revived_before_the_call_goes_on(
    wire: Wire, dsn: str
) -> None:
    revived = 0

    async def revive() -> None:
        nonlocal revived
        revived += 1
        wire.plug()

    database = await Database.connect(through(wire, dsn), timeout=TIMEOUT, revive=revive)
    records = InteractionRecords(database)
    first = await records.add(NEW)
    await wire.unplug()
    second = await records.add(NEW)
    assert revived == 1
    assert [found.id for found in await records.get_many([first, second])] == [first, second]
    await database.close()


async def test_a_server_that_cannot_be_revived_is_told(wire: Wire, dsn: str) -> None:
    revived = 0

    async def in_vain() -> None:
        nonlocal revived
        revived += 1

    database = await Database.connect(through(wire, dsn), timeout=TIMEOUT, revive=in_vain)
    await wire.unplug()
    began = time.monotonic()
    with pytest.raises(RecordUnavailableError, match="The embedded Postgres does not answer"):
        await database.ping()
    assert time.monotonic() - began < TIMEOUT + MARGIN
    assert revived >= 1
    await database.close()
