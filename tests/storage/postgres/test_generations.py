"""What each generation of the index has of the record, on a real Postgres."""

from __future__ import annotations

import asyncio

import pytest

from hybrid_coordinator.domain.interactions import AgentType, NewInteraction
from hybrid_coordinator.domain.items import CollectionName
from hybrid_coordinator.domain.knowledge import NewKnowledge
from hybrid_coordinator.errors import NotFoundError, StorageError
from hybrid_coordinator.storage.postgres.database import Database
from hybrid_coordinator.storage.postgres.forgotten import Tombstones
from hybrid_coordinator.storage.postgres.generations import (
    EmbedderRecord,
    Generations,
    GenerationState,
)
from hybrid_coordinator.storage.postgres.interactions import InteractionRecords
from hybrid_coordinator.storage.postgres.knowledge import KnowledgeRecords
from hybrid_coordinator.storage.postgres.source_files import SourceFile, SourceFiles

MODEL = EmbedderRecord("m", 8, "r")
EMBEDDING = {"provider": "static"}


async def test_a_switch_makes_what_was_built_what_is_projected(database: Database) -> None:
    generations = Generations(database)
    interactions, knowledge = InteractionRecords(database), KnowledgeRecords(database)
    tracked = [
        await interactions.add(NewInteraction("p", f"q{n}", "r", AgentType.LOCAL, "m"))
        for n in range(3)
    ]
    skills = CollectionName.SKILLS_PATTERNS
    learned = [
        (await knowledge.store(NewKnowledge(skills, "p", f"t{n}", "c", {})))[0] for n in range(3)
    ]
    await interactions.mark_projected([(each, 1) for each in tracked], 1)
    await knowledge.mark_projected([(each, 1) for each in learned], 1)
    number = await generations.begin("embedded", EMBEDDING, MODEL)
    assert len(await interactions.unbuilt(None, 9)) == len(await knowledge.unbuilt(None, 9)) == 3
    await interactions.mark_built([(tracked[0], 1)])
    await knowledge.mark_built([(learned[1], 1)])
    assert await generations.progress(number) == (2, 6)

    await generations.switch(number, [], await generations.manifest_mark())

    assert {row.id for row, _ in await interactions.unprojected(9)} == set(tracked[1:])
    waiting = {item.id for item in await knowledge.unprojected(9)}
    assert waiting == {learned[0], learned[2]}
    states = [(one.number, one.state) for one in await generations.all()]
    assert states == [(1, GenerationState.RETIRED), (2, GenerationState.SERVING)]
    # The next one begins with nothing, whatever the last one had.
    await generations.begin("embedded", EMBEDDING, MODEL)
    assert len(await interactions.unbuilt(None, 9)) == len(await knowledge.unbuilt(None, 9)) == 3


@pytest.mark.parametrize("working", [False, True])
async def test_a_turn_that_is_cancelled_anywhere_is_over(
    database: Database, dsn: str, working: bool
) -> None:
    async def turn() -> None:
        async with Generations(database).turn():
            if working:
                await asyncio.Event().wait()

    others = await Database.connect(dsn, timeout=10)
    for steps in range(60):
        task = asyncio.create_task(turn())
        for _ in range(steps):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        async with asyncio.timeout(30):  # the server has to see that a connection was closed
            ours = False
            while not ours:
                async with Generations(others).turn() as ours:
                    pass
    await others.close()


async def test_each_generation_has_its_own_manifest(database: Database) -> None:
    generations, serving = Generations(database), SourceFiles(database)
    await serving.put("shop", "/r", [SourceFile("a.py", "1", ()), SourceFile("b.py", "1", ())])
    number = await generations.begin("embedded", EMBEDDING, MODEL)
    building = SourceFiles(database, lambda: number)
    assert await building.roots() == []
    assert await generations.differing_roots(number) == [("shop", "/r")]
    await building.put("shop", "/r", [SourceFile("a.py", "1", ()), SourceFile("b.py", "2", ())])
    assert await generations.differing_roots(number) == [("shop", "/r")]
    await building.put("shop", "/r", [SourceFile("b.py", "1", ())])
    assert await generations.differing_roots(number) == []

    await generations.switch(number, [], await generations.manifest_mark())
    await generations.forget(1)

    assert sorted(await serving.manifest("shop", "/r")) == ["a.py", "b.py"]
    assert [one.number for one in await generations.all()] == [number]


async def test_only_one_is_built_at_a_time(database: Database) -> None:
    generations = Generations(database)
    await generations.begin("embedded", EMBEDDING, MODEL)
    with pytest.raises(StorageError, match="index_generations_state"):
        await generations.begin("embedded", EMBEDDING, MODEL)


async def test_what_is_not_being_built_any_more_cannot_take_over(database: Database) -> None:
    generations = Generations(database)
    number = await generations.begin("embedded", EMBEDDING, MODEL)
    await generations.switch(number, [], await generations.manifest_mark())
    for _ in range(2):
        with pytest.raises(StorageError, match="no longer being built"):
            await generations.switch(number, [], await generations.manifest_mark())
    assert (await generations.serving()).number == number


async def test_files_that_another_coordinator_wrote_since_give_the_switch_up(
    database: Database,
) -> None:
    generations, serving = Generations(database), SourceFiles(database)
    number = await generations.begin("embedded", EMBEDDING, MODEL)
    mark = await generations.manifest_mark()
    await serving.put("shop", "/r", [SourceFile("a.py", "1", ())])
    assert not await generations.switch(number, [], mark)
    assert (await generations.serving()).number == 1
    assert await generations.switch(number, [], await generations.manifest_mark())
    assert (await generations.serving()).number == number


async def test_what_is_said_of_a_generation_that_does_not_serve_is_refused(
    database: Database,
) -> None:
    generations, tombstones = Generations(database), Tombstones(database)
    interactions, knowledge = InteractionRecords(database), KnowledgeRecords(database)
    tracked = await interactions.add(NewInteraction("p", "q", "r", AgentType.LOCAL, "m"))
    skills = CollectionName.SKILLS_PATTERNS
    learned, _ = await knowledge.store(NewKnowledge(skills, "p", "t", "c", {}))
    number = await generations.begin("embedded", EMBEDDING, MODEL)
    await generations.switch(number, [], await generations.manifest_mark())
    for said in (
        interactions.mark_projected([(tracked, 1)], 1),
        knowledge.mark_projected([(learned, 1)], 1),
        tombstones.removed([tracked], 1),
    ):
        with pytest.raises(NotFoundError, match="generation 1 of the index does not serve"):
            await said
    assert len(await interactions.unprojected(9)) == len(await knowledge.unprojected(9)) == 1
    await interactions.mark_projected([(tracked, 1)], number)
    await knowledge.mark_projected([(learned, 1)], number)
    assert await interactions.unprojected(9) == []
    assert await knowledge.unprojected(9) == []


async def test_one_coordinator_builds_at_a_time(database: Database) -> None:
    generations = Generations(database)
    async with generations.turn() as ours:
        async with generations.turn() as anothers:
            assert (ours, anothers) == (True, False)
        async with generations.turn() as anothers:
            assert not anothers
    async with generations.turn() as ours:
        assert ours
