"""Entries that do harm: learned ones are retired, stated ones named, good ones left alone."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from hybrid_coordinator.domain.interactions import (
    AgentType,
    Exposure,
    NewInteraction,
    Outcome,
    OutcomeKind,
)
from hybrid_coordinator.domain.items import CollectionName
from hybrid_coordinator.domain.knowledge import NewKnowledge, Origin
from hybrid_coordinator.learning.reviewing import Reviewer
from hybrid_coordinator.storage.postgres.credit import Credit
from hybrid_coordinator.storage.postgres.database import Database
from hybrid_coordinator.storage.postgres.interactions import InteractionRecords
from hybrid_coordinator.storage.postgres.knowledge import KnowledgeRecords
from hybrid_coordinator.storage.postgres.showings import Showings

NEW = NewInteraction("shop", "q", "r", AgentType.REMOTE, "m")
GOOD, BAD = Outcome(OutcomeKind.SUCCESS), Outcome(OutcomeKind.FAILURE)
ENTRY = NewKnowledge(CollectionName.SKILLS_PATTERNS, "shop", "One", "Do.")


class Desk:
    """A reviewer over entries that are used."""

    def __init__(self, database: Database) -> None:
        self.knowledge = KnowledgeRecords(database)
        self.records = InteractionRecords(database)
        self.changes = 0
        self.reviewer = Reviewer(
            Credit(database), self.knowledge, Showings(database), self._changed
        )

    def _changed(self) -> None:
        self.changes += 1

    async def entry(
        self, title: str, origin: Origin = Origin.PATTERN, project: str = "shop"
    ) -> str:
        new = replace(ENTRY, title=title, project=project)
        return (await self.knowledge.store(new, origin=origin))[0]

    async def use(self, item: str, outcomes: str, **more: object) -> None:
        """Uses that end well (+) or badly (-); the answers make use of the item."""
        exposure = replace(Exposure(item, 1, cited=True), **more)
        for sign in outcomes:
            stored = await self.records.add(NEW, None, [exposure])
            await self.records.set_outcome(stored, GOOD if sign == "+" else BAD, 0.5, {})

    async def retired(self) -> list[str]:
        return [each.item_id for each in await self.reviewer.review()]


@pytest.fixture
def desk(database: Database) -> Desk:
    return Desk(database)


async def test_a_learned_entry_that_fails_is_retired_with_its_reason(desk: Desk) -> None:
    bad, good = await desk.entry("bad"), await desk.entry("good")
    await desk.use(good, "+++++-+++")
    await desk.use(bad, "-" * 4)
    assert await desk.retired() == []
    await desk.use(bad, "--")
    assert await desk.retired() == [bad]
    (item,) = await desk.knowledge.get_many([bad])
    assert item.deprecated
    assert item.reason == (
        "By its outcomes: 0% success where it was used, 89% for the others of its project"
    )
    assert desk.changes == 1
    assert await desk.retired() == []
    assert desk.changes == 1
    report = await desk.reviewer.report("shop")
    assert [(each.item_id, each.retired) for each in report.doubts] == [(bad, True)]
    assert (await desk.reviewer.report("other")).doubts == ()


async def test_what_somebody_stated_is_named_and_stays(desk: Desk) -> None:
    bad, good = await desk.entry("bad", Origin.STATED), await desk.entry("good")
    await desk.use(good, "+" * 9)
    await desk.use(bad, "-" * 12)
    assert await desk.retired() == []
    (doubt,) = (await desk.reviewer.report(None)).doubts
    assert (doubt.item_id, doubt.title, doubt.retired) == (bad, "bad", False)


async def test_where_everything_fails_nothing_is_to_blame(desk: Desk) -> None:
    for title in ("one", "two", "three"):
        await desk.use(await desk.entry(title), "-" * 15)
    await desk.use(await desk.entry("alone", project="other"), "-" * 30)
    assert await desk.retired() == []


async def test_hard_questions_are_not_its_fault(desk: Desk) -> None:
    hard, easy = await desk.entry("hard"), await desk.entry("easy")
    await desk.use(easy, "+" * 12)
    await desk.use(hard, "-" * 40, propensity=0.9)
    # Without it they fail as well.
    await desk.use(hard, "-" * 5, propensity=0.9, withheld=True, used=False, cited=False)
    assert await desk.retired() == []
    assert (await desk.reviewer.report(None)).doubts == ()
    change = await desk.reviewer.uplift(hard)
    assert (change.difference, change.identifiable) == (0, False)


async def test_what_does_better_without_it_is_its_fault(desk: Desk) -> None:
    harmful, easy = await desk.entry("harmful"), await desk.entry("easy")
    await desk.use(easy, "+" * 12)
    await desk.use(harmful, "-" * 40, propensity=0.9)
    await desk.use(harmful, "+" * 6, propensity=0.9, withheld=True, used=False, cited=False)
    assert await desk.retired() == [harmful]
    assert (await desk.reviewer.uplift(harmful)).identifiable


async def test_an_entry_that_went_bad_is_noticed(desk: Desk) -> None:
    turned, good = await desk.entry("turned"), await desk.entry("good")
    await desk.use(good, "+++-" * 5)
    await desk.use(turned, "++++-" * 16)
    assert await desk.retired() == []
    await desk.use(turned, "-" * 14)
    assert await desk.retired() == [turned]
    (item,) = await desk.knowledge.get_many([turned])
    assert item.reason.startswith("By its outcomes: it went bad, with ")


async def test_bad_times_are_noticed_and_retire_nothing(desk: Desk) -> None:
    turned, other = await desk.entry("turned"), await desk.entry("other")
    await desk.use(turned, "++++-" * 16)
    await desk.use(other, "+--" * 7)
    await desk.use(turned, "-" * 14)
    assert await desk.retired() == []
    (doubt,) = (await desk.reviewer.report(None)).doubts
    assert doubt.item_id == turned


async def test_a_review_follows_what_is_told_and_a_failure(desk: Desk, database: Database) -> None:
    bad, good = await desk.entry("bad"), await desk.entry("good")
    await desk.use(good, "+" * 9)
    await desk.use(bad, "-" * 12)
    changed = asyncio.Event()
    reviewer = Reviewer(Credit(database), desk.knowledge, Showings(database), changed.set)
    running = asyncio.create_task(reviewer.run())  # what the last run of the process left
    async with asyncio.timeout(60):
        await changed.wait()
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    (item,) = await desk.knowledge.get_many([bad])
    assert item.deprecated


async def test_two_reviewers_retire_once(desk: Desk) -> None:
    bad, good = await desk.entry("bad"), await desk.entry("good")
    await desk.use(good, "+" * 9)
    await desk.use(bad, "-" * 12)
    both = await asyncio.gather(desk.retired(), desk.retired())
    assert sorted(map(len, both)) == [0, 1]
    (item,) = await desk.knowledge.get_many([bad])
    assert item.version == 2
