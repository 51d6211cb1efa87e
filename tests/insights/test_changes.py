"""Listeners are told what kinds of things changed, by one look for all of them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from hybrid_coordinator.domain.insights import Change
from hybrid_coordinator.domain.interactions import AgentType, NewInteraction, Outcome, OutcomeKind
from hybrid_coordinator.domain.items import CollectionName
from hybrid_coordinator.domain.knowledge import NewKnowledge
from hybrid_coordinator.errors import RecordUnavailableError
from hybrid_coordinator.insights.changes import Changes
from tests.support.coordinators import engines_on

PATIENCE = 60.0
Listening = AsyncGenerator[frozenset[Change]]


class Record:
    """Marks that a test turns."""

    def __init__(self) -> None:
        self.marks: dict[Change, str | None] = dict.fromkeys(Change, "0")
        self.looks = 0
        self.away = False
        self.looked = asyncio.Event()

    async def look(self) -> Mapping[Change, str | None]:
        self.looks += 1
        self.looked.set()
        if self.away:
            raise RecordUnavailableError("it is away")
        return dict(self.marks)

    async def next_look(self) -> None:
        """Until a look was begun after this, and is over."""
        for _ in range(2):
            self.looked.clear()
            await asyncio.wait_for(self.looked.wait(), PATIENCE)


async def heard(told: Listening) -> frozenset[Change]:
    return await asyncio.wait_for(anext(told), PATIENCE)


async def test_every_listener_is_told_by_one_look() -> None:
    record = Record()
    changes = Changes(record.look, every=0.001, rest=0.001)
    async with aclosing(changes.listen()) as one, aclosing(changes.listen()) as other:
        waiting = [asyncio.create_task(heard(told)) for told in (one, other)]
        await record.next_look()
        record.marks[Change.JOBS] = "1"
        assert await asyncio.gather(*waiting) == [{Change.JOBS}] * 2
        record.marks |= {Change.INTERACTIONS: "1", Change.OUTCOMES: "1"}
        assert await heard(one) == {Change.INTERACTIONS, Change.OUTCOMES}
        assert await heard(other) == {Change.INTERACTIONS, Change.OUTCOMES}


async def test_what_goes_on_changing_is_told_at_intervals() -> None:
    record = Record()
    changes = Changes(record.look, every=0.001, rest=0.1)
    async with aclosing(changes.listen()) as told:
        waiting = asyncio.create_task(heard(told))
        await record.next_look()
        record.marks[Change.JOBS] = "1"
        assert await waiting == {Change.JOBS}
        since = asyncio.get_running_loop().time()
        record.marks[Change.OUTCOMES] = "1"
        assert await heard(told) == {Change.OUTCOMES}
        assert asyncio.get_running_loop().time() - since > 0.09


async def test_nobody_looks_while_nobody_listens() -> None:
    record = Record()
    changes = Changes(record.look, every=0.001, rest=0.001)
    async with aclosing(changes.listen()) as told:
        waiting = asyncio.create_task(heard(told))
        await record.next_look()
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
    assert changes._looking is None
    looks = record.looks
    await asyncio.sleep(0)
    assert record.looks == looks


async def test_what_changed_while_the_record_was_away_is_told_after() -> None:
    record = Record()
    changes = Changes(record.look, every=0.001, rest=0.001)
    async with aclosing(changes.listen()) as told:
        waiting = asyncio.create_task(heard(told))
        await record.next_look()
        record.away = True
        record.marks[Change.KNOWLEDGE] = "1"
        await record.next_look()
        record.away = False
        assert await waiting == {Change.KNOWLEDGE}


async def test_real_work_is_told(dsn: str, tmp_path: Path) -> None:
    async with engines_on(dsn, tmp_path / "home") as engines:
        coordinator = await engines.get()
        before = await coordinator.insights._changes._marks()
        await coordinator.store(
            NewKnowledge(CollectionName.BEST_PRACTICES, "p", "Lock the row", "First of all.")
        )
        stored = await coordinator.insights._changes._marks()
        assert {one for one in Change if stored[one] != before[one]} == {Change.KNOWLEDGE}
        new = NewInteraction("p", "q", "r", AgentType.REMOTE, "m")
        done = await coordinator.track(new)
        tracked = await coordinator.insights._changes._marks()
        assert {one for one in Change if tracked[one] != stored[one]} == {Change.INTERACTIONS}
        # An import brings what was done before.
        long_ago = datetime(2020, 1, 1, tzinfo=UTC)
        await coordinator.interactions.add(replace(new, created_at=long_ago))
        imported = await coordinator.insights._changes._marks()
        assert {one for one in Change if imported[one] != tracked[one]} == {Change.INTERACTIONS}
        await coordinator.update_outcome(done, Outcome(OutcomeKind.FAILURE))
        judged = await coordinator.insights._changes._marks()
        assert Change.OUTCOMES in {one for one in Change if judged[one] != imported[one]}
        await coordinator.memory.delete([done])
        deleted = await coordinator.insights._changes._marks()
        assert Change.INTERACTIONS in {one for one in Change if deleted[one] != judged[one]}
