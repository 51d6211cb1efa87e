"""Whoever locks many interactions locks them in the order of their ids, wherever they lie."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from hybrid_coordinator.domain.episodes import Episode
from hybrid_coordinator.domain.items import CollectionName
from hybrid_coordinator.domain.knowledge import NewKnowledge
from hybrid_coordinator.storage.postgres.database import Database
from hybrid_coordinator.storage.postgres.failures import FailureRecords
from hybrid_coordinator.storage.postgres.forgetting import Forgetting
from hybrid_coordinator.storage.postgres.generations import EmbedderRecord, Generations
from hybrid_coordinator.storage.postgres.ids import new_id
from hybrid_coordinator.storage.postgres.interactions import InteractionRecords
from hybrid_coordinator.storage.postgres.knowledge import KnowledgeRecords
from tests.support.owned import until_waiting

Statement = Callable[[], Awaitable[object]]
Work = Callable[[Database, Sequence[str]], Awaitable[Statement]]
"""Makes what it needs, when the interactions of these ids are not there yet, and returns what is
done to them."""


async def _mark_projected(database: Database, ids: Sequence[str]) -> Statement:
    marks = [(each, 3) for each in ids]
    return lambda: InteractionRecords(database).mark_projected(marks, 1)


async def _mark_all_unprojected(database: Database, _: Sequence[str]) -> Statement:
    return InteractionRecords(database).mark_all_unprojected


async def _mark_built(database: Database, ids: Sequence[str]) -> Statement:
    return lambda: InteractionRecords(database).mark_built([(each, 3) for each in ids])


async def _mark_examined(database: Database, ids: Sequence[str]) -> Statement:
    now = datetime.now(UTC)
    episodes = [Episode(each, "p", "q", "r", now, revision=3) for each in ids]
    return lambda: FailureRecords(database).mark_examined(episodes)


async def _forget_built(database: Database, _: Sequence[str]) -> Statement:
    return lambda: Generations(database).forget_rows(interactions=True)


async def _switch(database: Database, _: Sequence[str]) -> Statement:
    generations = Generations(database)
    embedder = EmbedderRecord("m", 8, "r")
    number = await generations.begin("embedded", {"provider": "static"}, embedder)
    mark = await generations.manifest_mark()
    return lambda: generations.switch(number, [], mark)


async def _delete(database: Database, ids: Sequence[str]) -> Statement:
    return lambda: Forgetting(database).delete(ids)


async def _expire(database: Database, ids: Sequence[str]) -> Statement:
    later = datetime.now(UTC) + timedelta(days=1)
    return lambda: Forgetting(database).expire(later, len(ids))


@pytest.mark.parametrize(
    "work",
    [
        _mark_projected,
        _mark_all_unprojected,
        _mark_built,
        _mark_examined,
        _forget_built,
        _switch,
        _delete,
        _expire,
    ],
)
async def test_who_waits_for_the_first_has_locked_no_later_one(
    database: Database, work: Work
) -> None:
    first, *later = ids = sorted(new_id() for _ in range(3))
    statement = await work(database, [str(each) for each in reversed(ids)])
    await _store_backwards(database, ids)
    await _first_of_all(database, first, later, statement)


async def test_what_was_shown_a_deleted_entry_is_locked_in_that_order(database: Database) -> None:
    first, *later = ids = sorted(new_id() for _ in range(3))
    new = NewKnowledge(CollectionName.SKILLS_PATTERNS, "p", "title", "text", {})
    entry, _ = await KnowledgeRecords(database).store(new)
    await _store_backwards(database, ids)
    await _show(database, entry, ids)
    await _first_of_all(database, first, later, lambda: Forgetting(database).delete([entry]))


@pytest.mark.parametrize("retention", [False, True])
async def test_what_was_shown_a_deleted_interaction_is_locked_before_that(
    database: Database, retention: bool
) -> None:
    first, gone = ids = sorted(new_id() for _ in range(2))
    await _store_backwards(database, ids)
    await _show(database, str(gone), [first])
    old = datetime.now(UTC) - timedelta(days=9)
    await database.execute("UPDATE interactions SET created_at = $1 WHERE id = $2", old, gone)
    mine = Forgetting(database)
    await _first_of_all(
        database,
        first,
        [gone],
        (lambda: mine.expire(old + timedelta(days=1), 9))
        if retention
        else (lambda: mine.delete([str(gone)])),
    )


async def test_an_error_in_another_session_locks_those_of_both_in_that_order(
    database: Database,
) -> None:
    first, *later = ids = sorted(new_id() for _ in range(3))
    await _store_backwards(database, ids)
    sight, error = FailureRecords(database).sight, str(new_id())
    # Another session's are looked at again, and one may lie on either side of this session's.
    await database.execute("UPDATE interactions SET session_id = 's' WHERE id <> $1", first)
    episodes = [Episode(str(each), "p", "q", "r", datetime.now(UTC)) for each in ids]
    assert not await sight(error, episodes[1:])
    await _first_of_all(database, first, later, lambda: sight(error, episodes[:1]))


async def _store_backwards(database: Database, ids: Sequence[UUID]) -> None:
    """Interactions that lie in the table the later, the lower their ids are."""
    await database.execute(
        "INSERT INTO interactions (id, project, query, response, agent_type, model_used, "
        "tokens_used, latency_ms, projected, built) "
        "SELECT id, 'p', 'q', 'r', 'local', 'm', 1, 1, 1, 2 FROM unnest($1::uuid[]) AS id "
        "ORDER BY id DESC",
        ids,
    )
    rows = await database.fetch("SELECT id FROM interactions ORDER BY ctid")
    assert [row["id"] for row in rows] == sorted(ids, reverse=True)


async def _show(database: Database, item: str, interactions: Sequence[UUID]) -> None:
    await database.execute(
        "INSERT INTO exposures (interaction_id, item_id, rank) "
        "SELECT id, $1::text::uuid, 1 FROM unnest($2::uuid[]) AS id",
        item,
        interactions,
    )


async def _first_of_all(
    database: Database, first: UUID, later: Sequence[UUID], statement: Statement
) -> None:
    """The statement waits for someone who has the first, who meanwhile gets every later one."""

    async def done() -> None:
        await statement()

    async with asyncio.TaskGroup() as group, database.transaction() as other:
        await other.execute("SELECT FROM interactions WHERE id = $1 FOR UPDATE", first)
        waiting = group.create_task(done())
        await until_waiting(database, waiting)
        for each in later:
            await other.execute("SELECT FROM interactions WHERE id = $1 FOR UPDATE NOWAIT", each)
