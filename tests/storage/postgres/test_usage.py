"""Figures over attempts, on a real Postgres, and quick when there are many."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Sequence
from dataclasses import replace

from hybrid_coordinator.domain.interactions import AgentType, NewInteraction
from hybrid_coordinator.domain.reply import AnswerChecks, Attempt, AttemptLog
from hybrid_coordinator.domain.route import Complexity, TaskType, Tier
from hybrid_coordinator.domain.usage import Calls, DayUse, LogPlace, ModelUse
from hybrid_coordinator.storage.postgres.attempts import RouteAttempts
from hybrid_coordinator.storage.postgres.database import Database
from hybrid_coordinator.storage.postgres.interactions import InteractionRecords
from hybrid_coordinator.storage.postgres.usage import UsageRecords
from tests.storage.postgres.test_query_plans import explain

LONG_AGO = dt.datetime(2020, 1, 1, tzinfo=dt.UTC)
WEAK = Attempt(
    "small", "http://l", Tier.LOCAL_FAST, 100, 0.4, "low_confidence", 10, 20,
    first_token_ms=30, tokens_per_second=50.0,
)  # fmt: skip
GOOD = Attempt(
    "small", "http://l", Tier.LOCAL_FAST, 300, 0.9, "ok", 100, 200, first_token_ms=10,
    tokens_per_second=70.0, checks=AnswerChecks(1.0, 0.9, 0.8), rule="tiers",
)  # fmt: skip
BROKEN = Attempt("big", "http://l", Tier.LOCAL_QUALITY, 9, None, "ModelReplyError", reason="cut")
PAID = Attempt(
    "claude", "https://r", Tier.API_FALLBACK, 900, 1.0, "ok", 1000, 2000, 0.5, remote=True
)
UNPRICED = Attempt(
    "claude", "https://r", Tier.API_FALLBACK, 700, 0.8, "ok", 1, 2, None, remote=True
)
CACHED = Attempt("small", "http://l", Tier.LOCAL_FAST, 1, None, "cached", 100, 200)


async def record(
    database: Database, attempts: Sequence[Attempt], task: TaskType = TaskType.QUESTION
) -> None:
    log = AttemptLog(task, Complexity.SIMPLE, tuple(attempts))
    if attempts[-1] is BROKEN:
        await RouteAttempts(database).add("shop", log)
    else:
        new = NewInteraction("shop", "q", "r", AgentType.LOCAL, "m", (), 0, 0)
        await InteractionRecords(database).add(new, log)


async def fill(database: Database) -> None:
    """Six calls: passed at once, stepped up, never good, failed, of unknown price, cached."""
    await record(database, [GOOD])
    await record(database, [WEAK, BROKEN, PAID])
    await record(database, [WEAK], TaskType.EDIT)
    await record(database, [BROKEN, BROKEN], TaskType.EDIT)
    await record(database, [UNPRICED])
    await record(database, [CACHED])


async def test_nothing_recorded_is_nothing(database: Database) -> None:
    usage = UsageRecords(database)
    found = await usage.calls(None, LONG_AGO)
    assert (found.total, found.tiers, found.task_types) == (Calls(None, *[0] * 9), (), ())
    assert await usage.models(None, LONG_AGO) == ()
    assert await usage.days(None, LONG_AGO) == ()
    assert await usage.page(None, LogPlace(LONG_AGO), 10) == []


async def test_calls_by_tier_and_task_type(database: Database) -> None:
    await fill(database)
    found = await UsageRecords(database).calls("shop", LONG_AGO)
    assert found.total == Calls(
        None, calls=6, local=3, remote=2, failed=1, passed=4, escalated=2, cached=1,
        local_tokens_in=210, local_tokens_out=420,
    )  # fmt: skip
    assert found.tiers == (
        Calls("LOCAL_FAST", 3, 3, 0, 0, 2, 0, 1, 210, 420),
        Calls("API_FALLBACK", 2, 0, 2, 0, 2, 1, 0, 0, 0),
        Calls("none", 1, 0, 0, 1, 0, 1, 0, 0, 0),
    )
    assert found.task_types == (
        Calls("question", 4, 2, 2, 0, 4, 1, 1, 200, 400),
        Calls("edit", 2, 1, 0, 1, 0, 1, 0, 10, 20),
    )


async def test_the_voices_of_an_ensemble_are_no_steps_up(database: Database) -> None:
    await record(
        database, [replace(one, rule=f"ensemble: {n}") for n, one in enumerate([WEAK, GOOD])]
    )
    total = (await UsageRecords(database).calls(None, LONG_AGO)).total
    assert (total.calls, total.passed, total.escalated) == (1, 1, 0)


async def test_a_project_and_a_time_bound_the_figures(database: Database) -> None:
    await fill(database)
    usage = UsageRecords(database)
    assert (await usage.calls("till", LONG_AGO)).total.calls == 0
    now = dt.datetime.now(dt.UTC) + dt.timedelta(hours=1)
    assert (await usage.calls(None, now)).total.calls == 0
    assert await usage.models("till", LONG_AGO) == await usage.models(None, now) == ()
    assert await usage.days("till", LONG_AGO) == await usage.days(None, now) == ()
    assert await usage.page("till", LogPlace(LONG_AGO), 9) == []


async def test_models_with_their_percentiles(database: Database) -> None:
    await fill(database)
    big, small, claude = await UsageRecords(database).models(None, LONG_AGO)
    assert small == ModelUse(
        "small", "http://l", remote=False, attempts=3, passed=1, failed=0, latency_p50_ms=100,
        latency_p95_ms=300, latency_p99_ms=300, first_token_p50_ms=30, first_token_p95_ms=30,
        tokens_per_second=50.0, tokens_in=120, tokens_out=240, cost_usd=0.0, unpriced=0,
    )  # fmt: skip
    assert big == ModelUse(
        "big", "http://l", False, 3, 0, 3, None, None, None, None, None, None, 0, 0, 0.0, 0
    )
    assert (claude.attempts, claude.passed, claude.remote) == (2, 2, True)
    assert (claude.cost_usd, claude.unpriced, claude.tokens_per_second) == (0.5, 1, None)


async def test_days_have_the_tokens_of_answers(database: Database) -> None:
    await fill(database)
    await database.execute(
        "UPDATE route_attempts SET created_at = '2026-01-02 23:30+00' WHERE cost_usd IS NULL"
    )
    first, today = await UsageRecords(database).days(None, LONG_AGO)
    assert first == DayUse(dt.date(2026, 1, 2), calls=1, local=0, tokens_in=1, tokens_out=2)
    assert (today.calls, today.local) == (4, 3)
    assert (today.tokens_in, today.tokens_out) == (1210, 2420)


async def test_the_log_comes_in_pages_without_a_gap(database: Database) -> None:
    await fill(database)
    usage = UsageRecords(database)
    whole = await usage.page("shop", LogPlace(LONG_AGO), 100)
    assert [row.position for row in whole] == [1, 1, 2, 3, 1, 1, 2, 1, 1]
    assert whole[0].checks == {
        "format": 1.0, "completeness": 0.9, "coherence": 0.8, "self_critique": None,
    }  # fmt: skip
    assert (whole[0].rule, whole[0].task_type, whole[0].complexity) == (
        "tiers", "question", "simple",
    )  # fmt: skip
    assert whole[5].interaction_id is None
    assert whole[4].interaction_id
    paged, after = [], LogPlace(LONG_AGO)
    while rows := await usage.page("shop", after, 2):
        paged += rows
        after = LogPlace(rows[-1].created_at, rows[-1].id)
    assert paged == whole
    since = LogPlace(whole[4].created_at)
    assert await usage.page(None, since, 100) == whole[4:]


FILL = """
INSERT INTO route_attempts
    (project, task_type, complexity, position, model, endpoint, tier, latency_ms, confidence,
     outcome, tokens_in, tokens_out, first_token_ms, tokens_per_second, created_at)
