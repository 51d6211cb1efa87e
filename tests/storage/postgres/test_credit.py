"""The counts of items follow every use and outcome, and are what the ledger says."""

from __future__ import annotations

import asyncio
import random
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hybrid_coordinator.domain.credit import Arm, Stratum
from hybrid_coordinator.domain.interactions import (
    AgentType,
    Exposure,
    NewInteraction,
    Outcome,
    OutcomeKind,
    OutcomeSource,
)
from hybrid_coordinator.domain.items import CollectionName
from hybrid_coordinator.domain.knowledge import NewKnowledge
from hybrid_coordinator.storage.postgres.credit import Credit
from hybrid_coordinator.storage.postgres.database import Database
from hybrid_coordinator.storage.postgres.interactions import InteractionRecords
from hybrid_coordinator.storage.postgres.knowledge import KnowledgeRecords

A, B, C = sorted(str(uuid.uuid5(uuid.NAMESPACE_URL, name)) for name in "abc")
NEW = NewInteraction("shop", "q", "r", AgentType.REMOTE, "m")
SUCCESS, FAILURE = Outcome(OutcomeKind.SUCCESS), Outcome(OutcomeKind.FAILURE)
COLUMNS = "uses, last_use, successes, failures, gained, lost, gained_lately, lost_lately"


@pytest.fixture
def records(database: Database) -> InteractionRecords:
    return InteractionRecords(database)


async def counts(database: Database) -> dict[str, list[float]]:
    rows = await database.fetch(f"SELECT item_id, {COLUMNS} FROM item_stats ORDER BY item_id")
    return {str(row[0]): list(row.values())[1:] for row in rows}


async def test_a_use_counts_by_what_was_made_of_it(
    records: InteractionRecords, database: Database
) -> None:
    exposures = [Exposure(A, 1, cited=True), Exposure(B, 2), Exposure(C, 3, used=False)]
    stored = await records.add(NEW, None, exposures)
    assert await records.exposures(stored) == exposures
    assert (await records.get(stored)).context_provided == 2
    assert await counts(database) == {A: [1, 1, *[0] * 6], B: [1, 1, *[0] * 6]}
    await records.set_outcome(stored, Outcome(OutcomeKind.PARTIAL), 0.5, {})
    assert await counts(database) == {
        A: [1, 1, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5],
        B: [1, 1, 0.5, 0.5, 0.15, 0.15, 0.5, 0.5],
    }


async def test_a_changed_outcome_takes_back_what_was_given(
    records: InteractionRecords, database: Database
) -> None:
    stored = await records.add(NEW, None, [Exposure(A, 1, cited=True)])
    guess = Outcome(OutcomeKind.FAILURE, 0, None, OutcomeSource.INFERRED, 0.6)
    await records.set_outcome(stored, guess, 0.5, {})
    assert (await counts(database))[A] == pytest.approx([1, 1, 0, 1, 0, 0.6, 0, 0.6])
    await records.set_outcome(stored, SUCCESS, 0.5, {})
    assert (await counts(database))[A] == pytest.approx([1, 1, 1, 0, 1, 0, 1, 0])
    await records.set_outcome(stored, Outcome(OutcomeKind.UNKNOWN), 0.5, {})
    assert (await counts(database))[A] == pytest.approx([1, 1, 0, 0, 0, 0, 0, 0])


async def test_each_use_ages_the_ones_before(
    records: InteractionRecords, database: Database
) -> None:
    first = await records.add(NEW, None, [Exposure(A, 1, cited=True)])
    await records.set_outcome(first, SUCCESS, 0.5, {})
    for _ in range(2):
        await records.add(NEW, None, [Exposure(A, 1)])
    aged = [0.995**2, 0, 0.9**2, 0]
    assert (await counts(database))[A] == pytest.approx([3, 3, 1, 0, *aged])
    # An outcome that comes late counts as of its use.
    await records.set_outcome(first, FAILURE, 0.5, {})
    assert (await counts(database))[A] == pytest.approx([3, 3, 0, 1, 0, 0.995**2, 0, 0.9**2])


async def test_what_was_held_back_was_not_used(
    records: InteractionRecords, database: Database
) -> None:
    held = Exposure(A, 1, propensity=0.9, withheld=True, used=False)
    await records.set_outcome(await records.add(NEW, None, [held]), SUCCESS, 0.5, {})
    assert await counts(database) == {}
    assert await records.item_stats([A]) == {}


