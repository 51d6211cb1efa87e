"""The shelf of patterns: one entry for what is the same, weighed by how its evidence stands."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from hybrid_coordinator.domain.interactions import OutcomeKind
from hybrid_coordinator.domain.items import CollectionName
from hybrid_coordinator.domain.knowledge import Delta, NewKnowledge, Origin
from hybrid_coordinator.knowledge.collections import load_collections
from hybrid_coordinator.learning.patterns.pattern import Pattern
from hybrid_coordinator.storage.postgres.jobs import JobRecords
from tests.learning.patterns.conftest import Desk
from tests.support.patterns import PAGINATION, TASK

REWORDED = {
    "problem_type": "Last page of a pagination is missing rows",
    "solution_approach": "Use ceiling division for the count of pages; test an exact multiple.",
    "skills_used": ["Ceiling division", "boundary tests"],
}
OTHER = {
    "problem_type": "Pagination loses the last row",
    "solution_approach": "Ask the source for a cursor to the next page until there is none.",
}


def pattern(**changed: Any) -> Pattern:
    return Pattern.model_validate({**PAGINATION, **changed})


async def keep(desk: Desk, interaction_id: str, **changed: Any) -> str:
    return await desk.shelf.keep(pattern(**changed), await desk.interactions.get(interaction_id))


async def test_a_pattern_is_an_entry_with_its_evidence(desk: Desk) -> None:
    solved = await desk.solved(value=0.8)
    entry = await keep(desk, solved)
    (item,) = await desk.entries()
    assert (item.id, item.collection, item.project) == (
        entry,
        CollectionName.SKILLS_PATTERNS,
        "app",
    )
    assert item.title.startswith("Pagination loses the last row: Compute the number")
    assert item.content.startswith(PAGINATION["generalisable_pattern"])
    assert PAGINATION["when_not_to_use"] in item.content
    assert PAGINATION["solution_approach"] not in item.content, "a field has it"
    assert item.fields["solution_approach"] == PAGINATION["solution_approach"]
    assert item.fields["usage_pattern"] == PAGINATION["when_to_use"]
    assert item.fields["success_examples"] == [TASK]
    assert item.fields["value_score"] == 0.8
    assert await desk.knowledge.evidence(entry) == [(solved, True)]
    assert desk.woken
    definition = load_collections()[CollectionName.SKILLS_PATTERNS]
    assert definition.validate_fields(item.fields) == item.fields


async def test_the_same_from_another_task_sums_its_evidence_and_keeps_the_words(
    desk: Desk,
) -> None:
    first, second = await desk.solved(value=0.8), await desk.solved(f"{TASK} again", value=0.9)
    entry = await keep(desk, first)
    (before,) = await desk.entries()
    assert await keep(desk, second, **REWORDED) == entry
    (after,) = await desk.entries()
    assert (after.title, after.content) == (before.title, before.content)
    assert after.fields["success_examples"] == [f"{TASK} again", TASK]
    assert after.fields["value_score"] == 0.85
    assert after.fields["related_skills"] == ["ceiling division", "pytest", "boundary tests"]
    assert await desk.knowledge.evidence(entry) == [(first, True), (second, True)]


async def test_another_approach_to_the_same_problem_is_another_pattern(desk: Desk) -> None:
    entry = await keep(desk, await desk.solved())
    assert await keep(desk, await desk.solved(), **OTHER) != entry
    assert len(await desk.entries()) == 2


async def test_projects_do_not_share_a_pattern(desk: Desk) -> None:
    await keep(desk, await desk.solved())
    await keep(desk, await desk.solved(project="shop"))
    assert len(await desk.entries()) == len(await desk.entries("shop")) == 1


async def test_keeping_it_twice_changes_nothing(desk: Desk) -> None:
    solved = await desk.solved()
    await keep(desk, solved)
    (before,) = await desk.entries()
    await keep(desk, solved)
    assert await desk.entries() == [before]


async def test_thirty_merges_keep_every_word(desk: Desk) -> None:
    entry = await keep(desk, await desk.solved())
    (before,) = await desk.entries()
    for number in range(30):
        more = {**REWORDED, "skills_used": [f"tool {number}"]}
        assert await keep(desk, await desk.solved(f"{TASK} {number}"), **more) == entry
    (after,) = await desk.entries()
    assert (after.title, after.content) == (before.title, before.content)
    assert len(await desk.knowledge.evidence(entry)) == 31
    examples = after.fields["success_examples"]
    assert isinstance(examples, list)
    assert len(examples) == 5


async def test_the_latest_examples_come_first_however_many_there_are(desk: Desk) -> None:
    solved = [await desk.solved(f"{TASK} {number}") for number in range(14)]
    for each in solved:
        entry = await keep(desk, each)
    for each in solved[:7]:
        await desk.judge(each, 0.1, OutcomeKind.FAILURE)
    await desk.judge(solved[7], 0.9, OutcomeKind.FAILURE)  # of worth all the same: it is both
    await desk.shelf.weigh(solved[0], "app")
    (item,) = await desk.entries()
    assert item.fields["success_examples"] == [f"{TASK} {number}" for number in range(13, 8, -1)]
    assert item.fields["failure_examples"] == [f"{TASK} {number}" for number in range(7, 2, -1)]
    assert await desk.knowledge.evidence(entry) == [
        (each, place >= 7) for place, each in enumerate(solved)
    ]
    for each in solved[:7]:
        await desk.judge(each, 0.8)
    await desk.shelf.weigh(solved[0], "app")
    assert await desk.knowledge.evidence(entry) == [(each, True) for each in solved]


async def test_evidence_that_turned_to_failure_speaks_against_it(desk: Desk) -> None:
    first, second = await desk.solved(value=0.9), await desk.solved(f"{TASK} again", value=0.8)
    entry = await keep(desk, first)
    await keep(desk, second)
    await desk.judge(second, 0.3, OutcomeKind.FAILURE)
    await desk.shelf.weigh(second, "app")
    (item,) = await desk.entries()
    assert not item.deprecated
    assert item.fields["value_score"] == 0.9
    assert item.fields["success_examples"] == [TASK]
    assert item.fields["failure_examples"] == [f"{TASK} again"]
    assert await desk.knowledge.evidence(entry) == [(first, True), (second, False)]


async def test_without_any_support_it_goes_and_with_some_again_it_comes_back(desk: Desk) -> None:
    solved = await desk.solved()
    await keep(desk, solved)
    await desk.judge(solved, 0.3, OutcomeKind.FAILURE)
    await desk.shelf.weigh(solved, "app")
    (item,) = await desk.entries()
    assert item.deprecated
    assert "stands" in item.reason
    await desk.shelf.weigh(solved, "app")  # once more changes nothing
    assert [each.version for each in await desk.entries()] == [item.version]
    await desk.judge(solved, 0.8)
    await desk.shelf.weigh(solved, "app")
    (item,) = await desk.entries()
    assert not item.deprecated
    assert item.fields["value_score"] == 0.8


async def test_what_a_person_retired_does_not_come_back(desk: Desk) -> None:
    solved = await desk.solved()
    entry = await keep(desk, solved)
    await desk.knowledge.deprecate(entry, "it is wrong")
    await keep(desk, await desk.solved())
    await desk.shelf.weigh(solved, "app")
    (item,) = await desk.entries()
    assert (item.deprecated, item.reason) == (True, "it is wrong")


async def test_what_was_stated_is_left_as_it_was_said(desk: Desk) -> None:
    solved = await desk.solved()
    entry = await keep(desk, solved)
    (item,) = await desk.entries()
    await desk.knowledge.store(
        NewKnowledge(item.collection, "app", item.title, "I say so.", {}), origin=Origin.STATED
    )
    await desk.judge(solved, 0.3, OutcomeKind.FAILURE)
    await desk.shelf.weigh(solved, "app")
    (stated,) = await desk.knowledge.get_many([entry])
    assert (stated.content, stated.delta) == ("I say so.", Delta.MERGE)
    assert not stated.deprecated


@pytest.mark.parametrize("act", ["keep", "weigh"])
async def test_who_changes_patterns_of_a_project_takes_turns(desk: Desk, act: str) -> None:
    """Two who read what is known at once would each make an entry of the same."""
    first, second = await desk.solved(), await desk.solved(f"{TASK} again")
    entry = await keep(desk, first)
    waiting = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
    async with JobRecords(desk.database).alone("patterns of app"):
        work = keep(desk, second, **REWORDED) if act == "keep" else desk.shelf.weigh(first, "app")
        task = asyncio.create_task(work)
        async with asyncio.timeout(60):
            while not await desk.database.fetch_value(waiting):
                await asyncio.sleep(0.005)
        assert await desk.knowledge.evidence(entry) == [(first, True)]
    await task


async def test_many_at_once_make_one_entry_with_all_evidence(desk: Desk) -> None:
    solved = [await desk.solved(f"{TASK} {number}") for number in range(6)]
    said = [{}, REWORDED] * 3  # each of the two would make an entry of its own
    entries = await asyncio.gather(
        *(keep(desk, each, **words) for each, words in zip(solved, said, strict=True))
    )
    assert len(set(entries)) == 1
    (item,) = await desk.entries()
    assert await desk.knowledge.evidence(item.id) == [(each, True) for each in solved]
    examples = item.fields["success_examples"]
    assert isinstance(examples, list)
    assert len(examples) == 5
