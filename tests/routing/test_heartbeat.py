"""The heartbeat: when it beats, and that no work outlives its caller."""

from __future__ import annotations

import asyncio

import anyio
import pytest

from hybrid_coordinator.routing.heartbeat import with_heartbeat


class Work:
    """Work that goes on until it is told to end, and knows how it ended."""

    def __init__(self) -> None:
        self.begun = asyncio.Event()
        self.told = asyncio.Event()
        self.cancelled = False

    async def __call__(self) -> str:
        self.begun.set()
        try:
            await self.told.wait()
        except asyncio.CancelledError:
            self.cancelled = True
            raise
        return "done"


async def test_it_beats_before_the_work_begins_and_until_it_ends():
    work = Work()
    beats: list[bool] = []

    async def beat(_: float) -> None:
        beats.append(work.begun.is_set())
        if len(beats) == 3:
            work.told.set()

    assert await with_heartbeat(work(), beat, every=0.01) == "done"
    assert beats == [False, True, True]


async def test_the_works_error_is_the_callers():
    async def fail() -> None:
        raise KeyError("x")

    async def beat(_: float) -> None:
        return

    with pytest.raises(KeyError):
        await with_heartbeat(fail(), beat, every=1)


async def test_a_beat_that_fails_ends_the_work():
    work = Work()

    async def beat(_: float) -> None:
        if work.begun.is_set():
            raise ConnectionResetError

    async with asyncio.timeout(5):
        with pytest.raises(ConnectionResetError):
            await with_heartbeat(work(), beat, every=0.01)
    assert work.cancelled


async def test_a_caller_that_is_cancelled_ends_the_work():
    work = Work()

    async def beat(_: float) -> None:
        return

    async with asyncio.timeout(5):
        caller = asyncio.create_task(with_heartbeat(work(), beat, every=1))
        await work.begun.wait()
        caller.cancel()
        with pytest.raises(asyncio.CancelledError):
            await caller
    assert work.cancelled


async def test_work_comes_to_its_own_end_in_a_scope_that_cancels_again_and_again():
    begun, ended = asyncio.Event(), asyncio.Event()

    async def work() -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            for _ in range(5):
                await asyncio.sleep(0)
            ended.set()

    async def beat(_: float) -> None:
        return

    async with asyncio.timeout(5), anyio.create_task_group() as group:
        group.start_soon(lambda: with_heartbeat(work(), beat, every=1))
        await begun.wait()
        group.cancel_scope.cancel()
    assert ended.is_set()
