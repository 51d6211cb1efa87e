"""The role that Grafana reads the record as: made once the tables are there, and bounded."""

from __future__ import annotations

from collections.abc import AsyncIterator

import asyncpg
import pytest

from tests.support.grafana import as_reader, make_reader

PEOPLES_WORDS = (
    "SELECT query FROM interactions",
    "SELECT response FROM current_interactions",
    "SELECT evidence FROM outcomes",
    "SELECT content FROM knowledge_items",
    "SELECT payload FROM jobs",
    "SELECT prompt FROM cached_answers",
    "SELECT content FROM captured_events",
    "SELECT digest FROM access_tokens",
    "SELECT target FROM audit_log",
    "SELECT * FROM interactions",
)
CHANGES = (
    "DELETE FROM jobs",
    "UPDATE spend SET amount_usd = 0",
    "CREATE TABLE mine (id int)",
    "CREATE TEMPORARY TABLE mine (id int)",
    "SELECT rebuild_item_stats()",
    "COPY spend TO '/tmp/spend'",
)


@pytest.fixture
async def reader(dsn: str) -> AsyncIterator[asyncpg.Connection]:
    async with as_reader(dsn) as connection:
        yield connection


async def test_it_reads_figures(reader: asyncpg.Connection) -> None:
    assert await reader.fetchval("SELECT count(*) FROM interactions") == 0
    assert await reader.fetchval("SELECT current_setting('statement_timeout')") == "30s"


async def test_it_reads_no_words_and_changes_nothing(reader: asyncpg.Connection) -> None:
    await reader.execute("SET default_transaction_read_only = off")  # as anybody may
    let_through = []
    for statement in (*PEOPLES_WORDS, *CHANGES):
        try:
            await reader.execute(statement)
        except asyncpg.InsufficientPrivilegeError:
            continue
        let_through.append(statement)
    assert let_through == []


async def test_made_again_it_has_the_new_password_and_no_other_right(dsn: str) -> None:
    async with as_reader(dsn) as reader:
        owner = await asyncpg.connect(dsn)
        await owner.execute("GRANT SELECT ON knowledge_items TO grafana")
        await owner.close()
        assert await reader.fetch("SELECT content FROM knowledge_items") == []
        make_reader(dsn)
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await reader.fetch("SELECT content FROM knowledge_items")
        await reader.fetch("SELECT id FROM knowledge_items")


def test_it_waits_for_the_tables_and_says_what_is_missing(empty_dsn: str) -> None:
    done = make_reader(empty_dsn, GRAFANA_ROLE_TRIES="1")
    assert done.returncode == 1
    assert "the coordinator's tables are not there" in done.stderr
