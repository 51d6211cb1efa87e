"""Knowledge entries and their versions, on a real Postgres."""

from __future__ import annotations

import asyncio

import pytest

from hybrid_coordinator.domain.ids import knowledge_id
from hybrid_coordinator.domain.interactions import AgentType, NewInteraction
from hybrid_coordinator.domain.items import CollectionName
from hybrid_coordinator.domain.knowledge import JsonValue, NewKnowledge, Origin, StoreAction
from hybrid_coordinator.errors import InvalidArgumentError, NotFoundError
from hybrid_coordinator.storage.postgres.database import Database
from hybrid_coordinator.storage.postgres.interactions import InteractionRecords
from hybrid_coordinator.storage.postgres.knowledge import KnowledgeRecords

SKILLS = CollectionName.SKILLS_PATTERNS


def entry(title: str = "Retry", content: str = "back off", **fields: JsonValue) -> NewKnowledge:
    return NewKnowledge(SKILLS, "shop", title, content, fields)


@pytest.fixture
def records(database: Database) -> KnowledgeRecords:
    return KnowledgeRecords(database)


async def test_an_entry_comes_back_as_it_was_stored(records: KnowledgeRecords) -> None:
    fields: dict[str, JsonValue] = {
        "nested": {"list": [1, 2.5, None, True, "naïve 🙂"]},
        "empty": [],
    }
    stored, action = await records.store(entry(**fields))
    assert (stored, action) == (knowledge_id(SKILLS, "shop", "Retry"), StoreAction.CREATED)
    (item,) = await records.get_many([stored])
    assert (item.id, item.version, item.collection) == (stored, 1, SKILLS)
    assert (item.project, item.title, item.content) == ("shop", "Retry", "back off")
    assert item.fields == fields
    assert item.created_at == item.updated_at


async def test_the_same_again_changes_nothing(records: KnowledgeRecords) -> None:
    stored, _ = await records.store(entry(a=1, b={"x": [1]}))
    for again in (entry(a=1, b={"x": [1]}), entry(a=1), entry()):
        assert await records.store(again) == (stored, StoreAction.UNCHANGED)
    assert (await records.get_many([stored]))[0].version == 1


async def test_what_differs_is_merged_into_a_new_version(
    records: KnowledgeRecords, database: Database
) -> None:
    stored, _ = await records.store(entry(old=1, both="old"))
    assert await records.store(entry("  RETRY ", "with jitter", both="new", new=2)) == (
        stored,
        StoreAction.MERGED,
    )
    (item,) = await records.get_many([stored])
    assert (item.version, item.title, item.content) == (2, "  RETRY ", "with jitter")
    assert item.fields == {"old": 1, "both": "new", "new": 2}
    assert item.updated_at > item.created_at
    rows = await database.fetch("SELECT delta, content FROM knowledge_items ORDER BY version")
    assert [tuple(row) for row in rows] == [("ADD", "back off"), ("MERGE", "with jitter")]


async def test_a_field_set_to_null_is_a_change(records: KnowledgeRecords) -> None:
    stored, _ = await records.store(entry(a=1))
    assert (await records.store(entry(a=None)))[1] is StoreAction.MERGED
    assert (await records.get_many([stored]))[0].fields == {"a": None}
    assert (await records.store(entry(b=None)))[1] is StoreAction.MERGED


async def test_projects_and_collections_keep_entries_apart(records: KnowledgeRecords) -> None:
    ids = {
        (await records.store(NewKnowledge(collection, project, "Retry", "x")))[0]
        for collection in (SKILLS, CollectionName.BEST_PRACTICES)
        for project in ("shop", "global")
    }
    assert len(ids) == 4


async def test_the_same_entry_from_many_callers_at_once_is_created_once(
    records: KnowledgeRecords,
) -> None:
    results = await asyncio.gather(*(records.store(entry(a=1)) for _ in range(20)))
    actions = [action for _, action in results]
    assert actions.count(StoreAction.CREATED) == 1
    assert actions.count(StoreAction.UNCHANGED) == 19


async def test_nothing_is_lost_when_many_callers_add_fields_at_once(
    records: KnowledgeRecords,
) -> None:
    results = await asyncio.gather(*(records.store(entry(**{f"f{n}": n})) for n in range(20)))
    assert {action for _, action in results} == {StoreAction.CREATED, StoreAction.MERGED}
    (item,) = await records.get_many([results[0][0]])
    assert item.version == 20
    assert item.fields == {f"f{n}": n for n in range(20)}


@pytest.mark.parametrize(
    "bad", [entry(content="a\0b"), entry(a="a\0b"), entry(a=float("nan")), entry(a="\ud83d")]
)
async def test_what_json_cannot_hold_is_refused(
    records: KnowledgeRecords, bad: NewKnowledge
) -> None:
    with pytest.raises(InvalidArgumentError):
        await records.store(bad)
    assert await records.count_unprojected() == 0


