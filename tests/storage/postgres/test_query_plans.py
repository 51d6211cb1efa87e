"""Queries on the hot path use their indexes once there is something to search."""

from __future__ import annotations

import json
import uuid
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass

import pytest

from hybrid_coordinator.storage.postgres.answers import Answers
from hybrid_coordinator.storage.postgres.attempts import RouteAttempts
from hybrid_coordinator.storage.postgres.captured import CapturedEvents
from hybrid_coordinator.storage.postgres.credit import Credit
from hybrid_coordinator.storage.postgres.database import Database, Session
from hybrid_coordinator.storage.postgres.failures import FailureRecords
from hybrid_coordinator.storage.postgres.interactions import InteractionRecords
from hybrid_coordinator.storage.postgres.knowledge import KnowledgeRecords
from hybrid_coordinator.storage.postgres.showings import Showings
from hybrid_coordinator.storage.postgres.training import TrainingRecords

FILL = """
INSERT INTO interactions
    (id, project, query, response, agent_type, model_used, tokens_used, latency_ms, projected)
SELECT
    md5(n::text)::uuid, 'p' || n % 50, 'q', 'r', 'remote', 'm', 0, 0, (n > 100)::integer
FROM generate_series(1, 20000) AS n;
INSERT INTO exposures (interaction_id, item_id, rank, use_number)
SELECT md5(n::text)::uuid, md5('item' || n % 2000 || '-' || rank)::uuid, rank, n / 2000 + 1
FROM generate_series(1, 20000) AS n, generate_series(1, 3) AS rank;
SELECT rebuild_item_stats();
INSERT INTO showings (id, project)
SELECT md5(n::text)::uuid, 'p' || n % 50 FROM generate_series(1, 5000) AS n;
INSERT INTO shown_items (showing_id, item_id, rank, title, source, score, propensity, withheld)
SELECT md5(n::text)::uuid, md5('item' || n % 2000 || '-' || rank)::uuid, rank, 't', 's', 1, 1, false
FROM generate_series(1, 5000) AS n, generate_series(1, 3) AS rank;
INSERT INTO outcomes (interaction_id, outcome, user_feedback, value_score, components)
SELECT md5(n::text)::uuid, 'success', 0, 0.5, '{}'
FROM generate_series(1, 20000) AS n;
INSERT INTO knowledge_items
    (id, version, delta, collection, project, title, content, fields, created_at, updated_at,
     projected)
SELECT md5(n::text)::uuid, 1, 'ADD', 'skills-patterns', 'p', 't', 'c', '{}', now(), now(), n > 100
FROM generate_series(1, 20000) AS n;
INSERT INTO route_attempts
    (interaction_id, position, model, endpoint, tier, latency_ms, confidence, outcome, tokens_in,
     tokens_out, project, task_type, complexity)
SELECT
    md5(n::text)::uuid, 1, 'm', 'e', 'LOCAL_FAST', 1, 0.5, 'ok', 1, 1, 'p', 'edit', 'simple'
FROM generate_series(1, 20000) AS n;
ANALYZE interactions, exposures, item_stats, showings, shown_items, outcomes, knowledge_items,
    route_attempts;
"""


PATIENCE = 120.0
"""Seconds that filling may take on a machine under load."""

FILL_CACHE = """
INSERT INTO cached_answers (key, family, prompt, answer, bytes, used_at)
SELECT
    sha256(n::text::bytea), sha256('f'), repeat('x', 1000), '{}', 1200,
    now() - n * interval '1 second'
FROM generate_series(1, 20000) AS n
"""


@dataclass(frozen=True)
class Plan:
    """What of a plan matters here."""

    scanned: frozenset[str]
    """Tables that are read from end to end."""
    indexes: frozenset[str]
    sorts: int


def nodes(plan: dict[str, object]) -> Iterator[dict[str, object]]:
    yield plan
    for child in plan.get("Plans", []):  # type: ignore[attr-defined]
        yield from nodes(child)


