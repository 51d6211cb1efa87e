"""Figures of pages against plain SQL, and none of them reads the texts."""

from __future__ import annotations

import datetime as dt

from hybrid_coordinator.domain.insights import tally
from hybrid_coordinator.domain.interactions import AgentType, Exposure, NewInteraction
from hybrid_coordinator.domain.items import CollectionName
from hybrid_coordinator.domain.knowledge import NewKnowledge, Origin
from hybrid_coordinator.domain.showings import ShownItem
from hybrid_coordinator.storage.postgres.bookkeeping import Statistics
from hybrid_coordinator.storage.postgres.database import Database
from hybrid_coordinator.storage.postgres.insights import InsightRecords
from hybrid_coordinator.storage.postgres.interactions import InteractionRecords
from hybrid_coordinator.storage.postgres.knowledge import KnowledgeRecords
from hybrid_coordinator.storage.postgres.showings import Showings
from hybrid_coordinator.storage.postgres.usage import UsageRecords
from tests.storage.postgres.test_query_plans import explain
from tests.support import bulk

ROWS = 500
PROJECT = "project-3"
CODE = "6f6b1a52-1d2f-5d6e-8a57-0f4a3c0e9b11"
NARROW = {"interaction_facts", "route_attempts", "source_files", "knowledge_items"}


def since(days: int) -> dt.datetime:
    first = dt.datetime.now(dt.UTC).date() - dt.timedelta(days=days - 1)
    return dt.datetime.combine(first, dt.time(), dt.UTC)


async def test_tallies_add_up_and_are_those_of_plain_sql(database: Database) -> None:
    await bulk.fill(database, ROWS)
    for project, condition in ((None, "true"), (PROJECT, f"project = '{PROJECT}'")):
        found = await InsightRecords(database).tallies(project, since(30), high_value=0.7)
        (row,) = await database.fetch(
            "SELECT count(*) AS interactions, "
            "count(*) FILTER (WHERE outcome = 'success') AS success, "
            "count(*) FILTER (WHERE outcome = 'partial') AS partial, "
            "count(*) FILTER (WHERE outcome = 'failure') AS failure, "
            "count(*) FILTER (WHERE outcome = 'unknown') AS unknown, "
            "count(*) FILTER (WHERE value_score >= 0.7) AS high_value "
            f"FROM current_interactions WHERE created_at >= $1 AND {condition}",
            since(30),
        )
        assert found.all == tally(**dict(row))
        assert found.all.interactions > 0
        for name in ("interactions", "success", "high_value"):
            total = sum(getattr(one, name) for one in found.days.values())
            assert total == getattr(found.all, name)
        assert all(day >= since(30).date() for day in found.days)


async def test_nothing_is_tallied_where_nothing_is(database: Database) -> None:
    found = await InsightRecords(database).tallies(None, since(30), high_value=0.7)
    assert (found.all.interactions, found.all.success_rate, found.days) == (0, None, {})
    assert (await InsightRecords(database).facets(None)).projects == ()


async def test_value_scores_are_in_ten_bins_with_one_in_the_last(database: Database) -> None:
    await bulk.fill(database, ROWS)
    await database.execute(
        "UPDATE interaction_facts SET value_score = CASE WHEN value_score < 0.5 THEN 0 ELSE 1 END"
        " WHERE value_score IS NOT NULL"
    )
    bins = await InsightRecords(database).values(None, since(3650))
    assert [(one.low, one.high) for one in bins][:2] == [(0.0, 0.1), (0.1, 0.2)]
    judged = await database.fetch_value("SELECT count(*) FROM outcomes")
    assert bins[0].interactions + bins[-1].interactions == judged
    assert bins[-1].interactions > 0


async def test_entries_are_counted_by_where_they_come_from(database: Database) -> None:
    knowledge, records = KnowledgeRecords(database), InsightRecords(database)
    new = NewKnowledge(CollectionName.BEST_PRACTICES, "p", "one", "Say it.")
    entry, _ = await knowledge.store(new)
    await knowledge.store(
        NewKnowledge(CollectionName.SKILLS_PATTERNS, "q", "two", "Do it."), origin=Origin.PATTERN
    )
    assert await records.learned(None) == {Origin.STATED: 1, Origin.PATTERN: 1}
    assert await records.learned("q") == {Origin.PATTERN: 1}
    by_day = await records.learned_by_day(None, since(2))
    assert {origin for of_day in by_day.values() for origin in of_day} == {
        Origin.STATED,
        Origin.PATTERN,
    }
    await knowledge.deprecate(entry, "wrong")
    assert await records.learned(None) == {Origin.PATTERN: 1}


async def test_what_was_shown_has_the_words_of_that_time_or_those_of_now(
    database: Database,
) -> None:
    knowledge, interactions = KnowledgeRecords(database), InteractionRecords(database)
    new = NewKnowledge(CollectionName.BEST_PRACTICES, "p", "Lock the row", "First.")
    entry, _ = await knowledge.store(new)
    earlier = await interactions.add(
        NewInteraction("p", "an earlier one", "r", AgentType.LOCAL, "m")
    )
    showing = await Showings(database).add(
        "p", None, [ShownItem(CODE, 1, "def lock", "src/a.py:1-9", 0.9, 1.0, False)]
    )
    shown = (
        Exposure(CODE, 1, 0.9, 1.0),
        Exposure(entry, 2, 0.5, 0.9, cited=True),
        Exposure(earlier, 3, 0.4, 0.9, withheld=True, used=False),
    )
    done = await interactions.add(
        NewInteraction("p", "q", "r", AgentType.LOCAL, "m", showing_id=showing), None, shown
    )
    found = await InsightRecords(database).shown(done)
    assert [(one.title, one.source, one.collection) for one in found] == [
        ("def lock", "src/a.py:1-9", CollectionName.CODEBASE_CONTEXT),
        ("Lock the row", "p", CollectionName.BEST_PRACTICES),
        ("an earlier one", "p", CollectionName.INTERACTION_HISTORY),
    ]
    assert [(one.used, one.cited, one.withheld) for one in found] == [
        (True, False, False),
        (True, True, False),
        (False, False, True),
    ]


async def test_no_figure_reads_the_texts(database: Database) -> None:
    await bulk.fill(database, 5000)
    insights, usage = InsightRecords(database)._queries, UsageRecords(database)._queries
    totals = Statistics(database)._queries
    long_ago = since(30)
    async with database.session() as session:
        for sql, arguments in (
            (insights.tallies, (None, long_ago, 0.7)),
            (insights.values, (None, long_ago)),
            (insights.facets, (None,)),
            (totals.interactions, (None, 0.7)),
            (totals.unprojected, (None,)),
            (totals.attempts, (None,)),
            (usage.calls, (None, long_ago)),
            (usage.models, (None, long_ago)),
        ):
            assert (await explain(session, sql, *arguments)).scanned <= NARROW, sql
        marks = await explain(session, insights.marks)
        # Small ones, which a look every second may read whole.
        assert marks.scanned <= {
            "jobs", "skill_proposals", "datasets", "forgotten", "index_generations",
        }  # fmt: skip
