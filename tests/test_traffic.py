"""Work that gives way to requests comes out as it would alone, only later."""

from __future__ import annotations

import asyncio
from contextlib import nullcontext

import pytest

from hybrid_coordinator.traffic import Traffic


@pytest.fixture
def patient() -> Traffic:
    """Waits for requests for longer than any test does."""
    return Traffic(step_seconds=600, work_seconds=600)


@pytest.fixture
async def said() -> asyncio.Future[str]:
    """What the work below waits for."""
    return asyncio.get_running_loop().create_future()


async def turns(number: int = 20) -> None:
    """Let whatever can go on do so, for as many turns of the event loop."""
    for _ in range(number):
        await asyncio.sleep(0)


async def test_what_the_work_returns_and_raises_is_the_callers(said: asyncio.Future[str]) -> None:
    async def work(prefix: str, *, fails: bool) -> str:
        text = prefix + await said
        if fails:
            raise KeyError(text)
        return text

    said.set_result("done")
    assert await Traffic().yielding(work, "well ", fails=False) == "well done"
    with pytest.raises(KeyError, match="not done"):
        await Traffic().yielding(work, "not ", fails=True)


async def test_a_step_waits_for_the_requests_that_are_under_way(
    patient: Traffic, said: asyncio.Future[str]
) -> None:
    traffic, order = patient, list[str]()

    async def work() -> None:
        order.append("began")
        order.append(await said)

    working = asyncio.create_task(traffic.yielding(work))
    await turns()
    with traffic.request():
        said.set_result("went on")
        await turns()
        order.append("answered")
    await working
    assert order == ["began", "answered", "went on"]


async def test_a_request_that_does_not_end_holds_no_work_up(said: asyncio.Future[str]) -> None:
    """It may wait for what the work holds."""
    traffic = Traffic()

    async def work() -> str:
        return await said

    with traffic.request():
        said.set_result("went on")
        async with asyncio.timeout(60):
            assert await traffic.yielding(work) == "went on"


@pytest.mark.parametrize("while_it_lets_pass", [False, True])
async def test_work_that_is_cancelled_puts_away_what_it_has(
    patient: Traffic, said: asyncio.Future[str], *, while_it_lets_pass: bool
) -> None:
    traffic, put_away = patient, list[str]()

    async def work() -> None:
        try:
            await said
        finally:
            await asyncio.sleep(0)
            put_away.append("lock")

    working = asyncio.create_task(traffic.yielding(work))
    await turns()
    with traffic.request():
        if while_it_lets_pass:
            said.set_result("too late")
            await turns()
        working.cancel()
        with pytest.raises(asyncio.CancelledError):
            await working
    assert put_away == ["lock"]


async def test_all_that_work_waits_for_requests_is_bounded() -> None:
    """However many steps it has."""
    traffic = Traffic(step_seconds=0.001, work_seconds=0.01)
    loop = asyncio.get_running_loop()

    async def work() -> None:
        for _ in range(100_000):
            await asyncio.sleep(0)

    with traffic.request():
        began = loop.time()
        await work()
        alone = loop.time() - began
        began = loop.time()
        async with asyncio.timeout(60):  # a millisecond for each step would take longer
            await traffic.yielding(work)
    assert loop.time() - began < 50 + alone


@pytest.mark.parametrize("busy", [False, True])
async def test_time_runs_out_inside_the_work_and_not_for_its_caller(
    patient: Traffic, said: asyncio.Future[str], *, busy: bool
) -> None:
    async def work() -> str:
        try:
            async with asyncio.timeout(0.05):
                if busy:
                    await asyncio.sleep(0)  # over in time, but others go first
                return await said
        except TimeoutError:
            return "too slow"

    with patient.request() if busy else nullcontext():
        assert await patient.yielding(work) == "too slow"


@pytest.mark.parametrize("busy", [False, True])
async def test_tasks_of_the_work_are_its_own(said: asyncio.Future[str], *, busy: bool) -> None:
    traffic = Traffic()

    async def wait() -> str:
        return await said

    async def work() -> list[str]:
        async with asyncio.TaskGroup() as group:
            both = [group.create_task(wait()) for _ in range(2)]
            group.create_task(asyncio.to_thread(lambda: None))
            said.set_result("heard")
        return [task.result() for task in both]

    with traffic.request() if busy else nullcontext():
        assert await traffic.yielding(work) == ["heard", "heard"]


async def test_what_is_waited_for_may_fail(patient: Traffic, said: asyncio.Future[str]) -> None:
    async def work() -> str:
        try:
            return await said
        except KeyError:
            return "mended"

    said.set_exception(KeyError("x"))
    assert await patient.yielding(work) == "mended"


async def test_work_that_is_closed_is_closed_within(patient: Traffic) -> None:
    closed = list[str]()

    async def work() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            closed.append("closed")

    coroutine = patient.yielding(work)
    coroutine.send(None)
    coroutine.close()
    assert closed == ["closed"]
