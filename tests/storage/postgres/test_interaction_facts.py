"""interaction_facts says of every interaction what is on record of it, whatever was written."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from hybrid_coordinator.domain.interactions import AgentType, NewInteraction, Outcome, OutcomeKind
from hybrid_coordinator.domain.reply import Attempt, AttemptLog
from hybrid_coordinator.domain.route import Complexity, TaskType, Tier
from hybrid_coordinator.storage.postgres.database import Database
from hybrid_coordinator.storage.postgres.interactions import InteractionRecords
from tests.storage.postgres.test_query_plans import explain
from tests.support import bulk

TRUTH = """
SELECT
    id, project, user_name, session_id, agent_type, model_used, tokens_used, latency_ms, created_at,
    (
        SELECT task_type FROM route_attempts WHERE interaction_id = current_interactions.id
        ORDER BY confidence DESC NULLS LAST, position LIMIT 1
    ),
    (
        SELECT tier FROM route_attempts WHERE interaction_id = current_interactions.id
        ORDER BY confidence DESC NULLS LAST, position LIMIT 1
    ),
    outcome, outcome_source, value_score
FROM current_interactions
ORDER BY id
"""
NEW = NewInteraction("shop", "q", "r", AgentType.LOCAL, "small", (), 7, 9, "s1")
WEAK = Attempt("small", "http://l", Tier.LOCAL_FAST, 100, 0.4, "low_confidence")
GOOD = Attempt("big", "http://l", Tier.LOCAL_QUALITY, 100, 0.9, "ok")
COMPONENTS = {"outcome": 1.0}


async def facts(database: Database) -> list[tuple[object, ...]]:
    """Those on record, which must be the truth."""
    rows = await database.fetch("SELECT * FROM interaction_facts ORDER BY interaction_id")
    found = [tuple(row)[:-1] for row in rows]  # less their numbers
    assert found == [tuple(row) for row in await database.fetch(TRUTH)]
    return found


async def test_they_follow_all_that_is_written(database: Database) -> None:
    records = InteractionRecords(database)
    done = await records.add(NEW, AttemptLog(TaskType.EDIT, Complexity.SIMPLE, (WEAK, GOOD)))
    (row,) = await facts(database)
    assert row[9:] == ("edit", "LOCAL_QUALITY", None, None, None)
    await records.set_outcome(done, Outcome(OutcomeKind.FAILURE), 0.2, COMPONENTS)
    await records.set_outcome(done, Outcome(OutcomeKind.SUCCESS), 0.8, COMPONENTS)
    (row,) = await facts(database)
    assert row[11:] == ("success", "stated", 0.8)
    await records.add_if_new(replace(NEW, turn_key="k", model_used="first"))
    await records.complete(replace(NEW, turn_key="k", model_used="then", response="r and more"))
    assert {row[5] for row in await facts(database)} == {"small", "then"}
    await database.execute("DELETE FROM interactions")
    assert await facts(database) == []


async def test_outcomes_that_come_at_once_leave_the_latest(database: Database) -> None:
    records = InteractionRecords(database)
    done = await records.add(NEW)
    kinds = [OutcomeKind.SUCCESS, OutcomeKind.FAILURE, OutcomeKind.PARTIAL] * 4
    await asyncio.gather(
        *(
            records.set_outcome(done, Outcome(kind, evidence=str(number)), 0.5, COMPONENTS)
            for number, kind in enumerate(kinds)
        )
    )
    assert len(await facts(database)) == 1


async def test_they_follow_statements_of_many_rows(database: Database) -> None:
    await bulk.fill(database, 300)
    assert len(await facts(database)) == 300


async def test_a_write_reads_no_table_from_end_to_end(database: Database) -> None:
    await bulk.fill(database, 5000)
    async with database.session() as session:
        body: str = await session.fetch_value(
            "SELECT prosrc FROM pg_proc WHERE proname = 'refresh_interaction_facts'"
        )
        insert = body[body.index("INSERT") : body.rindex(";\nEND")].replace("(ids)", "($1::uuid[])")
        one = [await session.fetch_value("SELECT id FROM interactions LIMIT 1")]
        found = await explain(session, insert, one)
    assert found.scanned == frozenset()
    assert found.indexes >= {
        "interactions_pkey",
        "outcomes_interaction",
        "route_attempts_interaction",
    }
