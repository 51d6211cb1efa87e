"""Connections to Postgres: a pool, sessions, transactions, and recovery of lost connections."""

from __future__ import annotations

import asyncio
import json
from collections.abc import (
    AsyncGenerator,
    AsyncIterator,
    Awaitable,
    Callable,
    Collection,
    Coroutine,
    Iterable,
    Iterator,
    Sequence,
)
from contextlib import aclosing, asynccontextmanager, contextmanager, suppress
from typing import Any, TypeAlias
from urllib.parse import urlsplit

import asyncpg
from asyncpg.exceptions import CannotConnectNowError
from asyncpg.pool import PoolConnectionProxy

from hybrid_coordinator.errors import RecordUnavailableError, SettingsError, StorageError
from hybrid_coordinator.storage.postgres.faults import (
    DRIVER_ERRORS,
    LOST_CONNECTION,
    translate,
)

Row: TypeAlias = "asyncpg.Record"
Revive = Callable[[], Awaitable[None]]

MAX_CONNECTIONS = 8
"""Each is a process of the server, of 6 MiB and more."""
_RETRY_SECONDS = 0.05
_CLEANUP_SECONDS = 0.5
"""How long a connection has to come to rest after a failure before it is cut."""
WHOLE_TABLE_SECONDS = 600.0
"""For statements that touch every row of a large table."""
_ROWS_PER_FETCH = 200
"""How many rows a streaming query takes from its cursor in a round trip."""


class Session:
    """One connection, lent for a while. Errors leave it as this package's own."""

    def __init__(
        self, connection: PoolConnectionProxy[asyncpg.Record], place: str, timeout: float
    ) -> None:
        self._connection = connection
        self._place = place
        self._timeout = timeout

    @contextmanager
    def _guard(self) -> Iterator[PoolConnectionProxy[asyncpg.Record]]:
        try:
            yield self._connection
        except DRIVER_ERRORS as error:
            raise translate(error, self._place, self._timeout) from error

    async def fetch(self, sql: str, *args: object, timeout: float | None = None) -> list[Row]:
        """All rows. ``timeout`` in seconds is for queries that are known to take long."""
        with self._guard() as connection:
            return await connection.fetch(sql, *args, timeout=timeout)

    async def fetch_value(self, sql: str, *args: object) -> Any:  # noqa: ANN401 - a column may be of any type
        """The first column of the first row; None if there is no row."""
        with self._guard() as connection:
            return await connection.fetchval(sql, *args)

    async def execute(self, sql: str, *args: object, timeout: float | None = None) -> None:
        """Run a statement for its effect. Without arguments, ``sql`` may hold several.

        ``timeout`` in seconds is for statements that are known to take long.
        """
        with self._guard() as connection:
            await connection.execute(sql, *args, timeout=timeout)

    async def execute_many(self, sql: str, rows: Iterable[Sequence[object]]) -> None:
        """Run a statement once a row, all in one transaction."""
        with self._guard() as connection:
            await connection.executemany(sql, rows)

    async def stream(self, sql: str, *args: object) -> AsyncGenerator[Row]:
        """Rows through a server-side cursor; only within a transaction."""
        with self._guard() as connection:
            cursor = connection.cursor(sql, *args, prefetch=_ROWS_PER_FETCH)
        rows = aiter(cursor)
        while True:
            with self._guard():
                try:
                    row = await anext(rows)
                except StopAsyncIteration:
                    return
            yield row

    async def copy_out(
        self, query: str, into: Callable[[bytes], Coroutine[Any, Any, None]], *, timeout: float
    ) -> None:
        """The rows of a query in COPY's text format, in pieces of the driver's size. ``timeout``
        in seconds is for all of them."""
        with self._guard() as connection:
            await connection.copy_from_query(query, output=into, format="text", timeout=timeout)

    async def copy_in(
        self, table: str, columns: Sequence[str], rows: AsyncIterator[bytes], *, timeout: float
    ) -> None:
        """Append rows in COPY's text format to a table. ``timeout`` as in `copy_out`."""
        with self._guard() as connection:
            await connection.copy_to_table(
                table, source=rows, columns=list(columns), format="text", timeout=timeout
            )

    def cut(self) -> None:
        """Close the connection at once, and with it whatever the server holds for it."""
        with suppress(asyncpg.InterfaceError):  # the pool has let go of it: it is closed
            self._connection.terminate()

    async def let_go(self, statement: str) -> None:
        """Give the session's locks back by ``statement``. Where that does not come through, or is
        cancelled, the connection is closed: the server then lets go of them."""
        given_back = False
        try:
            with suppress(RecordUnavailableError, StorageError):
                await self.execute(statement)
                given_back = True
        finally:
            if not given_back:
                self.cut()

    @asynccontextmanager
    async def transaction(self, *, snapshot: bool = False) -> AsyncIterator[None]:
        """Commit at the end, roll back when the body raises. With ``snapshot`` every statement sees
        the database as the first one did, and none may change it."""
        with self._guard() as connection:
            # Of this isolation, whatever the database's default is: a statement after one that
            # waited for a lock must see what the lock's last holder committed.
            transaction = connection.transaction(
                isolation="repeatable_read" if snapshot else "read_committed", readonly=snapshot
            )
            await transaction.start()
        try:
            yield
        except BaseException:
            # On a lost connection there is nothing to roll back, and the first error says why.
            with suppress(*DRIVER_ERRORS):
                async with asyncio.timeout(_CLEANUP_SECONDS):
                    await transaction.rollback()
            raise
        with self._guard():
            await transaction.commit()