async def test_a_turn_that_is_known_is_not_used_again(
    records: InteractionRecords, database: Database
) -> None:
    turn = replace(NEW, turn_key="one", context_ids=(A,))
    assert await records.add(turn) == await records.add(turn)
    assert (await counts(database))[A][0] == 1


async def test_what_is_deleted_counts_no_more(
    records: InteractionRecords, database: Database
) -> None:
    kept = await records.add(NEW, None, [Exposure(A, 1, cited=True)])
    await records.set_outcome(kept, SUCCESS, 0.5, {})
    gone = await records.add(NEW, None, [Exposure(A, 1), Exposure(B, 2)])
    await records.set_outcome(gone, FAILURE, 0.5, {})
    await database.execute("DELETE FROM interactions WHERE id = $1", uuid.UUID(gone))
    found = await counts(database)
    assert list(found) == [A]
    assert found[A] == pytest.approx([1, 2, 1, 0, 0.995, 0, 0.9, 0])
    await Credit(database).rebuild()
    assert (await counts(database))[A] == pytest.approx(found[A])


async def test_what_an_item_did_long_ago_fades_to_nothing(
    records: InteractionRecords, database: Database
) -> None:
    first = await records.add(NEW, None, [Exposure(A, 1, cited=True)])
    await records.set_outcome(first, SUCCESS, 0.5, {})
    # As after some 7,000 uses of which nobody told how they ended.
    await database.execute("UPDATE item_stats SET gained_lately = 4.9e-324, gained = 4.9e-324")
    await records.add(NEW, None, [Exposure(A, 1)])
    assert await counts(database) == {A: [2, 2, 1, 0, 0, 0, 0, 0]}


@dataclass(frozen=True)
class Step:
    """Something that happens to the ledger: a use of items, an outcome of an earlier one, or that
    one is deleted."""

    items: Sequence[Exposure] = ()
    of: int = 0
    outcome: Outcome | None = None


def exposures() -> st.SearchStrategy[list[Exposure]]:
    state = st.sampled_from(
        [(False, True, True), (False, False, True), (True, False, False), (False, False, False)]
    )
    one = st.tuples(st.sampled_from([A, B, C]), state).map(
        lambda drawn: Exposure(
            drawn[0], 1, None, 0.9, withheld=drawn[1][0], cited=drawn[1][1], used=drawn[1][2]
        )
    )
    return st.lists(one, max_size=3, unique_by=lambda each: each.item_id)


OUTCOMES = st.builds(
    Outcome,
    st.sampled_from(OutcomeKind),
    source=st.sampled_from(OutcomeSource),
    confidence=st.sampled_from([0.3, 0.65, 1.0]),
)
HISTORIES = st.lists(
    st.one_of(
        st.builds(Step, items=exposures()),
        st.builds(Step, of=st.integers(0, 50), outcome=OUTCOMES),
        st.builds(Step, of=st.integers(0, 50)),
    ),
    max_size=40,
)


