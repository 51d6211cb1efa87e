"""The whole record as it is at one moment: out of one database, and into another, and both alike.

Rows go in COPY's text format, which every version of Postgres reads. What a table holds is known
by its number of rows and a digest that does not depend on their order.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from graphlib import TopologicalSorter
from typing import Any

from hybrid_coordinator.errors import StorageError
from hybrid_coordinator.storage.postgres.database import Database, Session
from hybrid_coordinator.storage.postgres.migrate import build, created_tables
from hybrid_coordinator.storage.postgres.queries import load_queries

Piece = Callable[[bytes], Coroutine[Any, Any, None]]
"""Takes rows in COPY's text format."""

_TABLE_SECONDS = 3600.0
"""For all rows of a table."""
_PIECES_WAITING = 8
_DIGEST = """
SELECT
    count(*) AS rows,
    coalesce(sum(('x' || substr(md5(each::text), 1, 16))::bit(64)::bigint::numeric), 0)::text
        AS digest
FROM {} AS each
"""


@dataclass(frozen=True, slots=True)
class Table:
    """A table and what it holds. The digest is the sum of the rows' own: their order is free."""

    name: str
    columns: tuple[str, ...]
    rows: int
    digest: str


@dataclass(frozen=True, slots=True)
class Contents:
    """All that a record holds but for the rows. ``tables`` come after those that they refer to,
    ``migrations`` as (name, checksum) in their order."""

    migrations: tuple[tuple[str, str], ...]
    tables: tuple[Table, ...]
    sequences: Mapping[str, int]

    @property
    def rows(self) -> int:
        return sum(table.rows for table in self.tables)


@dataclass(frozen=True, slots=True)
class _Queries:
    settle: str
    is_there: str
    migrations: str
    tables: str
    sequences: str
    advance: str
    others: str
    size: str
    renew_generation: str
    carry_generation: str
    drop_generations: str
    serve_generation: str
    serving: str


class Snapshot:
    """One moment of a record, for as long as its transaction lasts."""

    def __init__(self, session: Session, queries: _Queries) -> None:
        self._session = session
        self._queries = queries

    async def contents(self) -> Contents:
        """What the record holds."""
        migrations = await self._session.fetch(self._queries.migrations)
        tables = [
            Table(name, columns, *await _held(self._session, name))
            for name, columns in await _tables(self._session, self._queries)
        ]
        sequences = await self._session.fetch(self._queries.sequences)
        return Contents(
            tuple((row["name"], row["checksum"]) for row in migrations),
            tuple(tables),
            {row["name"]: row["value"] for row in sequences},
        )

    async def serving(self, engine: str) -> tuple[int, Mapping[str, str | None]] | None:
        """The generation of the index that serves, and the settings that lead to its model; None
        where it is not in ``engine``, or nothing has been built in it."""
        rows = await self._session.fetch(self._queries.serving, engine)
        return (rows[0]["number"], rows[0]["embedding"]) if rows else None

    async def copy(self, table: Table, into: Piece) -> None:
        """All rows of a table."""
        columns = ", ".join(f'"{column}"' for column in table.columns)
        query = f'SELECT {columns} FROM "{table.name}"'  # noqa: S608 - names from the catalogue
        await self._session.copy_out(query, into, timeout=_TABLE_SECONDS)

    async def pieces(self, table: Table) -> AsyncIterator[bytes]:
        """All rows of a table, for whoever asks for them piece by piece."""
        waiting: asyncio.Queue[bytes | None] = asyncio.Queue(_PIECES_WAITING)

        async def read() -> None:
            try:
                await self.copy(table, waiting.put)
            finally:
                await waiting.put(None)

        reading = asyncio.create_task(read())
        try:
            while (piece := await waiting.get()) is not None:
                yield piece
            await reading
        finally:
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)


