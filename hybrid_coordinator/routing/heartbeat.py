"""Telling someone who waits that the work goes on: a client's idle clock starts anew at each."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Coroutine
from typing import TypeVar

from anyio import CancelScope

T = TypeVar("T")


async def with_heartbeat(
    work: Coroutine[None, None, T],
    beat: Callable[[float], Awaitable[None]],
    *,
    every: float,
) -> T:
    """Do ``work``, and call ``beat`` with the elapsed seconds: at once, before the work begins,
    and then whenever ``every`` seconds have passed.

    When the caller is cancelled, or ``beat`` raises, the work is cancelled and waited for.
    """
    started = time.monotonic()
    task = asyncio.ensure_future(work)
    try:
        while True:
            await beat(time.monotonic() - started)
            done, _ = await asyncio.wait({task}, timeout=every)
            if done:
                return task.result()
    finally:
        if not task.done():
            task.cancel()
            # A cancel scope of anyio, which requests run in, cancels us again and again until we
            # are gone. Passed on, that would cut the work's own end short and leave its
            # connection to the model open.
            with CancelScope(shield=True):
                await asyncio.wait({task})
            if not task.cancelled():
                task.exception()  # the caller has one of its own
