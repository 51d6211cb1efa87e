"""Worked examples, and what other machines saw, among the items that are shown."""

from __future__ import annotations

import pytest

from hybrid_coordinator.domain.interactions import (
    AgentType,
    ItemStats,
    NewInteraction,
    Outcome,
    OutcomeKind,
    OutcomeSource,
)
from hybrid_coordinator.domain.items import CollectionName, ContextItem
from hybrid_coordinator.learning.selection import Selector
from hybrid_coordinator.learning.sharing.worked_examples import SURE, with_worked_examples
from hybrid_coordinator.settings import LearningSettings
from hybrid_coordinator.storage.postgres.interactions import InteractionRecords

HISTORY, SKILLS = CollectionName.INTERACTION_HISTORY, CollectionName.SKILLS_PATTERNS
DRAWS = 200


def item(identifier: str, collection: CollectionName = HISTORY, title: str = "") -> ContextItem:
    return ContextItem(
        identifier, collection, title or identifier, "text", "source", 1.0, "why", relevance=1.0
    )


def selector(seed: int = 1) -> Selector:
    return Selector(lambda: LearningSettings(seed=seed), dict.fromkeys(CollectionName, 3))


async def worked(
    records: InteractionRecords, query: str, source: OutcomeSource, confidence: float
) -> str:
    new = NewInteraction("app", query, f"answer to {query}", AgentType.REMOTE, "m")
    done = await records.add(new)
    outcome = Outcome(OutcomeKind.SUCCESS, source=source, confidence=confidence)
    await records.set_outcome(done, outcome, 0.9, {})
    return done


async def test_successes_that_are_sure_become_examples_and_each_is_one_of_its_own(
    records: InteractionRecords,
) -> None:
    stated = await worked(records, "one", OutcomeSource.STATED, 1.0)
    sure = await worked(records, "two", OutcomeSource.INFERRED, SURE)
    unsure = await worked(records, "three", OutcomeSource.INFERRED, SURE - 0.01)
    unknown = await records.add(NewInteraction("app", "four", "r", AgentType.LOCAL, "m"))
    deleted = "0198c5a2-7b1e-7c3d-8f00-0123456789ab"
    lesson = item("lesson", SKILLS)
    found = [
        *(item(one, title=f"task {one}") for one in (stated, unsure, sure, unknown, deleted)),
        lesson,
    ]

    shown = await with_worked_examples(found, records)

    assert [one.id for one in shown] == [stated, sure, "lesson"]
    assert shown[0].text == "Question:\none\n\nAnswer that worked:\nanswer to one"
    assert shown[0].why == "worked example, for reference"
    assert shown[-1] is lesson
    chosen = selector().choose(shown, {})
    assert {one.id for one in chosen} == {stated, sure, "lesson"}


def share_of(stats: dict[str, ItemStats], name: str) -> float:
    """How often an item is among the three that are shown of six."""
    candidates = [item(each, SKILLS) for each in "abcdef"]
    one = selector()
    return (
        sum(name in {each.id for each in one.choose(candidates, stats)} for _ in range(DRAWS))
        / DRAWS
    )


@pytest.mark.parametrize("count", [30.0, 1e9])
def test_what_other_machines_saw_weighs_as_much_as_relevance_and_no_more(count: float) -> None:
    good = {"f": ItemStats(gained_elsewhere=count)}
    bad = {"a": ItemStats(lost_elsewhere=count)}
    assert share_of(good, "f") > 0.8 > 0.2 > share_of(bad, "a")
    # A few outcomes of our own say the opposite.
    assert share_of({"f": ItemStats(9, 0.0, 0.0, 6.0, gained_elsewhere=count)}, "f") < 0.2


def test_whatever_they_saw_is_nobodys_own() -> None:
    assert ItemStats(gained_elsewhere=5.0).uses == 0
    assert ItemStats(gained_elsewhere=5.0).success_rate is None