class SnapshotRecords:
    """Takes and loads snapshots of the record in one database."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._queries = load_queries("snapshot", _Queries)

    async def holds_record(self) -> bool:
        """Whether a coordinator has ever used this database."""
        return bool(await self._database.fetch_value(self._queries.is_there))

    async def other_coordinators(self) -> int:
        """How many connections of coordinators there are beside this database's own."""
        own = list(self._database.backends)
        return int(await self._database.fetch_value(self._queries.others, own))

    async def size(self) -> int:
        """Bytes that the database takes on its server's disk."""
        return int(await self._database.fetch_value(self._queries.size))

    @asynccontextmanager
    async def taken(self) -> AsyncIterator[Snapshot]:
        """A snapshot. Writers go on meanwhile; what they write is not in it."""
        async with self._database.transaction(snapshot=True) as session:
            await session.fetch(self._queries.settle)
            yield Snapshot(session, self._queries)

    async def load(
        self,
        contents: Contents,
        rows: Callable[[Table], AsyncIterator[bytes]],
        *,
        aside: str | None = None,
        indexes_taken: int | None = None,
        index_comes: bool = False,
        last: Callable[[], Awaitable[None]] | None = None,
    ) -> int | None:
        """Fill a database that holds no record: all of it or nothing, and only if every table
        comes out with the rows and the digest that it has in ``contents``.

        ``aside`` names a schema that takes what the database holds now. ``indexes_taken`` says
        that the index gets a number of its own, which is returned, and up to which one there may
        be generations; it is empty, unless ``index_comes`` says that the one that served comes
        along. ``last`` is awaited before all of it is committed: what it raises undoes it.

        Raises:
            StorageError: the schema is not one that this program knows, or a table differs; or
                tables of others are in the way.
        """
        async with self._database.transaction() as session:
            await session.fetch(self._queries.settle)
            if aside is not None:
                await self._set_aside(session, aside)
            await build(session, contents.migrations)
            await self._fill(session, contents, rows)
            number = None
            if indexes_taken is not None:
                number = await self._renumber(session, indexes_taken, index_comes=index_comes)
            if last is not None:
                await last()
        return number

    async def _renumber(self, session: Session, taken: int, *, index_comes: bool) -> int:
        number: int = await session.fetch_value(self._queries.renew_generation, taken)
        if index_comes:
            await session.execute(self._queries.carry_generation, number)
        await session.execute(self._queries.drop_generations, number)
        await session.execute(self._queries.serve_generation, number)
        return number

    async def _set_aside(self, session: Session, schema: str) -> None:
        """Move all that the database's schema holds out of the way."""
        there = {name for name, _ in await _tables(session, self._queries)}
        if strangers := there - created_tables():
            raise StorageError(
                f"the database holds tables of others ({', '.join(sorted(strangers))}), which are "
                "not to be moved; give the record a database of its own"
            )
        current = await session.fetch_value("SELECT current_schema()")
        await session.execute(f'ALTER SCHEMA "{current}" RENAME TO "{schema}"')
        await session.execute(f'CREATE SCHEMA "{current}"')

    async def _fill(
        self,
        session: Session,
        contents: Contents,
        rows: Callable[[Table], AsyncIterator[bytes]],
    ) -> None:
        known = dict(await _tables(session, self._queries))
        given = {table.name: table.columns for table in contents.tables}
        if known != given:
            raise StorageError(
                "the tables are not those of the schema that they are said to have: "
                f"{', '.join(sorted(set(known) ^ set(given))) or 'columns differ'}"
            )
        names = ", ".join(f'"{table.name}"' for table in contents.tables)
        for table in contents.tables:
            # What triggers once did is in the rows, and none may keep a row from being put there.
            await session.execute(f'ALTER TABLE "{table.name}" DISABLE TRIGGER USER')
        await session.execute(f"TRUNCATE {names}")
        for table in contents.tables:
            await session.copy_in(table.name, table.columns, rows(table), timeout=_TABLE_SECONDS)
            await session.execute(f'ALTER TABLE "{table.name}" ENABLE TRIGGER USER')
            held = await _held(session, table.name)
            if held != (table.rows, table.digest):
                raise StorageError(
                    f"the table {table.name} came out with {held[0]} rows in place of "
                    f"{table.rows}, or with others; nothing was changed"
                )
        for name, value in contents.sequences.items():
            await session.fetch(self._queries.advance, name, value)
        await session.execute("ANALYZE", timeout=_TABLE_SECONDS)


async def _tables(session: Session, queries: _Queries) -> list[tuple[str, tuple[str, ...]]]:
    """Names and columns of all tables, each after those that it refers to."""
    found = {row["name"]: row for row in await session.fetch(queries.tables)}
    order = TopologicalSorter(
        {name: sorted(row["refers_to"] or ()) for name, row in sorted(found.items())}
    )
    return [(name, tuple(found[name]["columns"])) for name in order.static_order()]


async def _held(session: Session, table: str) -> tuple[int, str]:
    (row,) = await session.fetch(_DIGEST.format(f'"{table}"'), timeout=_TABLE_SECONDS)
    return row["rows"], row["digest"]