async def test_many_come_in_the_order_asked_for(records: KnowledgeRecords) -> None:
    first, _ = await records.store(entry("one"))
    second, _ = await records.store(entry("two"))
    unknown = knowledge_id(SKILLS, "shop", "three")
    found = await records.get_many([second, unknown, first, second])
    assert [item.id for item in found] == [second, first]
    with pytest.raises(InvalidArgumentError, match="ids: 'x'"):
        await records.get_many(["x"])


async def test_only_the_current_version_waits_to_be_projected(records: KnowledgeRecords) -> None:
    first, _ = await records.store(entry("one", "a"))
    second, _ = await records.store(entry("two", "b"))
    await records.store(entry("one", "c"))
    waiting = await records.unprojected(10)
    assert [(item.id, item.version) for item in waiting] == [(second, 1), (first, 2)]
    assert [item.id for item in await records.unprojected(1)] == [second]
    assert await records.count_unprojected() == 2
    await records.mark_projected([(first, 2), (second, 1)], 1)
    assert await records.count_unprojected() == 0
    assert await records.unprojected(10) == []


async def test_a_projection_of_an_old_version_does_not_hide_a_new_one(
    records: KnowledgeRecords,
) -> None:
    stored, _ = await records.store(entry(content="a"))
    await records.store(entry(content="b"))
    await records.mark_projected([(stored, 1)], 1)
    assert [item.version for item in await records.unprojected(10)] == [2]


async def test_a_reindex_projects_the_current_versions_anew(records: KnowledgeRecords) -> None:
    stored, _ = await records.store(entry(content="a"))
    await records.store(entry(content="b"))
    await records.mark_projected([(stored, 2)], 1)
    await records.mark_all_unprojected()
    assert [(item.id, item.version) for item in await records.unprojected(10)] == [(stored, 2)]


async def test_pages_cover_every_entry_once(records: KnowledgeRecords) -> None:
    stored = sorted([(await records.store(entry(str(number))))[0] for number in range(7)])
    await records.store(entry("3", "changed"))
    pages, after = [], None
    while page := await records.page(after, 3):
        pages.append([item.id for item in page])
        after = page[-1].id
    assert [len(page) for page in pages] == [3, 3, 1]
    assert [uuid for page in pages for uuid in page] == stored


async def test_what_was_learned_does_not_change_what_was_stated(records: KnowledgeRecords) -> None:
    stored, _ = await records.store(entry())
    learned = entry(content="give up")
    assert await records.store(learned, origin=Origin.PATTERN) == (stored, StoreAction.UNCHANGED)
    (item,) = await records.get_many([stored])
    assert (item.content, item.origin) == ("back off", Origin.STATED)


async def test_what_is_stated_takes_the_place_of_what_was_learned(
    records: KnowledgeRecords,
) -> None:
    stored, _ = await records.store(entry(content="give up"), origin=Origin.PATTERN)
    assert await records.store(entry()) == (stored, StoreAction.MERGED)
    (item,) = await records.get_many([stored])
    assert (item.content, item.origin) == ("back off", Origin.STATED)


async def test_an_entry_keeps_the_interactions_that_it_rests_on(
    records: KnowledgeRecords, database: Database
) -> None:
    interactions = InteractionRecords(database)
    first, second = [
        await interactions.add(NewInteraction("shop", "q", "a", AgentType.REMOTE, "m"))
        for _ in range(2)
    ]
    stored, _ = await records.store(entry(), origin=Origin.PATTERN, evidence=[first])
    await records.store(entry(), origin=Origin.PATTERN, evidence=[first, second])
    await records.support(stored, [first], supports=False)
    assert await records.evidence(stored) == [(first, False), (second, True)]


async def test_an_entry_is_changed_by_a_version_of_its_own(records: KnowledgeRecords) -> None:
    stored, _ = await records.store(entry(a=1), origin=Origin.SKILL)
    changed = await records.change(stored, fields={"b": 2}, reason="a person edited it")
    assert (changed.version, changed.content, changed.fields) == (2, "back off", {"b": 2})
    assert (changed.origin, changed.reason) == (Origin.SKILL, "a person edited it")
    unknown = knowledge_id(SKILLS, "shop", "none")
    with pytest.raises(NotFoundError, match="there is no entry"):
        await records.change(unknown, content="x", reason="")


async def test_a_retired_entry_is_not_learned_anew_but_may_be_stated(
    records: KnowledgeRecords,
) -> None:
    stored, _ = await records.store(entry(a=1), origin=Origin.PATTERN)
    await records.deprecate(stored, "it did harm")
    (item,) = await records.get_many([stored])
    assert (item.deprecated, item.reason, item.version) == (True, "it did harm", 2)
    assert await records.page(None, 10) == []
    with pytest.raises(NotFoundError, match="in use"):
        await records.deprecate(stored, "again")
    with pytest.raises(NotFoundError, match="in use"):
        await records.change(stored, content="x", reason="")
    again = await records.store(entry(b=2), origin=Origin.PATTERN)
    assert again == (stored, StoreAction.UNCHANGED)
    assert (await records.store(entry(b=2)))[1] is StoreAction.MERGED
    (item,) = await records.page(None, 10)
    assert (item.deprecated, item.fields, item.version) == (False, {"b": 2}, 3)
