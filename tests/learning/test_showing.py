"""What is shown is packed and noted as it is shown, with what was held back from it."""

from __future__ import annotations

import uuid

from hybrid_coordinator.domain.interactions import ItemStats
from hybrid_coordinator.domain.items import CollectionName, ContextItem, shown_ids
from hybrid_coordinator.knowledge.retrieval import Retrieved
from hybrid_coordinator.learning.selection import Selector
from hybrid_coordinator.learning.showing import Shower, Shown
from hybrid_coordinator.settings import LearningSettings
from hybrid_coordinator.storage.postgres.database import Database
from hybrid_coordinator.storage.postgres.showings import Showings

SKILLS, CODE = CollectionName.SKILLS_PATTERNS, CollectionName.CODEBASE_CONTEXT
WORDS = ("queue", "checkpoint", "lock", "replica", "ledger", "schema")


def item(name: str, text: str, collection: CollectionName = SKILLS) -> ContextItem:
    key = str(uuid.uuid5(uuid.NAMESPACE_URL, name))
    return ContextItem(key, collection, name, text, "source", 0.9, "why")


ITEMS = tuple(item(word, f"Use a {word}, as it is done for every {word}.") for word in WORDS)
PIECE = item("total", "def total(): ...", CODE)
USED = {each.id: ItemStats(20, 0.5, 3, 3) for each in ITEMS}


def shower(database: Database, **learning: object) -> Shower:
    settings = LearningSettings.model_validate({"seed": 1, "withhold_share": 0, **learning})
    selector = Selector(lambda: settings, dict.fromkeys(CollectionName, 3))
    return Shower(selector, Showings(database))


def held(shown: Shown) -> list[str]:
    return [each.item_id for each in shown.noted if each.withheld]


async def test_what_is_in_the_text_is_noted_and_nothing_else(database: Database) -> None:
    found = Retrieved((PIECE, *ITEMS))
    shown = shower(database).show(found, 1500)
    ids = [each.item_id for each in shown.noted]
    assert sorted(ids) == sorted(shown_ids(shown.packed.items))
    assert set(ids) == {PIECE.id, *(each.id for each in ITEMS[:3])}
    assert sorted(each.rank for each in shown.noted) == [1, 2, 3, 4]
    assert {(each.score, each.propensity, each.withheld) for each in shown.noted} == {
        (0.9, 1.0, False)
    }
    tight = shower(database).show(found, 90)
    assert 0 < len(tight.noted) < 4
    assert [each.item_id for each in tight.noted] == list(shown_ids(tight.packed.items))


async def test_what_is_held_back_is_noted_and_not_replaced(database: Database) -> None:
    showing = shower(database, withhold_share=0.5)
    found = Retrieved((PIECE, *ITEMS), stats=USED)
    calls = [showing.show(found, 1500) for _ in range(60)]
    assert 15 < sum(bool(held(each)) for each in calls) < 45
    for shown in calls:
        propensities = {each.item_id: each.propensity for each in shown.noted}
        assert propensities.pop(PIECE.id) == 1
        assert list(propensities.values()) == [1 - 0.5 / 3] * 3
        there = shown_ids(shown.packed.items)
        assert len(there) == 4 - len(held(shown))
        for key in held(shown):
            assert key not in there
            (word,) = (each.title for each in ITEMS if each.id == key)
            assert f"Use a {word}" not in shown.packed.text


async def test_what_would_not_have_been_shown_is_not_held_back(database: Database) -> None:
    showing = shower(database, withhold_share=0.5)
    found = Retrieved(ITEMS, stats=USED)
    for _ in range(30):
        shown = showing.show(found, 70)
        assert len(shown.noted) == 1
        assert [each.propensity for each in shown.noted] == [0.5]
        assert (shown.packed.text == "") is bool(held(shown))


async def test_items_that_became_one_are_noted_each(database: Database) -> None:
    twin = item("twin", ITEMS[0].text)
    shown = shower(database).show(Retrieved((ITEMS[0], twin)), 1500)
    assert [(each.item_id, each.rank) for each in shown.noted] == [(ITEMS[0].id, 1), (twin.id, 1)]


async def test_the_record_is_told(database: Database) -> None:
    showing = shower(database)
    shown = showing.show(Retrieved(ITEMS), 1500)
    noted, notices = await showing.note(shown, "shop", "session", "ada")
    assert notices == ()
    assert noted is not None
    stored = await Showings(database).get(noted, user="ada")
    assert stored is not None
    assert set(stored.items) == set(shown.noted)
    assert await showing.note(showing.show(Retrieved(()), 1500), "shop", None, "ada") == (None, ())


async def test_a_record_that_is_gone_is_told_of_and_stops_nobody(dsn: str) -> None:
    database = await Database.connect(dsn, timeout=10)
    await database.execute("DROP TABLE shown_items")
    showing = shower(database)
    shown = showing.show(Retrieved(ITEMS), 1500)
    noted, (notice,) = await showing.note(shown, "shop", None, "ada")
    assert noted is None
    assert notice.startswith("What was shown is not on record: ")
    await database.close()
