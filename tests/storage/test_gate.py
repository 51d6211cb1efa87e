"""Many pass a gate at once; nobody is inside while it is closed."""

from __future__ import annotations

import asyncio

from hybrid_coordinator.storage.gate import Gate


async def test_closing_waits_for_those_inside_and_keeps_others_out() -> None:
    gate, leave, order = Gate(), asyncio.Event(), list[str]()
    inside = asyncio.Barrier(3)

    async def early() -> None:
        async with gate.passing():
            await inside.wait()
            await leave.wait()
            order.append("early")

    async def close() -> None:
        async with gate.closed():
            order.append("closed")
            await asyncio.sleep(0)
            order.append("still closed")

    async def late() -> None:
        async with gate.passing():
            order.append("late")

    async with asyncio.timeout(10), asyncio.TaskGroup() as tasks:
        tasks.create_task(early())
        tasks.create_task(early())
        await inside.wait()  # two at once
        tasks.create_task(close())
        await asyncio.sleep(0)
        tasks.create_task(late())
        await asyncio.sleep(0)
        leave.set()
    assert order == ["early", "early", "closed", "still closed", "late"]
