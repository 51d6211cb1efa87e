"""Equal questions share an answer, which is never older than the question."""

from __future__ import annotations

import asyncio

import pytest

from hybrid_coordinator.errors import StorageError
from hybrid_coordinator.insights.sharing import Shared


class Work:
    """Counts how often it was begun, and ends when it is let to."""

    def __init__(self) -> None:
        self.begun = 0
        self.at_once = 0
        self.most = 0
        self.gate = asyncio.Event()
        self.fails = False

    async def make(self) -> int:
        self.begun += 1
        number = self.begun
        self.at_once += 1
        self.most = max(self.most, self.at_once)
        await self.gate.wait()
        self.at_once -= 1
        if self.fails:
            raise StorageError("broken")
        return number

    async def until_begun(self, times: int) -> None:
        while self.begun < times:
            await asyncio.sleep(0)


async def test_who_asks_while_it_is_worked_out_gets_the_next_answer_together() -> None:
    shared, work = Shared(), Work()
    first = asyncio.create_task(shared.of("key", work.make))
    await work.until_begun(1)
    later = [asyncio.create_task(shared.of("key", work.make)) for _ in range(20)]
    await asyncio.sleep(0)
    work.gate.set()
    assert await first == 1
    assert await asyncio.gather(*later) == [2] * 20
    assert work.begun == 2
    # Nothing is kept: the next one is worked out again.
    assert await shared.of("key", work.make) == 3
    assert (shared._current, shared._next) == ({}, {})


async def test_all_who_ask_before_it_begins_share_it() -> None:
    shared, work = Shared(at_once=1), Work()
    blocking = asyncio.create_task(shared.of("other", work.make))
    await work.until_begun(1)
    waiting = [asyncio.create_task(shared.of("key", work.make)) for _ in range(5)]
    await asyncio.sleep(0)
    work.gate.set()
    assert await asyncio.gather(*waiting) == [2] * 5
    assert await blocking == 1
    assert work.most == 1


async def test_no_more_than_a_few_are_worked_out_at_a_time() -> None:
    shared, work = Shared(at_once=2), Work()
    asked = [asyncio.create_task(shared.of(number, work.make)) for number in range(6)]
    await work.until_begun(2)
    await asyncio.sleep(0)
    work.gate.set()
    assert sorted(await asyncio.gather(*asked)) == [1, 2, 3, 4, 5, 6]
    assert work.most == 2


async def test_an_error_is_that_of_all_who_wait_and_of_nobody_after() -> None:
    shared, work = Shared(), Work()
    work.fails = True
    work.gate.set()
    both = await asyncio.gather(
        shared.of("key", work.make), shared.of("key", work.make), return_exceptions=True
    )
    assert [type(one) for one in both] == [StorageError] * 2
    work.fails = False
    assert await shared.of("key", work.make) == 2
    with pytest.raises(StorageError):
        work.fails = True
        await shared.of("key", work.make)


async def test_one_who_goes_away_takes_nothing_from_the_others() -> None:
    shared, work = Shared(), Work()
    leaving = asyncio.create_task(shared.of("key", work.make))
    staying = asyncio.create_task(shared.of("key", work.make))
    await work.until_begun(1)
    leaving.cancel()
    await asyncio.gather(leaving, return_exceptions=True)
    work.gate.set()
    assert await staying == 1


async def test_a_closed_one_works_no_more() -> None:
    shared, work = Shared(), Work()
    asked = [asyncio.create_task(shared.of("key", work.make)) for _ in range(2)]
    await work.until_begun(1)
    asked.append(asyncio.create_task(shared.of("key", work.make)))
    await asyncio.sleep(0)
    await shared.close()
    ended = await asyncio.gather(*asked, return_exceptions=True)
    assert [type(one) for one in ended] == [asyncio.CancelledError] * 3
    assert (shared._current, shared._next) == ({}, {})
