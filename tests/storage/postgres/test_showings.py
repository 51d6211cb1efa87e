"""What was shown is found again by whoever tells what came of it."""

from __future__ import annotations

import uuid
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from hybrid_coordinator.domain.interactions import AgentType, NewInteraction
from hybrid_coordinator.domain.showings import Showing, ShownItem
from hybrid_coordinator.errors import InvalidArgumentError
from hybrid_coordinator.storage.postgres.database import Database
from hybrid_coordinator.storage.postgres.ids import id_at
from hybrid_coordinator.storage.postgres.interactions import InteractionRecords
from hybrid_coordinator.storage.postgres.showings import Showings

A, B, C = (str(uuid.uuid5(uuid.NAMESPACE_URL, name)) for name in "abc")
NEW = NewInteraction("shop", "q", "r", AgentType.REMOTE, "m")


def shown(item: str, rank: int = 1, *, withheld: bool = False) -> ShownItem:
    return ShownItem(item, rank, f"title {item}", "here", 0.5, 0.9, withheld)


@pytest.fixture
def showings(database: Database) -> Showings:
    return Showings(database)


async def test_what_was_noted_is_read_again(showings: Showings) -> None:
    items = (shown(A), shown(B, 2), shown(C, 3, withheld=True))
    noted = await showings.add("shop", "session", items)
    assert await showings.get(noted) == Showing(noted, items)
    assert await showings.get(A) is None
    with pytest.raises(InvalidArgumentError, match="showing_id"):
        await showings.get("none")


async def test_the_most_likely_one_is_found(showings: Showings, database: Database) -> None:
    async def found(*items: str, sessions: tuple[str, ...] = ("mine",)) -> str | None:
        showing = await showings.of_items("shop", sessions, items)
        return None if showing is None else showing.id

    first = await showings.add("shop", "mine", [shown(A), shown(B, 2)])
    assert await found(A) == first
    second = await showings.add("shop", "mine", [shown(A), shown(C, 2, withheld=True)])
    theirs = await showings.add("shop", "theirs", [shown(A), shown(B, 2)])
    await showings.add("other", "mine", [shown(A), shown(B, 2)])
    assert await found(A) == second, "the latest"
    assert await found(A, B) == first, "the one that has most of them"
    assert await found(A, B, sessions=("elsewhere", "theirs")) == theirs, "one's own"
    assert await found(A, B, sessions=()) == theirs, "or else any"
    assert await found(C) is None, "it was held back"
    await InteractionRecords(database).add(replace(NEW, showing_id=second))
    assert await found(A) == first, "one that nothing came of yet"
    # As long ago as its id says.
    yesterday = id_at(datetime.now(UTC) - timedelta(hours=25))
    await database.execute("DELETE FROM showings WHERE id <> $1", uuid.UUID(first))
    await database.execute("ALTER TABLE shown_items DROP CONSTRAINT shown_items_showing_id_fkey")
    for table, column in (("showings", "id"), ("shown_items", "showing_id")):
        await database.execute(f"UPDATE {table} SET {column} = $1", yesterday)
    assert await found(A) is None, "of the last day"


async def test_a_showing_is_found_for_the_user_whom_it_was_shown_to(showings: Showings) -> None:
    adas = await showings.add("shop", "session", [shown(A)], user="ada")
    held = await showings.add("shop", "other", [shown(B, withheld=True)], user="ada")
    for user in ("local", "bert"):
        assert await showings.get(adas, user=user) is None
        assert await showings.of_items("shop", ["session"], [A], user=user) is None
        assert await showings.of_nothing("shop", ["other"], user=user) is None
    found = [
        await showings.get(adas, user="ada"),
        await showings.of_items("shop", ["elsewhere"], [A], user="ada"),
        await showings.of_nothing("shop", ["other"], user="ada"),
    ]
    assert [each and each.id for each in found] == [adas, adas, held]


async def test_nothing_shown_is_found_where_all_of_it_was_held_back(showings: Showings) -> None:
    async def found() -> Showing | None:
        return await showings.of_nothing("shop", ["mine"])

    assert await found() is None
    held = await showings.add("shop", "mine", [shown(A, withheld=True)])
    await showings.add("shop", "theirs", [shown(B)])
    showing = await found()
    assert showing is not None
    assert showing.id == held
    await showings.add("shop", "mine", [shown(A, withheld=True), shown(B)])
    assert await found() is None


async def test_an_interaction_is_linked_to_what_was_shown_for_it_once(
    showings: Showings, database: Database
) -> None:
    noted = await showings.add("shop", "mine", [shown(A)])
    records = InteractionRecords(database)
    first = await records.add(replace(NEW, showing_id=noted))
    await records.add(replace(NEW, showing_id=noted))
    linked = await database.fetch_value("SELECT interaction_id FROM showings")
    assert str(linked) == first
    showing = await showings.get(noted)
    assert showing is not None
    assert showing.spent
    await database.execute("DELETE FROM interactions WHERE id = $1", linked)
    assert await showings.get(noted) is None


async def test_what_was_shown_long_ago_is_forgotten(showings: Showings, database: Database) -> None:
    old = await showings.add("shop", None, [shown(A)])
    await database.execute("UPDATE showings SET created_at = created_at - interval '31 days'")
    new = await showings.add("shop", None, [shown(A)])
    await showings.delete_older(timedelta(days=30))
    assert await showings.get(old) is None
    assert await showings.get(new) is not None
    assert await database.fetch_value("SELECT count(*) FROM shown_items") == 1
