"""Work that several ask for at once is done once, and never for more than a few at a time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from typing import Any, TypeVar

T = TypeVar("T")

_AT_ONCE = 2
"""Figures that are worked out at a time: twenty dashboards that hear of a change must not take the
connections of those who work."""


class Shared:
    """Answers are as of after they were asked for: who asks while an equal question is being
    answered waits for the next answer, which is that of all who wait."""

    def __init__(self, at_once: int = _AT_ONCE) -> None:
        self._turns = asyncio.Semaphore(at_once)
        self._current: dict[Hashable, asyncio.Task[Any]] = {}
        self._next: dict[Hashable, asyncio.Task[Any]] = {}

    async def of(self, key: Hashable, make: Callable[[], Awaitable[T]]) -> T:
        """What ``make`` gives; who asks with an equal ``key`` must want the same. Raises as
        ``make`` does."""
        task = self._next.get(key)
        if task is None:
            task = asyncio.create_task(self._made(key, make, self._current.get(key)))
            self._next[key] = task
        result: T = await asyncio.shield(task)
        return result

    async def close(self) -> None:
        """Give up what is being worked out."""
        tasks = {*self._current.values(), *self._next.values()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._current.clear()
        self._next.clear()  # one that had not begun takes itself out of nothing

    async def _made(
        self, key: Hashable, make: Callable[[], Awaitable[T]], before: asyncio.Task[Any] | None
    ) -> T:
        task = asyncio.current_task()
        assert task is not None
        try:
            if before is not None:
                await asyncio.wait([before])
            async with self._turns:
                # From here on its answer may miss what changes: who asks now waits for another.
                self._current[key] = self._next.pop(key)
                return await make()
        finally:
            for tasks in (self._current, self._next):
                if tasks.get(key) is task:
                    del tasks[key]