async def explain(session: Session, sql: str, *args: object) -> Plan:
    text = await session.fetch_value(f"EXPLAIN (FORMAT JSON) {sql}", *args)
    found = list(nodes(json.loads(text)[0]["Plan"]))
    return Plan(
        frozenset(str(n["Relation Name"]) for n in found if n["Node Type"] == "Seq Scan"),
        frozenset(str(n["Index Name"]) for n in found if "Index Name" in n),
        sum(n["Node Type"] in ("Sort", "Incremental Sort") for n in found),
    )


@pytest.fixture
async def session(database: Database) -> AsyncIterator[Session]:
    async with database.session() as session:
        await session.execute(FILL, timeout=PATIENCE)
        yield session


async def test_evidence_reads_the_latest_attempts_and_no_table_from_end_to_end(
    session: Session, database: Database
) -> None:
    found = await explain(session, RouteAttempts(database)._queries.evidence, 1000)
    assert found.scanned == frozenset()
    assert found.indexes >= {"route_attempts_pkey", "outcomes_interaction", "interactions_pkey"}


async def test_the_cache_is_kept_within_its_bound_by_its_indexes(
    session: Session, database: Database
) -> None:
    await session.execute(FILL_CACHE)
    await session.execute("VACUUM ANALYZE cached_answers")
    queries = Answers(database)._queries
    found = await explain(session, queries.shrink, 1_000_000)
    assert found.scanned == frozenset()
    assert found.indexes == {"cached_answers_used", "cached_answers_pkey"}
    assert found.sorts == 0


FILL_CAPTURED = """
INSERT INTO captured_events
    (key, session_id, kind, at, tick, project, digest, occurrence, content, done, received_at)
SELECT
    'k' || n, 's' || n / 100, 'prompt', now(), n, 'p', 'd', n % 100 + 1, '{}', n < 19900,
    now() - n * interval '1 minute'
FROM generate_series(1, 20000) AS n
"""


async def test_what_hooks_tell_is_found_by_its_indexes(
    session: Session, database: Database
) -> None:
    await session.execute(FILL_CAPTURED)
    await session.execute("VACUUM ANALYZE captured_events")
    queries = CapturedEvents(database)._queries
    for sql, arguments, index in (
        (queries.open_events, ("s199",), "captured_events_open"),
        (queries.number, ("k5", "d"), "captured_events_occurrence"),
        (queries.last_event, (), "captured_events_received"),
        (queries.waiting, (), "captured_events_open"),
    ):
        found = await explain(session, sql, *arguments)
        assert found.scanned == frozenset(), sql
        assert index in found.indexes, sql


