"""Training data as the record has it: one export at a time, places for good, connections given
back."""

from __future__ import annotations

import asyncio
from contextlib import aclosing

from hybrid_coordinator.domain.interactions import (
    AgentType,
    NewInteraction,
    Outcome,
    OutcomeKind,
    OutcomeSource,
)
from hybrid_coordinator.domain.training import Place
from hybrid_coordinator.storage.postgres.database import Database
from hybrid_coordinator.storage.postgres.interactions import InteractionRecords
from hybrid_coordinator.storage.postgres.training import TrainingRecords

PLACE = Place("test", b"group", b"signature")


async def add(database: Database, kind: OutcomeKind, value: float, query: str = "q") -> str:
    """An interaction with that outcome; returns its id."""
    records = InteractionRecords(database)
    new = NewInteraction("app", query, "a", AgentType.REMOTE, "m", session_id="s")
    key = await records.add(new)
    guess = Outcome(kind, 0, "seen", OutcomeSource.INFERRED, 0.8)
    await records.set_outcome(key, guess, value, {})
    return key


async def test_candidates_are_what_succeeded_or_is_unknown_oldest_first(
    database: Database,
) -> None:
    kinds = [kind for _ in range(60) for kind in OutcomeKind]
    stored = [await add(database, kind, n / len(kinds)) for n, kind in enumerate(kinds)]
    wanted = [
        key
        for n, (key, kind) in enumerate(zip(stored, kinds, strict=True))
        if kind in (OutcomeKind.SUCCESS, OutcomeKind.UNKNOWN) and n / len(kinds) >= 0.5
    ]
    async with TrainingRecords(database).exporting() as export:
        found = [each async for each in export.candidates(0.5, "cut")]
        failed = [each.id async for each in export.failures(0.8)]
        assert [each async for each in export.failures(0.81)] == []
    assert [each.id for each in found] == wanted
    assert failed == [
        key for key, kind in zip(stored, kinds, strict=True) if kind is OutcomeKind.FAILURE
    ]
    assert (found[0].outcome.source, found[0].outcome.confidence) == (OutcomeSource.INFERRED, 0.8)
    assert (found[0].session_id, found[0].cut, found[0].split) == ("s", False, None)


async def test_a_place_is_for_good_and_goes_with_its_interaction(database: Database) -> None:
    kept, gone = [await add(database, OutcomeKind.SUCCESS, 1.0) for _ in range(2)]
    records = TrainingRecords(database)
    async with records.exporting() as export:
        await export.assign([(kept, PLACE), (gone, PLACE)])
        await export.assign([(kept, Place("train", b"other", b"x"))])
    await database.execute("DELETE FROM interactions WHERE id = $1", gone)
    async with records.exporting() as export:
        assert [each async for each in export.assigned()] == [(PLACE, "s")]
        (found,) = [each async for each in export.candidates(0.0, "cut")]
        assert (found.id, found.split, found.task_group) == (kept, "test", b"group")
        await export.assign([(gone, PLACE)])  # deleted while it was being exported
    assert await database.fetch_value("SELECT count(*) FROM training_groups") == 1


async def test_exports_come_one_after_the_other(database: Database) -> None:
    key = await add(database, OutcomeKind.SUCCESS, 1.0)
    first_is_in, first_may_end = asyncio.Event(), asyncio.Event()
    order: list[str] = []

    async def first() -> None:
        async with TrainingRecords(database).exporting() as export:
            first_is_in.set()
            await first_may_end.wait()
            await export.assign([(key, PLACE)])
            order.append("first")

    async def second() -> None:
        await first_is_in.wait()
        async with TrainingRecords(database).exporting() as export:
            order.append("second")
            assert [place async for place, _ in export.assigned()] == [PLACE]

    async with asyncio.timeout(60), asyncio.TaskGroup() as group:
        group.create_task(first())
        group.create_task(second())
        while not await database.fetch_value(
            "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
        ):
            await asyncio.sleep(0)
        assert order == []
        first_may_end.set()
    assert order == ["first", "second"]


async def test_outcomes_are_told_while_an_export_goes_on(database: Database) -> None:
    key = await add(database, OutcomeKind.SUCCESS, 1.0)
    async with asyncio.timeout(60), TrainingRecords(database).exporting() as export:
        await export.assign([(key, PLACE)])
        assert await InteractionRecords(database).set_outcome(
            key, Outcome(OutcomeKind.FAILURE), 0.0, {}
        )


async def test_an_export_left_early_gives_its_connection_back(database: Database) -> None:
    for _ in range(3):
        await add(database, OutcomeKind.SUCCESS, 1.0)
    records = TrainingRecords(database)
    for _ in range(25):
        async with (
            records.exporting() as export,
            aclosing(export.candidates(0.0, "cut")) as rows,
        ):
            async for _row in rows:
                break
    assert await database.fetch_value("SELECT 1") == 1


async def test_new_examples_are_those_told_since_the_latest_dataset(database: Database) -> None:
    records = TrainingRecords(database)
    old = await add(database, OutcomeKind.SUCCESS, 0.9)
    await add(database, OutcomeKind.SUCCESS, 0.6)
    await add(database, OutcomeKind.FAILURE, 0.9)
    assert await records.count_new(0.7, 0.7) == 1
    assert await records.count_new(0.7, 0.81) == 0
    await database.execute(
        "INSERT INTO datasets (format, directory, examples, manifest)"
        """ VALUES ('f', '/d', 1, '{"project": "app"}')"""
    )
    assert await records.count_new(0.7, 0.7) == 1  # that of a project has not all
    await database.execute(
        "INSERT INTO datasets (format, directory, examples, manifest) VALUES ('f', '/d', 1, '{}')"
    )
    assert await records.count_new(0.7, 0.7) == 0
    stated = Outcome(OutcomeKind.SUCCESS)
    await InteractionRecords(database).set_outcome(old, stated, 0.9, {})
    assert await records.count_new(0.7, 0.7) == 1
