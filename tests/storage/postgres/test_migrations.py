"""Migrations: applied once, in order, whoever starts; and schema.sql says what they add up to."""

from __future__ import annotations

import asyncio
import re
import shutil
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest

from hybrid_coordinator.errors import StorageError
from hybrid_coordinator.storage.postgres.cluster import environment, program
from hybrid_coordinator.storage.postgres.database import Database
from hybrid_coordinator.storage.postgres.generations import EmbedderRecord, Generations
from hybrid_coordinator.storage.postgres.migrate import MIGRATIONS_DIRECTORY, migrate
from hybrid_coordinator.storage.postgres.source_files import SourceFiles

SCHEMA = MIGRATIONS_DIRECTORY.with_name("schema.sql")
COUNT = len(list(MIGRATIONS_DIRECTORY.glob("*.sql")))


@pytest.fixture
async def empty(empty_dsn: str) -> AsyncIterator[Database]:
    database = await Database.connect(empty_dsn, timeout=10)
    yield database
    await database.close()


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """Two small migrations of the test's own."""
    (tmp_path / "0001_one.sql").write_text("CREATE TABLE one (a int);\nINSERT INTO one VALUES (1);")
    (tmp_path / "0002_two.sql").write_text("ALTER TABLE one ADD b int; UPDATE one SET b = a + 1;")
    return tmp_path


def dump(dsn: str) -> list[str]:
    """The schema as pg_dump writes it, less comments and what differs from run to run."""
    result = subprocess.run(
        [program("pg_dump"), "--schema-only", "--exclude-table=schema_migrations", dsn],
        env=environment(),
        capture_output=True,
        text=True,
        check=True,
    )
    lines = (line.rstrip() for line in result.stdout.splitlines())
    return [line for line in lines if line and not re.match(r"--|\\(un)?restrict", line)]


def libpq(dsn: str) -> str:
    """asyncpg's URL as libpq reads it."""
    return dsn.replace("&target_session_attrs=any", "")


async def test_schema_sql_is_the_sum_of_the_migrations(dsn: str, empty_dsn: str) -> None:
    connection = await asyncpg.connect(empty_dsn)
    await connection.execute(SCHEMA.read_text())
    await connection.close()
    summed = dump(libpq(dsn))
    assert "CREATE TABLE public.interactions (" in summed
    assert dump(libpq(empty_dsn)) == summed


async def test_each_migration_is_applied_once(empty: Database) -> None:
    assert await migrate(empty) == COUNT
    assert await migrate(empty) == 0
    assert await empty.fetch_value("SELECT count(*) FROM schema_migrations") == COUNT


async def test_migrations_run_in_order_and_later_ones_are_added(
    empty: Database, directory: Path
) -> None:
    assert await migrate(empty, directory) == 2
    (directory / "0003_three.sql").write_text("ALTER TABLE one ADD c int; UPDATE one SET c = b + 1")
    assert await migrate(empty, directory) == 1
    (row,) = await empty.fetch("SELECT a, b, c FROM one")
    assert tuple(row) == (1, 2, 3)


async def test_many_who_start_at_once_apply_each_migration_once(
    empty: Database, directory: Path
) -> None:
    counts = await asyncio.gather(*(migrate(empty, directory) for _ in range(8)))
    assert sum(counts) == 2
    assert await empty.fetch_value("SELECT count(*) FROM one") == 1


async def test_a_failing_migration_leaves_the_one_before_it(
    empty: Database, directory: Path
) -> None:
    broken = directory / "0002_two.sql"
    whole = broken.read_text()
    broken.write_text("ALTER TABLE one ADD b int; SELECT no_such_function();")
    with pytest.raises(StorageError, match="no_such_function"):
        await migrate(empty, directory)
    assert await empty.fetch_value("SELECT count(*) FROM schema_migrations") == 1
    broken.write_text(whole)
    assert await migrate(empty, directory) == 1


async def test_an_applied_migration_that_was_edited_is_noticed(
    empty: Database, directory: Path
) -> None:
    await migrate(empty, directory)
    (directory / "0001_one.sql").write_text("CREATE TABLE one (a bigint);")
    with pytest.raises(StorageError, match="0001_one was changed"):
        await migrate(empty, directory)


