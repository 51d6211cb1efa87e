"""Recording interactions: durable, scrubbed, and announced."""

from __future__ import annotations

from dataclasses import replace

import pytest

from hybrid_coordinator.domain.ids import content_id
from hybrid_coordinator.domain.interactions import Exposure
from hybrid_coordinator.domain.reply import Attempt, AttemptLog
from hybrid_coordinator.domain.route import Complexity, TaskType, Tier
from hybrid_coordinator.domain.secrets import Scrubber
from hybrid_coordinator.errors import InvalidArgumentError
from hybrid_coordinator.learning.tracking import Tracker
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
