"""What hooks tell, on a real Postgres."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from hybrid_coordinator.domain.captured import CapturedEvent, EventKind
from hybrid_coordinator.storage.postgres.captured import CapturedEvents, OpenEvent
from hybrid_coordinator.storage.postgres.database import Database

SHOWING = "0198c5a2-7b1e-7c3d-8f00-0123456789ab"
PROMPT = CapturedEvent(
    key="k1",
    session_id="s",
    kind=EventKind.PROMPT,
    at=datetime(2026, 11, 21, 12, tzinfo=UTC),
    tick=5,
    project="app",
    prompt_id="p1",
    digest="d1",
    content={"prompt": "fix it"},
)
STOP = replace(PROMPT, key="k2", kind=EventKind.STOP, digest=None, tick=6, content={"response": ""})


async def test_an_event_is_kept_once_as_it_was_told(database: Database) -> None:
    records = CapturedEvents(database)
    assert await records.last_event() is None
    assert await records.add(STOP)
    assert await records.add(PROMPT)
    assert not await records.add(replace(PROMPT, content={"prompt": "another"}))
    assert await records.of_session("s") == [OpenEvent(PROMPT), OpenEvent(STOP)]
    assert await records.of_session("another") == []
    assert await records.waiting() == 2
    assert await records.last_event() is not None


async def test_a_finished_event_is_emptied_and_still_known(database: Database) -> None:
    records = CapturedEvents(database)
    await records.add(PROMPT)
    await records.finish(["k1", "unknown"])
    assert await records.of_session("s") == []
    assert not await records.add(PROMPT)
    await records.show("k1", SHOWING)
    (row,) = await database.fetch("SELECT content, showing_id FROM captured_events")
    assert (row["content"], row["showing_id"]) == ({}, None)


async def test_a_showing_is_noted_with_its_prompt(database: Database) -> None:
    records = CapturedEvents(database)
    await records.add(PROMPT)
    await records.show("k1", SHOWING)
    assert await records.of_session("s") == [OpenEvent(PROMPT, SHOWING)]


async def test_prompts_are_numbered_by_thread_and_digest_once(database: Database) -> None:
    records = CapturedEvents(database)
    events = [replace(PROMPT, key=f"k{number}") for number in range(3)]
    events.append(replace(PROMPT, key="sub", agent_id="a1"))
    events.append(replace(PROMPT, key="other", session_id="t"))
    for event in events:
        await records.add(event)
    numbers = [await records.number(event.key, "d1") for event in events]
    assert numbers == [1, 2, 3, 1, 1]
    assert await records.number("k1", "d1") == 2
    assert await records.number("k1", "d2") == 2


async def test_open_sessions_come_with_whether_they_were_given_up(database: Database) -> None:
    records = CapturedEvents(database)
    await records.add(PROMPT)
    await records.add(replace(STOP, session_id="t"))
    await records.add(replace(STOP, key="k3", session_id="done"))
    await records.finish(["k3"])
    await database.execute(
        "UPDATE captured_events SET received_at = now() - interval '2 hours' WHERE session_id = 's'"
    )
    assert await records.open_sessions(3600) == [("s", True), ("t", False)]


async def test_old_finished_events_are_forgotten_but_for_the_count_of_prompts(
    database: Database,
) -> None:
    records = CapturedEvents(database)
    for event in (PROMPT, STOP, replace(STOP, key="open")):
        await records.add(event)
    await records.number("k1", "d1")
    await records.finish(["k1", "k2"])
    await records.forget(30)
    assert len(await database.fetch("SELECT FROM captured_events")) == 3
    await database.execute("UPDATE captured_events SET received_at = now() - interval '31 days'")
    await records.forget(30)
    left = await database.fetch("SELECT key FROM captured_events ORDER BY key")
    assert [row["key"] for row in left] == ["k1", "open"]


async def test_an_event_of_a_recorded_turn_stays_until_the_turn_is_over(
    database: Database,
) -> None:
    records = CapturedEvents(database)
    await records.add(PROMPT)
    await records.mark(["k1"])
    assert await records.of_session("s") == [OpenEvent(PROMPT, recorded=True)]
    assert await records.waiting() == 0
    await records.finish(["k1"])
    assert await records.of_session("s") == []