async def test_a_database_newer_than_the_program_is_left_alone(
    empty: Database, directory: Path, tmp_path: Path
) -> None:
    await migrate(empty, directory)
    older = tmp_path / "older"
    older.mkdir()
    shutil.copy(directory / "0001_one.sql", older)
    with pytest.raises(StorageError, match="newer than this program.*0002_two"):
        await migrate(empty, older)


async def test_a_migration_missing_in_the_middle_is_noticed(
    empty: Database, directory: Path
) -> None:
    await migrate(empty, directory)
    (directory / "0001_z.sql").write_text("CREATE TABLE late (a int);")
    with pytest.raises(StorageError, match="0001_z comes before 0002_two"):
        await migrate(empty, directory)


async def test_an_index_of_before_there_were_generations_is_the_first(
    empty: Database, tmp_path: Path
) -> None:
    for file in MIGRATIONS_DIRECTORY.glob("*.sql"):
        if file.name < "0003":
            shutil.copy(file, tmp_path)
    await migrate(empty, tmp_path)
    for collection in ("codebase-context", "best-practices"):
        await empty.execute(
            "INSERT INTO collection_embedders VALUES ($1, 'static', 256, 'r1')", collection
        )
    await empty.execute(
        "INSERT INTO source_files (project, root, path, content_hash, chunk_ids)"
        " VALUES ('shop', '/r', 'a.py', '2:abc', '{}')"
    )

    assert await migrate(empty) >= 1

    serving = await Generations(empty).serving()
    assert (serving.number, serving.engine, serving.embedding) == (1, None, None)
    assert serving.embedder == EmbedderRecord("static", 256, "r1")
    assert list(await SourceFiles(empty).manifest("shop", "/r")) == ["a.py"]


async def test_the_model_that_was_shipped_before_there_were_generations_is_known_as_such(
    empty: Database, tmp_path: Path
) -> None:
    # So that the next one is taken up unasked.
    for file in MIGRATIONS_DIRECTORY.glob("*.sql"):
        if file.name < "0003":
            shutil.copy(file, tmp_path)
    await migrate(empty, tmp_path)
    await empty.execute(
        "INSERT INTO collection_embedders"
        " VALUES ('best-practices', 'all-minilm-l6-v2-static', 256, 'r1')"
    )

    await migrate(empty)

    assert (await Generations(empty).serving()).embedding == {"provider": "static"}


async def test_what_was_shown_before_showings_had_users_is_known_by_what_came_of_it(
    empty: Database, tmp_path: Path
) -> None:
    for file in MIGRATIONS_DIRECTORY.glob("*.sql"):
        if file.name < "0016":
            shutil.copy(file, tmp_path)
    await migrate(empty, tmp_path)
    await empty.execute(
        "INSERT INTO interactions (id, project, session_id, query, response, agent_type,"
        " model_used, tokens_used, latency_ms, user_name)"
        " SELECT md5(name)::uuid, 'shop', session, name, 'r', 'remote', 'm', 0, 0, user_name"
        " FROM (VALUES ('1', 'hers', 'ada'), ('2', 'shared', 'ada'), ('3', 'shared', 'local'),"
        " ('4', NULL, 'bert'), ('5', 'mine', 'local'))"
        " AS given (name, session, user_name)"
    )
    await empty.execute(
        "INSERT INTO showings (id, project, session_id, interaction_id)"
        " SELECT md5(name)::uuid, project, session, md5(led)::uuid"
        " FROM (VALUES ('led', 'shop', NULL, '4'), ('session', 'shop', 'hers', NULL),"
        " ('taken', 'shop', 'hers', '5'), ('unclear', 'shop', 'shared', NULL),"
        " ('elsewhere', 'other', 'hers', NULL), ('mine', 'shop', 'mine', '5'),"
        " ('alone', 'shop', NULL, NULL))"
        " AS given (name, project, session, led)"
    )

    await migrate(empty)

    rows = await empty.fetch(
        "SELECT name, user_name FROM showings JOIN unnest(ARRAY["
        "'led', 'session', 'taken', 'unclear', 'elsewhere', 'mine', 'alone'"
        "]) AS name ON id = md5(name)::uuid"
    )
    assert {row["name"]: row["user_name"] for row in rows} == {
        "led": "bert",
        "session": "ada",
        "taken": "ada",
        "unclear": "local",
        "elsewhere": "local",
        "mine": "local",
        "alone": "local",
    }
