"""Lists: every filter and order against plain SQL, and quick where there is much."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import product
from typing import Any

import pytest

from hybrid_coordinator.domain.insights import (
    InteractionFilter,
    InteractionOrder,
    InteractionRow,
    InteractionSort,
    ItemFilter,
    ItemSort,
    OutcomeFilter,
    PageRequest,
)
from hybrid_coordinator.domain.interactions import AgentType
from hybrid_coordinator.domain.items import CollectionName
from hybrid_coordinator.domain.knowledge import Origin
from hybrid_coordinator.storage.postgres.browsing import Browsing, _order
from hybrid_coordinator.storage.postgres.database import Database
from tests.storage.postgres.test_query_plans import explain
from tests.support import bulk

ROWS = 500
NEWEST = InteractionSort()
ALL = PageRequest(1, 200)
A_MONTH_AGO = datetime.now(UTC) - timedelta(days=30)

TRUTH = "SELECT id::text FROM current_interactions AS i WHERE {} ORDER BY created_at DESC, id DESC"
TASK = """
(SELECT task_type FROM route_attempts WHERE interaction_id = i.id LIMIT 1) = 'debugging'
"""


@pytest.fixture
async def browsing(database: Database) -> Browsing:
    await bulk.fill(database, ROWS)
    return Browsing(database)


async def listed(
    browsing: Browsing, chosen: InteractionFilter, sort: InteractionSort = NEWEST
) -> tuple[list[InteractionRow], int]:
    """All pages of 200, and the total that each page gave."""
    rows: list[InteractionRow] = []
    number = 1
    while True:
        page, total = await browsing.interactions(chosen, sort, PageRequest(number, 200), 0.7)
        rows += page
        if len(page) < 200:
            return rows, total
        number += 1


async def ids(database: Database, condition: str) -> list[str]:
    return [row["id"] for row in await database.fetch(TRUTH.format(condition))]


FILTERS = [
    (InteractionFilter(), "true"),
    (InteractionFilter(project="project-3"), "project = 'project-3'"),
    (InteractionFilter(agent_type=AgentType.LOCAL), "agent_type = 'local'"),
    (InteractionFilter(outcome=OutcomeFilter.FAILURE), "outcome = 'failure'"),
    (InteractionFilter(outcome=OutcomeFilter.NONE), "outcome IS NULL"),
    (InteractionFilter(model="claude-sonnet-5"), "model_used = 'claude-sonnet-5'"),
    (InteractionFilter(task_type="debugging"), TASK),
    (InteractionFilter(min_value=0.7), "value_score >= 0.7"),
    (InteractionFilter(text="OF PART 4"), "strpos(query, 'of part 4') > 0"),
    (InteractionFilter(text="parser"), "strpos(query || response, 'parser') > 0"),
    (InteractionFilter(session_id="session-7"), "session_id = 'session-7'"),
    (InteractionFilter(user="somebody"), "user_name = 'somebody'"),
    (
        InteractionFilter(project="project-3", outcome=OutcomeFilter.SUCCESS, text="lock"),
        "project = 'project-3' AND outcome = 'success' AND strpos(query || response, 'lock') > 0",
    ),
]


async def test_a_filter_finds_what_plain_sql_finds(browsing: Browsing, database: Database) -> None:
    for chosen, condition in FILTERS:
        rows, total = await listed(browsing, chosen)
        wanted = await ids(database, condition)
        assert [row.id for row in rows] == wanted, chosen
        assert total == len(wanted)
        assert wanted or chosen.user


async def test_times_bound_a_list_at_one_end_or_both(
    browsing: Browsing, database: Database
) -> None:
    rows, _ = await listed(browsing, InteractionFilter(since=A_MONTH_AGO))
    assert rows
    assert all(row.created_at >= A_MONTH_AGO for row in rows)
    first, last = rows[-1].created_at, rows[0].created_at
    between, _ = await listed(browsing, InteractionFilter(since=first, until=last))
    assert [row.id for row in between] == [row.id for row in rows[1:]]


async def test_a_text_is_looked_for_as_it_stands(browsing: Browsing, database: Database) -> None:
    rows = await database.fetch("SELECT id FROM interactions LIMIT 8")
    texts = ["%", "_", "\\", "'", "'; DROP TABLE interactions; --", "$1", ":order", "100%_done\\"]
    for row, text in zip(rows, texts, strict=True):
        assert (await listed(browsing, InteractionFilter(text=f"x{text}y")))[1] == 0
        await database.execute(
            "UPDATE interactions SET response = response || $2 WHERE id = $1",
            row["id"],
            f" x{text}y ",
        )
        found, total = await listed(browsing, InteractionFilter(text=f"X{text}Y"))
        assert ([one.id for one in found], total) == ([str(row["id"])], 1), text


async def test_a_filter_is_a_value_and_never_sql(browsing: Browsing) -> None:
    hostile = "x' OR true; DROP TABLE interaction_facts; --"
    for chosen in (
        InteractionFilter(project=hostile),
        InteractionFilter(model=hostile),
        InteractionFilter(task_type=hostile),
        InteractionFilter(session_id=hostile),
        InteractionFilter(user=hostile),
    ):
        assert await listed(browsing, chosen) == ([], 0)
    assert (await listed(browsing, InteractionFilter()))[1] == ROWS


async def test_a_list_is_sorted_with_what_has_none_last(browsing: Browsing) -> None:
    for by, descending in product(InteractionOrder, (True, False)):
        rows, total = await listed(browsing, InteractionFilter(), InteractionSort(by, descending))
        assert len({row.id for row in rows}) == total == ROWS
        values: Sequence[Any] = [getattr(row, by.value) for row in rows]
        known = [value for value in values if value is not None]
        assert known == sorted(known, reverse=descending)
        assert all(value is None for value in values[len(known) :])


async def test_a_page_beyond_the_last_is_empty_and_has_the_total(browsing: Browsing) -> None:
    page = await browsing.interactions(InteractionFilter(), NEWEST, PageRequest(99, 200), 0.7)
    assert page == ([], ROWS)
    _, entries = await browsing.items(ItemFilter(), ItemSort(), PageRequest())
    assert entries > 0
    assert await browsing.items(ItemFilter(), ItemSort(), PageRequest(99, 200)) == ([], entries)


async def test_a_row_says_what_is_on_record_of_it(browsing: Browsing, database: Database) -> None:
    chosen = InteractionFilter(task_type="debugging", outcome=OutcomeFilter.SUCCESS)
    row = (await listed(browsing, chosen))[0][0]
    (truth,) = await database.fetch(
        "SELECT *, id::text AS key FROM current_interactions WHERE id::text = $1", row.id
    )
    assert (row.query, row.value_score, row.shown) == (
        truth["query"], truth["value_score"], truth["context_provided"],
    )  # fmt: skip
    assert row.high_value == (truth["value_score"] >= 0.7)
    assert row.tier in ("LOCAL_FAST", "API_FALLBACK")


async def test_entries_are_filtered_and_counted(browsing: Browsing, database: Database) -> None:
    for chosen, condition in (
        (ItemFilter(), "true"),
        (ItemFilter(project="global"), "project = 'global'"),
        (ItemFilter(collection=CollectionName.BEST_PRACTICES), "collection = 'best-practices'"),
        (ItemFilter(origin=Origin.SKILL), "origin = 'skill'"),
        (ItemFilter(text="ON LOCK"), "strpos(title, 'on lock') > 0"),
        (ItemFilter(text="50%"), "false"),
        (ItemFilter(retired=True), "delta = 'DEPRECATE'"),
    ):
        rows, total = await browsing.items(chosen, ItemSort(), ALL)
        wanted = await database.fetch_value(
            f"SELECT count(*) FROM current_knowledge WHERE {condition}"
        )
        assert total == wanted, chosen
        assert len(rows) == min(total, 200)


async def test_a_list_of_the_newest_reads_as_much_as_it_shows(database: Database) -> None:
    await bulk.fill(database, 20_000)
    browsing = Browsing(database)
    ordered = browsing._queries.interactions.replace(":order", _order(NEWEST))
    async with database.session() as session:
        nothing = (None,) * 11
        found = await explain(session, ordered, *nothing, 50, 0)
        assert found.scanned == frozenset()
        assert found.indexes >= {"interaction_facts_created", "interactions_pkey"}
        one = await explain(session, ordered, "project-3", *nothing[1:], 50, 0)
        assert one.scanned == frozenset()
        # Nor does a count read the texts.
        counted = await explain(session, browsing._queries.count_interactions, *nothing)
        assert counted.scanned <= {"interaction_facts"}
