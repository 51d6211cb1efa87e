"""Lanes: no more at once than an endpoint has slots, callers in turn, and no slot ever lost."""

from __future__ import annotations

import asyncio
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hybrid_coordinator.errors import ModelBusyError
from hybrid_coordinator.inference.lanes import Lanes

URL = "http://127.0.0.1:8080"


class Work:
    """Calls that hold their slot until told otherwise."""

    def __init__(self, lanes: Lanes) -> None:
        self.lanes = lanes
        self.order: list[str] = []
        self.at_work = 0
        self.most = 0
        self.ends: dict[str, asyncio.Event] = {}

    def start(self, name: str, *, slots: int = 1, wait: float = 60.0) -> asyncio.Task[None]:
        """``name`` is the caller's, a colon, and which of its calls it is."""
        self.ends[name] = asyncio.Event()
        return asyncio.create_task(self._call(name, slots, wait))

    async def _call(self, name: str, slots: int, wait: float) -> None:
        async with self.lanes.turn(URL, slots, name.partition(":")[0], wait):
            self.order.append(name)
            self.at_work += 1
            self.most = max(self.most, self.at_work)
            try:
                await self.ends[name].wait()
            finally:
                self.at_work -= 1


async def settle() -> None:
    """Let every task run until it waits."""
    for _ in range(10):
        await asyncio.sleep(0)


async def test_callers_take_turns_and_each_ones_calls_keep_their_order():
    work = Work(Lanes())
    names = ["a:1", "a:2", "a:3", "a:4", "b:1", "b:2", "c:1"]
    tasks = []
    for name in names:
        tasks.append(work.start(name))
        await settle()
    for event in work.ends.values():
        event.set()
    await asyncio.gather(*tasks)
    assert work.order == ["a:1", "a:2", "b:1", "c:1", "a:3", "b:2", "a:4"]
    assert work.most == 1
    assert work.lanes.busy(URL) == (0, 0)


async def test_a_wait_beyond_the_bound_says_how_many_are_ahead():
    work = Work(Lanes())
    tasks = [work.start(name) for name in ("a:1", "a:2", "a:3", "b:1")]
    await settle()
    # b's first comes after a's first in the queue, but before a's second.
    with pytest.raises(ModelBusyError, match="1 at work and 2 waiting ahead.*queue_seconds"):
        async with work.lanes.turn(URL, 1, "c", 0.01):
            raise AssertionError
    assert work.lanes.busy(URL) == (1, 3)
    for event in work.ends.values():
        event.set()
    await asyncio.gather(*tasks)


async def test_slots_may_become_more_and_fewer():
    work = Work(Lanes())
    tasks = [work.start(f"a:{number}", slots=1) for number in range(4)]
    await settle()
    assert work.at_work == 1
    tasks.append(work.start("b:1", slots=3))
    await settle()
    assert work.at_work == 3
    tasks.append(work.start("c:1", slots=1))
    for name in list(work.order[:2]):
        work.ends[name].set()
    await settle()
    assert work.at_work == 1, "those at work go on; nobody follows while they are too many"
    for event in work.ends.values():
        event.set()
    await asyncio.gather(*tasks)
    assert len(work.order) == 6
    assert work.lanes.busy(URL) == (0, 0)


async def test_one_who_goes_away_as_its_turn_comes_hands_it_on():
    work = Work(Lanes())
    first, second, third = (work.start(f"{name}:1") for name in "abc")
    await settle()
    work.ends["a:1"].set()
    await first
    # The slot was handed to the second, which has not run since.
    second.cancel()
    await settle()
    assert second.cancelled()
    assert work.order == ["a:1", "c:1"]
    work.ends["c:1"].set()
    await third
    assert work.lanes.busy(URL) == (0, 0)


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**32), slots=st.integers(1, 4), calls=st.integers(1, 14))
def test_cancelling_at_any_point_loses_no_slot(seed: int, slots: int, calls: int):
    """Calls are started, ended, cancelled and given single steps in a random order."""

    async def run() -> None:
        draw = random.Random(seed)
        work = Work(Lanes())
        tasks: dict[str, asyncio.Task[None]] = {}
        for number in range(calls * 6):
            action = draw.choice(("start", "end", "cancel", "step", "step"))
            if action == "start" and len(tasks) < calls:
                name = f"{draw.choice('abc')}:{number}"
                tasks[name] = work.start(name, slots=slots)
            elif tasks and action == "end":
                work.ends[draw.choice(list(tasks))].set()
            elif tasks and action == "cancel":
                tasks[draw.choice(list(tasks))].cancel()
            await asyncio.sleep(0)
            assert work.at_work <= slots
        for event in work.ends.values():
            event.set()
        ended = await asyncio.gather(*tasks.values(), return_exceptions=True)
        assert all(one is None or isinstance(one, asyncio.CancelledError) for one in ended)
        assert work.lanes.busy(URL) == (0, 0)
        async with work.lanes.turn(URL, 1, "d", 1.0):
            assert work.lanes.busy(URL) == (1, 0)

    asyncio.run(run())


async def test_a_hundred_callers_of_two_slots_all_get_their_turn():
    work = Work(Lanes())
    tasks = [work.start(f"{number}:1", slots=2) for number in range(100)]
    await settle()
    for event in work.ends.values():
        event.set()
    await asyncio.gather(*tasks)
    assert sorted(work.order) == sorted(work.ends)
    assert work.most == 2