class Database:
    """A pool of connections to one Postgres database.

    Every method raises ``RecordUnavailableError`` when the server does not answer within the
    timeout (the next call connects anew), ``StorageError`` when it refuses, and
    ``InvalidArgumentError`` for a value it cannot hold.
    """

    def __init__(
        self,
        pool: asyncpg.Pool[asyncpg.Record],
        backends: Collection[int],
        place: str,
        timeout: float,
        revive: Revive | None,
    ) -> None:
        self._pool = pool
        self.backends = backends
        """The server's processes for the connections that there have been."""
        self._place = place
        self._timeout = timeout
        self._revive = revive

    @classmethod
    async def connect(cls, dsn: str, *, timeout: float, revive: Revive | None = None) -> Database:
        """Connect to ``dsn``. ``timeout`` in seconds bounds connecting and every statement.

        ``revive`` belongs to an embedded server: it is called when the server is gone, and the
        call goes on after it.

        Raises:
            SettingsError: ``dsn`` is no connection URL.
        """
        place = _place(dsn, embedded=revive is not None)
        backends: set[int] = set()

        async def opened(connection: asyncpg.Connection[asyncpg.Record]) -> None:
            backends.add(connection.get_server_pid())
            await _set_up(connection)

        try:
            pool = asyncpg.create_pool(
                dsn,
                # No floor: the pool would try to restore it on its own while the server is gone.
                min_size=0,
                max_size=MAX_CONNECTIONS,
                timeout=timeout,
                command_timeout=timeout,
                init=opened,
                reset=_keep_session,
                server_settings={"application_name": "hybrid-coordinator"},
            )
            await pool
        except DRIVER_ERRORS as error:
            raise translate(error, place, timeout) from error
        database = cls(pool, backends, place, timeout, revive)
        try:
            await database.ping()
        except BaseException:
            pool.terminate()
            raise
        return database

    async def close(self) -> None:
        """Close the connections; those still in use after the timeout are cut."""
        try:
            await asyncio.wait_for(self._pool.close(), self._timeout)
        except TimeoutError:
            self._pool.terminate()

    async def ping(self) -> None:
        """Return if the server answers, raise if not."""
        await self.fetch_value("SELECT 1")

    async def fetch(self, sql: str, *args: object) -> list[Row]:
        """All rows of a statement."""
        async with self.session() as session:
            return await session.fetch(sql, *args)

    async def fetch_value(self, sql: str, *args: object) -> Any:  # noqa: ANN401 - a column may be of any type
        """The first column of the first row; None if there is no row."""
        async with self.session() as session:
            return await session.fetch_value(sql, *args)

    async def execute(self, sql: str, *args: object, timeout: float | None = None) -> None:
        """Run a statement for its effect; see `Session.execute`."""
        async with self.session() as session:
            await session.execute(sql, *args, timeout=timeout)

    async def execute_many(self, sql: str, rows: Iterable[Sequence[object]]) -> None:
        """Run a statement once a row, all in one transaction."""
        async with self.session() as session:
            await session.execute_many(sql, rows)

    async def stream(self, sql: str, *args: object) -> AsyncGenerator[Row]:
        """Rows of one snapshot through a server-side cursor, which holds a connection until the
        iterator is exhausted or closed."""
        async with self.transaction() as session, aclosing(session.stream(sql, *args)) as rows:
            async for row in rows:
                yield row

    @asynccontextmanager
    async def transaction(self, *, snapshot: bool = False) -> AsyncIterator[Session]:
        """A session in a transaction; see `Session.transaction`."""
        async with self.session() as session, session.transaction(snapshot=snapshot):
            yield session

    @asynccontextmanager
    async def session(self) -> AsyncIterator[Session]:
        """Lend a connection."""
        try:
            connection = await self._acquire()
        except DRIVER_ERRORS as error:
            raise translate(error, self._place, self._timeout) from error
        try:
            yield Session(connection, self._place, self._timeout)
        finally:
            # After a timeout this cancels the statement on the server too. A connection that
            # fails here is lost to the pool, which opens another; what the statements did is
            # known by now.
            with suppress(*DRIVER_ERRORS):
                await self._pool.release(connection, timeout=_CLEANUP_SECONDS)

    async def _acquire(self) -> PoolConnectionProxy[asyncpg.Record]:
        """A live connection, waiting for a server that is starting and reviving one that is gone.

        Nothing was sent yet, so trying again can do nothing twice.
        """
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self._timeout
        while True:
            try:
                return await self._pool.acquire(timeout=deadline - loop.time())
            except TimeoutError as error:
                raise RecordUnavailableError(
                    f"{self._place} gave no connection within {self._timeout:g} s; "
                    "try again, or look whether it is overloaded or cut off"
                ) from error
            except (CannotConnectNowError, *LOST_CONNECTION) as error:
                if loop.time() + _RETRY_SECONDS > deadline:
                    raise
                if not isinstance(error, CannotConnectNowError):
                    if self._revive is None:
                        raise
                    began = loop.time()
                    await self._revive()
                    deadline += loop.time() - began
            # A server that is dying may have looked alive, so this may take some turns.
            await asyncio.sleep(_RETRY_SECONDS)


async def _set_up(connection: asyncpg.Connection[asyncpg.Record]) -> None:
    # A single statement, too, must see what a lock's last holder committed, whatever the database's
    # default is.
    await connection.execute("SET default_transaction_isolation = 'read committed'")
    await connection.set_type_codec(
        "jsonb", schema="pg_catalog", encoder=json.dumps, decoder=json.loads
    )


async def _keep_session(_: object) -> None:
    """In place of asyncpg's reset query, a round trip a call: no session state is set here."""


def _place(dsn: str, *, embedded: bool) -> str:
    """What to call the server in messages; never with its password."""
    if embedded:
        return "The embedded Postgres"
    try:
        url = urlsplit(dsn)
        port = url.port or 5432
    except ValueError as error:
        raise SettingsError(f"DATABASE_URL: {error}; use postgresql://user@host/name") from error
    if url.scheme not in ("postgresql", "postgres"):
        raise SettingsError(
            "DATABASE_URL: must start with postgresql://, as in postgresql://user@host/name"
        )
    return f"Postgres at {url.hostname or 'the local socket'}:{port} (DATABASE_URL)"