async def test_hot_queries_read_no_table_from_end_to_end(
    session: Session, database: Database
) -> None:
    interactions = InteractionRecords(database)._queries
    knowledge = KnowledgeRecords(database)._queries
    one = [uuid.UUID("c4ca4238-a0b9-2382-0dcc-509a6f75849b")]

    stats = await explain(session, interactions.item_stats, one * 5)
    assert stats.scanned == frozenset()
    assert stats.indexes == {"item_stats_pkey", "imported_knowledge_pkey"}

    showings = Showings(database)._queries
    named = await explain(session, showings.of_items, "p", ["s"], one * 3, one[0], "u")
    assert named.scanned == frozenset()
    assert named.indexes == {"shown_items_item", "showings_pkey", "shown_items_pkey"}
    nothing = await explain(session, showings.of_nothing, "p", ["s"], "u")
    assert nothing.scanned == frozenset()
    assert nothing.indexes == {"showings_session", "shown_items_pkey"}
    shown = await explain(session, showings.get, one[0], "u")
    assert (shown.scanned, shown.indexes) == (frozenset(), {"showings_pkey", "shown_items_pkey"})

    waiting = await explain(session, interactions.unprojected, 64)
    assert waiting.scanned == frozenset()
    assert "interactions_unprojected" in waiting.indexes
    assert waiting.sorts <= 1  # the LIMIT 1 of the latest outcome

    found = await explain(session, interactions.get_many, one)
    assert (found.scanned, "interactions_pkey" in found.indexes) == (frozenset(), True)

    page = await explain(session, interactions.page, one[0], 100)
    assert (page.scanned, page.sorts) == (frozenset(), 0)

    recent = await explain(session, interactions.standing, one[0], 50)
    assert recent.scanned == frozenset()
    assert "interactions_project_created" in recent.indexes

    count = await explain(session, interactions.count_unprojected)
    assert count.scanned == frozenset()

    entries = await explain(session, knowledge.unprojected, 64)
    assert entries.scanned == frozenset()
    assert "knowledge_items_unprojected" in entries.indexes

    standing = await explain(session, knowledge.evidence_standing, one[0], 0.7, 5)
    assert standing.scanned == frozenset()
    assert standing.indexes == {"knowledge_evidence_pkey", "interaction_facts_pkey"}

    count = await explain(session, knowledge.count_unprojected)
    assert count.scanned == frozenset()

    entries = await explain(session, knowledge.get_many, one)
    assert (entries.scanned, entries.indexes) == (frozenset(), {"knowledge_items_pkey"})

    training = TrainingRecords(database)._queries
    await session.execute("ANALYZE training_groups, actions")  # known to be empty, as at first
    async with session.transaction():
        await session.execute(training.lock)
        candidates = await explain(session, training.candidates, 0.5, "cut", None)
    assert candidates.scanned == frozenset()  # they fill while it reads
    assert candidates.indexes >= {"interactions_created", "outcomes_interaction", "actions_pkey"}
    assert "training_groups_pkey" in candidates.indexes
    failures = await explain(session, training.failures, 0.5, None)
    assert (failures.scanned, failures.sorts) == (frozenset(), 0)


async def test_what_chance_chose_is_read_by_its_indexes(
    session: Session, database: Database
) -> None:
    chosen = "UPDATE exposures SET propensity = 0.9 WHERE rank = 1"
    await session.execute(chosen, timeout=PATIENCE)
    await session.execute("VACUUM ANALYZE exposures", timeout=PATIENCE)
    credit = Credit(database)._queries
    item = [uuid.UUID("c4ca4238-a0b9-2382-0dcc-509a6f75849b")]
    one = await explain(session, credit.of_items, item)
    assert one.scanned == frozenset()
    assert one.indexes == {"exposures_item", "outcomes_interaction"}
    queries = InteractionRecords(database)._queries
    past = await explain(session, queries.past_uses, item * 5, item * 20)
    assert past.scanned == frozenset()
    assert past.indexes == {"exposures_pkey", "outcomes_interaction"}
    latest = await explain(session, credit.calls, None, 1000)
    assert latest.scanned == frozenset()
    assert latest.indexes >= {"exposures_randomised", "outcomes_interaction"}


async def test_an_outcome_reads_no_table_from_end_to_end(session: Session) -> None:
    used = await explain(
        session,
        "UPDATE item_stats SET gained = 0 FROM exposures WHERE exposures.interaction_id = $1 "
        "AND exposures.use_number IS NOT NULL AND exposures.item_id = item_stats.item_id",
        uuid.UUID("c4ca4238-a0b9-2382-0dcc-509a6f75849b"),
    )
    assert used.scanned == frozenset()
    assert used.indexes == {"exposures_pkey", "item_stats_pkey"}


async def test_failures_are_looked_at_by_indexes(session: Session, database: Database) -> None:
    queries = FailureRecords(database)._queries
    one = uuid.UUID("c4ca4238-a0b9-2382-0dcc-509a6f75849b")

    next_one = await explain(session, queries.unexamined, 1)
    assert next_one.scanned == frozenset()
    assert next_one.indexes == {"interactions_unexamined"}

    await session.execute("UPDATE interactions SET session_id = 's' || id")
    await session.execute("ANALYZE interactions")
    around = await explain(session, queries.around, one, 20, 100)
    assert around.scanned == frozenset()
    assert around.indexes >= {"interactions_session", "actions_pkey", "outcomes_interaction"}

    entries = await explain(session, queries.entries, "p", ["key"], [one])
    assert entries.scanned == frozenset()
    assert "knowledge_items_signature" in entries.indexes
