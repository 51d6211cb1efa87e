"""Snapshots: all of the record as it is at one moment, and exactly that elsewhere."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from hybrid_coordinator.domain.interactions import AgentType, NewInteraction, Outcome, OutcomeKind
from hybrid_coordinator.errors import StorageError
from hybrid_coordinator.storage.postgres.database import Database
from hybrid_coordinator.storage.postgres.generations import Generations
from hybrid_coordinator.storage.postgres.interactions import InteractionRecords
from hybrid_coordinator.storage.postgres.migrate import migrate
from hybrid_coordinator.storage.postgres.snapshot import Contents, SnapshotRecords, Table
from hybrid_coordinator.storage.postgres.source_files import SourceFiles
from tests.support.postgres import TIMEOUT

ODD = 'tab\t back\\slash\\N new\nline \\. "quote" é \u2028 🙂'


@asynccontextmanager
async def at(dsn: str) -> AsyncIterator[Database]:
    connected = await Database.connect(dsn, timeout=TIMEOUT)
    try:
        yield connected
    finally:
        await connected.close()


@pytest.fixture
async def empty(empty_dsn: str) -> AsyncIterator[Database]:
    async with at(empty_dsn) as connected:
        yield connected


async def work(database: Database, query: str = ODD) -> str:
    records = InteractionRecords(database)
    done = await records.add(NewInteraction("shop", query, f"{query}!", AgentType.LOCAL, "m"))
    outcome = Outcome(OutcomeKind.SUCCESS, 1, ODD)
    await records.set_outcome(done, outcome, 1 / 3, {"outcome": 0.1})
    return done


async def contents(database: Database) -> Contents:
    async with SnapshotRecords(database).taken() as snapshot:
        return await snapshot.contents()


async def copy(source: Database, target: Database, told: Contents | None = None) -> Contents:
    async with SnapshotRecords(source).taken() as snapshot:
        held = told or await snapshot.contents()
        await SnapshotRecords(target).load(held, snapshot.pieces)
    return held


async def tables(database: Database) -> list[str]:
    rows = await database.fetch(
        "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace "
        "AND relkind IN ('r', 'm', 'p') ORDER BY relname"
    )
    return [row["relname"] for row in rows]


async def test_a_copy_is_equal_in_every_table(database: Database, empty: Database) -> None:
    for number in range(300):
        await work(database, f"{number} {ODD}")
    held = await copy(database, empty)
    assert await contents(empty) == held
    assert held.rows >= 600
    assert sorted([*(table.name for table in held.tables), "schema_migrations"]) == await tables(
        database
    )
    assert await migrate(empty) == 0


async def test_what_is_written_meanwhile_is_not_in_it(database: Database, empty: Database) -> None:
    await work(database, "before")
    async with SnapshotRecords(database).taken() as snapshot:
        held = await snapshot.contents()
        await work(database, "after")
        await SnapshotRecords(empty).load(held, snapshot.pieces)
    rows = await empty.fetch("SELECT query FROM interactions")
    assert [row["query"] for row in rows] == ["before"]


async def test_a_copy_goes_on_counting(database: Database, empty: Database) -> None:
    await work(database)
    await copy(database, empty)
    await work(empty, "another")
    ids = await empty.fetch("SELECT id FROM outcomes ORDER BY id")
    assert [row["id"] for row in ids] == [1, 2]


async def test_a_copy_keeps_its_triggers(database: Database, empty: Database) -> None:
    done = await work(database)
    await database.execute(
        "INSERT INTO exposures VALUES ($1::text::uuid, gen_random_uuid(), 1, 1, 1, false, true, 1)",
        done,
    )
    await database.execute("SELECT rebuild_item_stats()")
    await copy(database, empty)
    assert await empty.fetch_value("SELECT uses FROM item_stats") == 1
    await empty.execute("DELETE FROM interactions")
    assert await empty.fetch_value("SELECT count(*) FROM item_stats") == 0


def changed(held: Contents, **into: object) -> Contents:
    """Told of one interaction more, or of others."""
    tables = [
        replace(table, **into) if table.name == "interactions" else table for table in held.tables
    ]
    return replace(held, tables=tuple(tables))


@pytest.mark.parametrize("wrong", [{"rows": 2}, {"digest": "7"}])
async def test_a_copy_that_differs_is_no_copy(
    database: Database, empty: Database, wrong: dict[str, object]
) -> None:
    await work(database)
    told = changed(await contents(database), **wrong)
    with pytest.raises(StorageError, match="table interactions came out"):
        await copy(database, empty, told)
    assert await tables(empty) == []


async def test_tables_of_another_schema_are_refused(database: Database, empty: Database) -> None:
    held = await contents(database)
    told = replace(held, tables=(*held.tables, Table("loot", ("a",), 0, "0")))
    with pytest.raises(StorageError, match="loot"):
        await copy(database, empty, told)
    assert await tables(empty) == []


async def test_migrations_of_a_later_program_are_refused(
    database: Database, empty: Database
) -> None:
    held = await contents(database)
    told = replace(held, migrations=(*held.migrations, ("9999_later", "0")))
    with pytest.raises(StorageError, match="newer than this program"):
        await copy(database, empty, told)
    assert await tables(empty) == []


async def test_rows_that_break_off_leave_nothing(database: Database, empty: Database) -> None:
    await work(database)
    held = await contents(database)

    async def torn(table: Table) -> AsyncIterator[bytes]:
        if table.name == "outcomes":
            raise StorageError("the other end is gone")
        async with SnapshotRecords(database).taken() as snapshot:
            async for piece in snapshot.pieces(table):
                yield piece

    with pytest.raises(StorageError, match="the other end is gone"):
        await SnapshotRecords(empty).load(held, torn)
    assert await tables(empty) == []


async def test_what_a_database_held_is_put_aside_whole(database: Database, empty: Database) -> None:
    await work(database, "restored")
    await migrate(empty)
    await work(empty, "former")
    async with SnapshotRecords(database).taken() as snapshot:
        held = await snapshot.contents()
        await SnapshotRecords(empty).load(held, snapshot.pieces, aside="replaced_1")
    assert await contents(empty) == held
    assert await empty.fetch_value("SELECT query FROM replaced_1.interactions") == "former"


async def test_tables_of_others_are_not_put_aside(database: Database, empty: Database) -> None:
    await migrate(empty)
    await empty.execute("CREATE TABLE payroll (id int)")
    async with SnapshotRecords(database).taken() as snapshot:
        held = await snapshot.contents()
        with pytest.raises(StorageError, match=r"tables of others \(payroll\)"):
            await SnapshotRecords(empty).load(held, snapshot.pieces, aside="replaced_1")
    assert {"payroll", "interactions"} <= set(await tables(empty))


async def test_a_copy_without_its_index_begins_another(database: Database, empty: Database) -> None:
    await database.execute(
        "INSERT INTO source_files (project, root, path, content_hash, chunk_ids, generation) "
        "VALUES ('shop', '/srv/shop', 'a.py', '2:abc', '{}', 1)"
    )
    await database.execute("UPDATE index_generations SET engine = 'http://live:6333', model = 'm'")
    async with SnapshotRecords(database).taken() as snapshot:
        held = await snapshot.contents()
        await SnapshotRecords(empty).load(held, snapshot.pieces, indexes_taken=4)
    (serving,) = await Generations(empty).all()
    assert (serving.number, serving.engine, serving.embedder) == (5, None, None)
    assert list(await SourceFiles(empty).manifest("shop", "/srv/shop")) == ["a.py"]


async def test_other_coordinators_are_seen(database: Database, dsn: str) -> None:
    records = SnapshotRecords(database)
    assert await records.other_coordinators() == 0
    async with at(dsn):
        assert await records.other_coordinators() >= 1
    assert not await asyncio.wait_for(_until_alone(records), 30)


async def _until_alone(records: SnapshotRecords) -> int:
    while others := await records.other_coordinators():
        await asyncio.sleep(0)
    return others