SELECT 'p' || n % 50, 'question', 'simple', 1 + n % 2, 'm' || n % 9, 'e', 'LOCAL_FAST', n % 999,
    random(), 'ok', 10, 10, n % 77, 50, now() - (n / 2) * interval '1 minute'
FROM generate_series(1, 100000) AS n;
ANALYZE route_attempts;
"""


async def test_a_hundred_thousand_attempts_are_read_by_their_time(database: Database) -> None:
    usage = UsageRecords(database)
    now = dt.datetime.now(dt.UTC)
    async with database.session() as session:
        await session.execute(FILL)
        queries = usage._queries
        recent = now - dt.timedelta(days=2)
        for sql in (queries.calls, queries.models, queries.days):
            plan = await explain(session, sql, None, recent)
            assert plan.scanned == frozenset(), sql
            assert plan.indexes == {"route_attempts_created"}, sql
        page = await explain(session, queries.page, None, recent, -1, 500)
        assert (page.scanned, page.sorts) == (frozenset(), 0)
        assert page.indexes == {"route_attempts_created"}
    started = time.perf_counter()
    assert (await usage.calls(None, LONG_AGO)).total.calls > 50_000
    assert len(await usage.models(None, LONG_AGO)) == 9
    assert len(await usage.days(None, LONG_AGO)) >= 34
    assert time.perf_counter() - started < 5, "a person waits for it"
