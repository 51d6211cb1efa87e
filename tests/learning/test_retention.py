"""Interactions that are too old go by themselves; what was learned from them stays."""

from __future__ import annotations

import asyncio
from pathlib import Path

from hybrid_coordinator.domain.knowledge import Origin
from hybrid_coordinator.learning.forgetting.retention import Retention
from hybrid_coordinator.storage.postgres.database import Database
from hybrid_coordinator.storage.postgres.forgetting import Forgetting
from hybrid_coordinator.storage.postgres.forgotten import Tombstones
from tests.support.memory import PATIENCE, Memory
from tests.support.owned import (
    HISTORY,
    MARK,
    SKILLS,
    all_traces,
    beside,
    learned,
    owning,
    worked,
)


def retention(database: Database, parts: Memory, days: int | None) -> Retention:
    return Retention(Forgetting(database), Tombstones(database), lambda: days, parts.projector.wake)


async def age(database: Database, days: int) -> None:
    """Make everything that is there older."""
    for table in ("interactions", "showings", "cached_answers", "route_attempts"):
        await database.execute(
            f"UPDATE {table} SET created_at = now() - make_interval(days => $1)", days
        )


async def test_what_is_too_old_goes_and_lessons_stay(database: Database, tmp_path: Path) -> None:
    async with owning(database, tmp_path) as (parts, _):
        old = [await worked(parts, f"{MARK} {number}") for number in range(3)]
        await beside(database, old[0], MARK)
        entry = await learned(parts, "Lesson", "the gist", old[0])
        stated = await learned(parts, "Stated", "by hand", origin=Origin.STATED)
        await age(database, 91)
        new = await worked(parts, "new")

        assert await retention(database, parts, 90).work() == 3

        assert await all_traces(database, parts, MARK) == []
        lessons = await parts.knowledge.get_many([entry, stated])
        assert [item.content for item in lessons] == ["the gist", "by hand"]
        assert await parts.knowledge.evidence(entry) == []
        assert {point.id for point in await parts.index.get(SKILLS, [entry, stated])} == {
            entry,
            stated,
        }
        assert [point.id for point in await parts.index.get(HISTORY, [*old, new])] == [new]
        assert await retention(database, parts, 90).work() == 0


async def test_without_a_setting_nothing_ages_but_what_nobody_will_ask_for(
    database: Database, tmp_path: Path
) -> None:
    async with owning(database, tmp_path) as (parts, mine):
        done = await worked(parts, "one")
        await beside(database, done, "one")
        gone, turn = await worked(parts, "two"), await worked(parts, "three")
        await database.execute(
            "UPDATE interactions SET turn_key = 'session/1' WHERE id = $1::text::uuid", turn
        )
        await mine.delete([gone, turn])
        await parts.projector.drain(PATIENCE)
        await database.execute("UPDATE forgotten SET forgotten_at = now() - interval '40 days'")
        parts.projector.wake()
        await parts.projector.drain(PATIENCE)
        await age(database, 40)

        assert await retention(database, parts, None).work() == 0

        assert (await parts.interactions.get(done)).query == "fix one in query"
        assert await database.fetch_value("SELECT count(*) FROM showings") == 0
        kept = await database.fetch("SELECT id::text, turn FROM forgotten")
        assert [row["id"] for row in kept] == [turn], "a turn may be reported again at any time"
        assert len(kept[0]["turn"]) == 32


async def test_many_rows_go_in_steps_that_let_others_in(database: Database, tmp_path: Path) -> None:
    async with owning(database, tmp_path) as (parts, _):
        await database.execute(
            "INSERT INTO interactions (id, project, query, response, agent_type, model_used, "
            "tokens_used, latency_ms, created_at) SELECT gen_random_uuid(), 'p', 'q', 'r', "
            "'local', 'm', 1, 1, now() - interval '9 days' FROM generate_series(1, 450)"
        )
        work = asyncio.create_task(retention(database, parts, 5).work())
        written = [await worked(parts, f"meanwhile {number}") for number in range(3)]
        assert await work == 450
        assert len(await parts.interactions.get_many(written)) == 3
        assert await database.fetch_value("SELECT count(*) FROM forgotten") == 450


async def test_what_an_item_did_a_million_uses_ago_can_be_taken_back(
    database: Database, tmp_path: Path
) -> None:
    async with owning(database, tmp_path) as (parts, _):
        entry = await learned(parts, "Lesson", "text", origin=Origin.STATED)
        await worked(parts, "one", shown=(entry,))
        await age(database, 91)
        await worked(parts, "two", shown=(entry,))
        await database.execute("UPDATE item_stats SET last_use = 1000000")
        await database.execute("UPDATE exposures SET use_number = 1000000 WHERE use_number = 2")
        assert await retention(database, parts, 90).work() == 1
        assert (await parts.interactions.item_stats([entry]))[entry].uses == 1


async def test_calls_that_nobody_answered_and_old_money_go_without_a_setting(
    database: Database, tmp_path: Path
) -> None:
    async with owning(database, tmp_path) as (parts, _):
        kept = await worked(parts, "answered")
        await database.execute(
            "INSERT INTO route_attempts (position, model, endpoint, tier, latency_ms, outcome, "
            "tokens_in, tokens_out, project) SELECT 1, 'm', 'http://x', 'local-fast', 1, 'down', "
            "0, 0, 'p'"
        )
        await database.execute(
            "INSERT INTO spend (day, model, amount_usd, created_at) SELECT current_date - days, "
            "'m', 1, now() - make_interval(days => days) FROM unnest(ARRAY[1000, 1200]) AS days"
        )
        await retention(database, parts, None).work()
        assert await database.fetch_value("SELECT count(*) FROM route_attempts") == 2
        await age(database, 91)

        await retention(database, parts, None).work()

        rows = await database.fetch("SELECT interaction_id::text FROM route_attempts")
        assert [row["interaction_id"] for row in rows] == [kept]
        assert await database.fetch_value("SELECT count(*) FROM spend") == 1


async def test_events_of_sessions_age_with_interactions(database: Database, tmp_path: Path) -> None:
    async with owning(database, tmp_path) as (parts, _):
        await database.execute(
            "INSERT INTO captured_events (key, session_id, kind, at, tick, project, content, done, "
            "digest, occurrence, received_at) SELECT n::text, 's', 'prompt', now(), 1, 'p', '{}', "
            "n <> 2, 'd', n, now() - make_interval(days => 40 * n) FROM generate_series(1, 3) AS n"
        )
        await retention(database, parts, None).work()
        assert await database.fetch_value("SELECT count(*) FROM captured_events") == 3
        await retention(database, parts, 60).work()
        rows = await database.fetch("SELECT key FROM captured_events ORDER BY key")
        assert [row["key"] for row in rows] == ["1", "2"]
