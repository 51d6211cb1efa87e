"""Waiting for news, but not for ever."""

from __future__ import annotations

import asyncio


async def came_within(seconds: float, event: asyncio.Event) -> bool:
    """Whether ``event`` is set, or is before so many seconds are over."""
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        return False
    return True
