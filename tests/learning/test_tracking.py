"""Recording interactions: durable, scrubbed, and announced."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from hybrid_coordinator.domain.ids import content_id
from hybrid_coordinator.domain.interactions import Exposure
from hybrid_coordinator.domain.reply import Attempt, AttemptLog
from hybrid_coordinator.domain.route import Complexity, TaskType, Tier
from hybrid_coordinator.domain.secrets import Scrubber
from hybrid_coordinator.domain.showings import ShownItem
from hybrid_coordinator.errors import InvalidArgumentError
from hybrid_coordinator.learning.tracking import TrackedTurn, Tracker, TurnReport
from hybrid_coordinator.storage.postgres.database import Database
from hybrid_coordinator.storage.postgres.interactions import InteractionRecords
from hybrid_coordinator.storage.postgres.showings import Showings
from tests.learning.conftest import interaction


async def test_what_was_tracked_is_in_the_record_and_announced(
    records: InteractionRecords, database: Database
) -> None:
    woken: list[None] = []
    tracker = Tracker(records, Showings(database), lambda: woken.append(None), Scrubber())
    items = (content_id("a"), content_id("b"))
    attempt = Attempt("small", "http://127.0.0.1:8080", Tier.LOCAL_FAST, 12, 0.8, "ok")

    new = replace(interaction("ask", "answer"), context_ids=items)
    tracked = await tracker.track(new, AttemptLog(TaskType.EDIT, Complexity.SIMPLE, (attempt,)))

    found = await records.get(tracked)
    assert (found.project, found.query, found.response) == ("app", "ask", "answer")
    assert await records.exposures(tracked) == [Exposure(items[0], 1), Exposure(items[1], 2)]
    assert await database.fetch_value("SELECT model FROM route_attempts") == "small"
    assert len(woken) == 1


async def test_secrets_are_not_written(records: InteractionRecords, database: Database) -> None:
    tracker = Tracker(records, Showings(database), lambda: None, Scrubber(["configured-value"]))
    token = "ghp_" + "a1B2" * 9
    tracked = await tracker.track(
        replace(
            interaction(f"why does {token} fail?", "use configured-value instead"),
            model_used=f"model?key={token}",
            session_id=f"session of {token}",
        )
    )
    found = await records.get(tracked)
    assert found.query == "why does <SECRET:github-token> fail?"
    assert found.response == "use <SECRET:known-value> instead"
    assert found.model_used == "model?key=<SECRET:github-token>"
    assert found.session_id == "session of <SECRET:github-token>"


async def test_a_context_id_that_is_no_uuid_is_named_and_nothing_is_written(
    records: InteractionRecords, database: Database
) -> None:
    woken: list[None] = []
    tracker = Tracker(records, Showings(database), lambda: woken.append(None), Scrubber())
    with pytest.raises(InvalidArgumentError, match=r"context_ids.*not-an-id"):
        await tracker.track(replace(interaction("ask"), context_ids=("not-an-id",)))
    assert await database.fetch_value("SELECT count(*) FROM interactions") == 0
    assert woken == []


def shown(item: str, rank: int, *, withheld: bool = False, title: str = "") -> ShownItem:
    return ShownItem(item, rank, title, "stored knowledge", 0.5, 0.9, withheld)


A, B, C, D = (content_id(name) for name in "abcd")


class Desk:
    """A tracker, and what it has noted."""

    def __init__(self, records: InteractionRecords, database: Database) -> None:
        self.records = records
        self.showings = Showings(database)
        self.tracker = Tracker(records, self.showings, lambda: None, Scrubber())

    async def track(
        self, response: str = "done", *ids: str, connection: str | None = None, **more: object
    ) -> list[Exposure]:
        new = replace(interaction("ask", response), context_ids=ids, **more)
        return await self.records.exposures(await self.tracker.track(new, connection=connection))


@pytest.fixture
def desk(records: InteractionRecords, database: Database) -> Desk:
    return Desk(records, database)


async def test_what_was_named_is_known_with_all_that_was_shown(desk: Desk) -> None:
    title = "Retry the nightly import by a queue"
    items = [shown(A, 1, title=title), shown(B, 2), shown(C, 3, withheld=True)]
    await desk.showings.add("app", "session", items)
    found = await desk.track(f"As in: {title}", B.upper(), A, D, session_id="session")
    assert sorted(found, key=lambda each: each.item_id) == sorted(
        [
            Exposure(A, 1, 0.5, 0.9, cited=True),
            Exposure(B, 2, 0.5, 0.9),
            Exposure(C, 3, 0.5, 0.9, withheld=True, used=False),
            Exposure(D, 3),
        ],
        key=lambda each: each.item_id,
    )


async def test_what_was_shown_and_not_named_is_no_use(desk: Desk) -> None:
    await desk.showings.add("app", "session", [shown(A, 1), shown(B, 2)])
    assert await desk.track("done", A, connection="session") == [
        Exposure(A, 1, 0.5, 0.9),
        Exposure(B, 2, 0.5, 0.9, used=False),
    ]


async def test_what_is_known_to_have_been_shown_is_all_used(desk: Desk) -> None:
    items = [shown(A, 1), shown(B, 2), shown(C, 3, withheld=True)]
    showing = await desk.showings.add("app", None, items)
    found = await desk.track(f"By {A[:13]}", showing_id=showing)
    assert [(each.item_id, each.used, each.cited) for each in found] == [
        (A, True, True),
        (B, True, False),
        (C, False, False),
    ]


async def test_the_rest_of_an_answer_is_read_for_what_it_cites(desk: Desk) -> None:
    showing = await desk.showings.add("app", None, [shown(A, 1), shown(B, 2)])
    first = replace(interaction("ask", "First"), showing_id=showing, turn_key="t", session_id="s")
    turn = await desk.tracker.track_turn(first)
    await desk.tracker.track_turn(replace(first, response=f"First, by {A}"))
    assert turn.id is not None
    found = await desk.records.exposures(turn.id)
    assert [(each.item_id, each.cited) for each in found] == [(A, True), (B, False)]


async def test_what_was_done_when_told_to_go_on_is_read_for_what_it_cites(desk: Desk) -> None:
    named, asked = "Rotate the cookies after a login", "Keep the sessions in the database"
    showing = await desk.showings.add(
        "app",
        None,
        [
            shown(A, 1, title=named),
            shown(B, 2, title=asked),
            shown(C, 3),
            shown(D, 4, withheld=True),
        ],
    )
    begun = datetime(2026, 11, 1, tzinfo=UTC)
    first = replace(
        interaction(f"{asked}?", "First"),
        showing_id=showing,
        turn_key="t",
        session_id="s",
        created_at=begun,
    )
    turn = await desk.tracker.track_turn(first)
    assert turn.id is not None
    said = f"I do as {named} has it, and {asked}; {D} I do not know."
    more = replace(
        interaction("go on", said),
        turn_key="u",
        session_id="s",
        created_at=begun + timedelta(minutes=1),
    )
    continued = await desk.tracker.continue_turn(more)
    assert continued == TrackedTurn(turn.id, TurnReport.COMPLETED)
    found = await desk.records.exposures(turn.id)
    assert [(each.item_id, each.cited) for each in found] == [
        (A, True),
        (B, False),
        (C, False),
        (D, False),
    ]


async def test_a_showing_is_one_throw_of_the_dice(desk: Desk) -> None:
    await desk.showings.add("app", "session", [shown(A, 1), shown(B, 2, withheld=True)])
    assert len(await desk.track("done", A, connection="session")) == 2
    assert await desk.track("done", A, connection="session") == [Exposure(A, 1, 0.5)]


async def test_an_answer_without_what_was_held_back_counts(desk: Desk) -> None:
    await desk.showings.add("app", "session", [shown(A, 1, withheld=True)])
    assert await desk.track("done", connection="other") == []
    (found,) = await desk.track("done", connection="session")
    assert found == Exposure(A, 1, 0.5, 0.9, withheld=True, used=False)
    assert await desk.track("done", connection="session") == []


async def test_what_was_shown_to_another_user_is_taken_by_nobody(desk: Desk) -> None:
    items = [shown(A, 1), shown(B, 2, withheld=True)]
    adas = await desk.showings.add("app", "session", items, user="ada")
    named = [Exposure(A, 1)]
    assert await desk.track("done", A, connection="session") == named, "nor by the owner"
    assert await desk.track("done", A, connection="session", user="bert") == named
    assert await desk.track("done", A, showing_id=adas) == named
    left = await desk.showings.get(adas, user="ada")
    assert left is not None
    assert not left.spent
    found = await desk.track("done", A, connection="elsewhere", user="ada")
    assert [(each.item_id, each.propensity, each.used) for each in found] == [
        (A, 0.9, True),
        (B, 0.9, False),
    ]


async def test_a_long_answer_is_read_too(desk: Desk) -> None:
    await desk.showings.add("app", "session", [shown(A, 1)])
    (found,) = await desk.track(f"{'word ' * 3000}{A}", A, connection="session")
    assert found.cited


async def test_items_that_nobody_showed_are_used_by_their_ids(desk: Desk) -> None:
    assert await desk.track(f"By {B}", A, B) == [Exposure(A, 1), Exposure(B, 2)]