@settings(
    max_examples=25,
    deadline=None,
    # One database for all examples: each starts by emptying it.
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(history=HISTORIES)
async def test_any_history_counts_as_the_ledger_says(
    database: Database, records: InteractionRecords, history: list[Step]
) -> None:
    await database.execute("TRUNCATE interactions, item_stats CASCADE")
    stored: list[str] = []
    for step in history:
        if step.items:
            stored.append(await records.add(NEW, None, step.items))
        elif stored and step.outcome is not None:
            await records.set_outcome(stored[step.of % len(stored)], step.outcome, 0.5, {})
        elif stored:
            gone = stored.pop(step.of % len(stored))
            await database.execute("DELETE FROM interactions WHERE id = $1", uuid.UUID(gone))
    kept = await counts(database)
    await Credit(database).rebuild()
    rebuilt = await counts(database)
    assert list(kept) == list(rebuilt)
    for item, numbers in kept.items():
        assert numbers == pytest.approx(rebuilt[item], rel=1e-9, abs=1e-9)


async def test_counts_can_be_made_from_nothing(
    records: InteractionRecords, database: Database
) -> None:
    for number in range(20):
        stored = await records.add(NEW, None, [Exposure(A, 1), Exposure(B, 2, cited=True)])
        await records.set_outcome(stored, SUCCESS if number % 3 else FAILURE, 0.5, {})
    kept = await counts(database)
    await database.execute("TRUNCATE item_stats")
    await Credit(database).rebuild()
    rebuilt = await counts(database)
    assert rebuilt.keys() == kept.keys() == {A, B}
    for item, numbers in kept.items():
        assert numbers == pytest.approx(rebuilt[item], rel=1e-9)


async def test_writers_of_the_same_items_do_not_lock_each_other_out(
    records: InteractionRecords, database: Database
) -> None:
    items = [str(uuid.UUID(int=number)) for number in range(6)]

    async def work(seed: int) -> None:
        draws = random.Random(seed)
        for _ in range(8):
            shown = draws.sample(items, 4)
            stored = await records.add(replace(NEW, context_ids=tuple(shown)))
            await records.set_outcome(stored, draws.choice([SUCCESS, FAILURE]), 0.5, {})
            adopted = records.adopt(
                stored,
                replace(NEW, turn_key=stored, session_id="s"),
                [Exposure(each, rank) for rank, each in enumerate(draws.sample(items, 4), 1)],
            )
            again = records.set_outcome(stored, SUCCESS, 0.5, {})
            assert (await asyncio.gather(adopted, again))[0]
            if draws.random() < 0.2:
                await database.execute("DELETE FROM interactions WHERE id = $1", uuid.UUID(stored))

    async with asyncio.timeout(300):
        await asyncio.gather(*(work(seed) for seed in range(8)), Credit(database).rebuild())
    kept = await counts(database)
    await Credit(database).rebuild()
    rebuilt = await counts(database)
    assert kept.keys() == rebuilt.keys()
    for item, numbers in kept.items():
        assert numbers == pytest.approx(rebuilt[item], rel=1e-9, abs=1e-9)


async def test_who_adopts_waits_for_a_deletion_before_anyone_waits_for_him(
    records: InteractionRecords, database: Database
) -> None:
    stored = await records.add(NEW)
    turn = replace(NEW, turn_key="t", session_id="s")
    locks = "SELECT count(*) FROM pg_locks"
    waiting = f"{locks} WHERE relation = 'item_stats'::regclass AND NOT granted"
    async with (
        asyncio.timeout(60),
        asyncio.TaskGroup() as group,
        database.transaction() as deletion,
    ):
        await deletion.execute("LOCK TABLE item_stats IN SHARE ROW EXCLUSIVE MODE")
        adopted = group.create_task(records.adopt(stored, turn, [Exposure(A, 1)]))
        while not await deletion.fetch_value(waiting):
            await asyncio.sleep(0)
        row = "SELECT FROM interactions WHERE id = $1 FOR UPDATE NOWAIT"
        assert await deletion.fetch(row, uuid.UUID(stored))
    assert adopted.result()


async def test_who_adopts_for_a_turn_that_is_being_stored_finds_it_stored(
    records: InteractionRecords, database: Database
) -> None:
    tracked = await records.add(NEW)
    turn = replace(NEW, turn_key="t", session_id="s")
    waiting = "SELECT count(*) FROM pg_locks WHERE locktype = 'transactionid' AND NOT granted"
    async with (
        asyncio.timeout(60),
        asyncio.TaskGroup() as group,
        database.transaction() as other,
    ):
        await other.execute(
            "INSERT INTO interactions (id, project, session_id, query, response, agent_type,"
            " model_used, tokens_used, latency_ms, turn_key, created_at, interrupted)"
            " SELECT gen_random_uuid(), project, 's', query, response, agent_type, model_used,"
            " tokens_used, latency_ms, 't', now(), false FROM interactions"
        )
        adopted = group.create_task(records.adopt(tracked, turn, [Exposure(A, 1)]))
        while not await other.fetch_value(waiting):
            await asyncio.sleep(0)
    assert not adopted.result()
    assert await counts(database) == {}


async def test_what_the_rest_of_an_answer_cites_has_its_credit(
    records: InteractionRecords, database: Database
) -> None:
    turn = replace(NEW, turn_key="t", session_id="s", response="First")
    shown = [Exposure(A, 1, cited=False), Exposure(B, 2, cited=False)]
    stored = await records.add(turn, exposures=shown)
    await records.set_outcome(stored, SUCCESS, 0.5, {})
    before = await counts(database)

    assert await records.complete(replace(turn, response="First, then"), [A])

    assert [each.cited for each in await records.exposures(stored)] == [True, False]
    kept = await counts(database)
    assert kept[A] != before[A]
    assert kept[B] == before[B]
    await Credit(database).rebuild()
    rebuilt = await counts(database)
    for item, numbers in kept.items():
        assert numbers == pytest.approx(rebuilt[item], rel=1e-9)
    assert not await records.complete(replace(turn, response="First"), [B])
    assert await counts(database) == rebuilt


def arm(interactions: int, success: float) -> Arm:
    return Arm(interactions, interactions, success)


async def test_what_chance_chose_is_counted_by_stratum(
    records: InteractionRecords, database: Database
) -> None:
    async def call(outcome: Outcome | None, *items: Exposure, project: str = "shop") -> None:
        stored = await records.add(replace(NEW, project=project), None, items)
        if outcome is not None:
            await records.set_outcome(stored, outcome, 0.5, {})

    def at_stake(item: str, propensity: float, *, held: bool = False) -> Exposure:
        return Exposure(item, 1, None, propensity, withheld=held, used=not held)

    await call(SUCCESS, at_stake(A, 0.9), at_stake(B, 0.9), Exposure(C, 3, None, 1.0))
    await call(FAILURE, at_stake(A, 0.9, held=True), at_stake(B, 0.9))
    await call(SUCCESS, at_stake(A, 0.8))
    await call(Outcome(OutcomeKind.PARTIAL), at_stake(A, 0.8), project="other")
    await call(Outcome(OutcomeKind.UNKNOWN), at_stake(A, 0.8, held=True))
    await call(None, at_stake(A, 0.8, held=True))
    await call(SUCCESS, Exposure(A, 1))

    credit = Credit(database)
    both = Stratum(arm(1, 1), arm(1, 0))
    assert await credit.calls(None) == [Stratum(arm(2, 1.5), Arm()), both]
    assert await credit.calls("shop") == [Stratum(arm(1, 1), Arm()), both]
    assert await credit.of_items([A, B, C]) == {
        A: [Stratum(arm(2, 1.5), Arm()), both],
        B: [Stratum(arm(2, 1), Arm())],
    }


async def test_entries_stand_beside_their_peers(
    records: InteractionRecords, database: Database
) -> None:
    knowledge, credit = KnowledgeRecords(database), Credit(database)
    offered = NewKnowledge(CollectionName.SKILLS_PATTERNS, "shop", "One", "Do.")
    one, _ = await knowledge.store(offered)
    two, _ = await knowledge.store(replace(offered, title="Two"))
    unused, _ = await knowledge.store(replace(offered, title="Three"))
    elsewhere, _ = await knowledge.store(replace(offered, title="One", project="other"))
    for item, outcome in ((one, SUCCESS), (two, FAILURE), (elsewhere, SUCCESS)):
        stored = await records.add(NEW, None, [Exposure(item, 1, cited=True)])
        await records.set_outcome(stored, outcome, 0.5, {})
    found = {entry.id: entry for entry in await credit.entries(None)}
    assert found.keys() == {one, two, elsewhere}
    assert (found[one].known.success, found[one].peers.failure) == (1, 1)
    assert found[elsewhere].peers.total == 0
    assert {entry.id for entry in await credit.entries("other")} == {elsewhere}
    await knowledge.deprecate(two, "Because of this")
    assert {entry.id for entry in await credit.entries("shop")} == {one}
    assert [each.item_id for each in await credit.retired(None, "Because")] == [two]
    assert await credit.retired(None, "By") == []
    assert unused not in found


async def test_past_uses_tell_what_stood_out(
    records: InteractionRecords, database: Database
) -> None:
    def at(item: str, rank: int, **more: bool) -> Exposure:
        return Exposure(item, rank, 0.5, 1.0, **more)

    known = await records.add(NEW, None, [at(A, 1, cited=True), at(B, 2), at(C, 3, used=False)])
    await records.set_outcome(known, SUCCESS, 0.5, {})
    alike = await records.add(NEW, None, [at(A, 1), at(B, 2)])
    await records.set_outcome(alike, SUCCESS, 0.5, {})
    failed = await records.add(NEW, None, [Exposure(A, 1, cited=True)])
    await records.set_outcome(failed, replace(FAILURE, confidence=0.5), 0.5, {})
    open_ended = await records.add(NEW, None, [Exposure(A, 1)])

    found = await records.past_uses([known, alike, failed, open_ended], [A, B])
    credit = {(interaction, item): value for interaction, item, value in found}
    mean = (1 + 0.3 + 0) / 3
    assert credit == pytest.approx(
        {
            (known, A): 1 - mean,
            (known, B): 0.3 - mean,
            (alike, A): 0,
            (alike, B): 0,
            (failed, A): -0.5,
        }
    )
