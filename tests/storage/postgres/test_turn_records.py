"""Turns of coding sessions in the record: stored once, completed, and read back in order."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from hybrid_coordinator.domain.interactions import AgentType, NewInteraction, Outcome, OutcomeKind
from hybrid_coordinator.domain.turns import Action, ActionKind
from hybrid_coordinator.storage.postgres.database import Database
from hybrid_coordinator.storage.postgres.ids import id_at
from hybrid_coordinator.storage.postgres.interactions import InteractionRecords

NOON = datetime(2026, 3, 1, 12, 0, 0, 250_000, tzinfo=UTC)
TESTS = Action(ActionKind.COMMAND, "pytest -q", False, 1, "1 failed", NOON)
FIX = Action(ActionKind.EDIT, "src/login.py", True, None, "-a\n+b", NOON + timedelta(seconds=3))


def turn(key: str = "k1", minutes: int = 0, **changes: object) -> NewInteraction:
    new = NewInteraction(
        "shop",
        "why does the login fail?",
        "the clock is off",
        AgentType.REMOTE,
        "claude",
        session_id="s1",
        turn_key=key,
        created_at=NOON + timedelta(minutes=minutes),
        actions=(TESTS, FIX),
    )
    return replace(new, **changes)


@pytest.fixture
def records(database: Database) -> InteractionRecords:
    return InteractionRecords(database)


def test_ids_of_the_past_are_in_the_order_of_their_moments() -> None:
    moments = [NOON + timedelta(microseconds=each) for each in (-1_000_000, 0, 1, 2, 1000)]
    ids = [id_at(moment) for moment in moments]
    assert ids == sorted(ids)
    assert ids[1].int >> 80 == round(NOON.timestamp() * 1000)
    assert {(each.version, each.variant) for each in ids} == {(7, UUID(int=0x8 << 60).variant)}
    assert id_at(datetime(1969, 1, 1, tzinfo=UTC)).int >> 64 == 0x7000


async def test_a_turn_has_the_time_and_the_place_of_when_it_happened(
    records: InteractionRecords,
) -> None:
    later = await records.add(turn("k2", minutes=5))
    earlier = await records.add(turn("k1"))
    now = await records.add(turn("k3", created_at=None))
    assert earlier < later < now
    assert (await records.get(earlier)).created_at == NOON
    assert [row.id for row in await records.page(None, 10)] == [earlier, later, now]


async def test_its_steps_come_back_in_order(records: InteractionRecords) -> None:
    assert await records.actions(await records.add(turn())) == [TESTS, FIX]
    assert await records.actions(await records.add(turn("k2", actions=()))) == []


async def test_a_turn_that_is_known_adds_nothing(
    records: InteractionRecords, database: Database
) -> None:
    first = await records.add(turn())
    again = await records.add(turn(response="something else", context_ids=(first,)))
    assert again == first
    assert (await records.get(first)).response == "the clock is off"
    for table, rows in {"interactions": 1, "actions": 2, "exposures": 0}.items():
        assert await database.fetch_value(f"SELECT count(*) FROM {table}") == rows


async def test_reports_at_once_make_one_turn(
    records: InteractionRecords, database: Database
) -> None:
    ids = await asyncio.gather(*(records.add(turn()) for _ in range(8)))
    assert len(set(ids)) == 1
    assert await database.fetch_value("SELECT count(*) FROM interactions") == 1
    assert await records.actions(ids[0]) == [TESTS, FIX]


async def test_interactions_without_a_key_are_never_the_same(records: InteractionRecords) -> None:
    assert await records.add(turn(turn_key=None)) != await records.add(turn(turn_key=None))


async def test_a_fuller_report_completes_a_turn(records: InteractionRecords) -> None:
    first = await records.add(
        turn(response="the clock", actions=(TESTS,), interrupted=True, latency_ms=9)
    )
    await records.mark_projected([(first, 1)], 1)
    assert await records.complete(turn(latency_ms=7, tokens_used=20))
    found = await records.get(first)
    assert (found.response, found.latency_ms, found.tokens_used) == ("the clock is off", 9, 20)
    assert await records.actions(first) == [TESTS, FIX]
    (stored,) = await records.session_turns("shop", "s1")
    assert not stored.turn.interrupted
    assert [row.id for row, _ in await records.unprojected(10)] == [first]


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"response": "the"},
        {"response": "another answer, much longer than the first"},
        {"response": "", "actions": ()},
        {"actions": (FIX,)},
        {"interrupted": True},
        {"turn_key": "unknown"},
    ],
)
async def test_a_report_that_has_nothing_more_changes_nothing(
    records: InteractionRecords, change: dict[str, object]
) -> None:
    first = await records.add(turn())
    before = await records.session_turns("shop", "s1")
    assert not await records.complete(turn(**change))
    assert await records.session_turns("shop", "s1") == before
    assert await records.actions(first) == [TESTS, FIX]


async def test_the_turns_of_a_session_come_back_oldest_first(records: InteractionRecords) -> None:
    second = await records.add(turn("k2", minutes=5, agent="a7", interrupted=True, actions=()))
    first = await records.add(turn("k1"))
    await records.add(turn("k3", session_id="s2"))
    await records.add(turn("k4", project="other"))
    await records.add(turn(turn_key=None))
    outcome = Outcome(OutcomeKind.SUCCESS, 0, "it passed")
    await records.set_outcome(second, outcome, 0.5, {})

    found = await records.session_turns("shop", "s1")

    assert [each.id for each in found] == [first, second]
    assert found[0].turn.actions == (TESTS, FIX)
    assert found[0].outcome is None
    assert (found[0].turn.key, found[0].turn.started_at) == ("k1", NOON)
    assert (found[1].turn.agent, found[1].turn.interrupted) == ("a7", True)
    assert found[1].outcome == outcome
    assert [each.id for each in await records.session_turns("shop", "s1", 1)] == [second]


async def test_known_turns_are_told_from_others(records: InteractionRecords) -> None:
    first = await records.add(turn())
    assert await records.known_turns(["k1", "k2"]) == {"k1": first}


@pytest.mark.parametrize(
    ("change", "same"),
    [
        ({"session_id": "s2"}, True),
        ({"session_id": "s2", "created_at": NOON + timedelta(seconds=5)}, True),
        ({}, False),
        ({"session_id": "s2", "created_at": NOON + timedelta(minutes=5)}, False),
        ({"session_id": "s2", "response": "b"}, False),
        ({"session_id": "s2", "query": "b"}, False),
        ({"session_id": "s2", "project": "b"}, False),
    ],
)
async def test_a_copied_turn_is_known(
    records: InteractionRecords, change: dict[str, object], same: bool
) -> None:
    await records.add(turn())
    assert await records.same_elsewhere(turn("k2", **change)) is same
