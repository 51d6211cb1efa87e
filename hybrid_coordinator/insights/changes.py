"""Tells listeners what kinds of things have changed, by one look at the record for all of them."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping

from hybrid_coordinator.domain.insights import Change
from hybrid_coordinator.errors import HybridError

Marks = Callable[[], Awaitable[Mapping[Change, str | None]]]
"""For each kind something that another change makes differ."""

_SECONDS = 1.0
_REST_SECONDS = 2.0
"""From one telling to the next: what a page reads on being told is read at most so often, however
much is done. What is done after a rest is told at once."""


class _Listener:
    """What one listener has not been told yet."""

    def __init__(self) -> None:
        self.news: set[Change] = set()
        self.woken = asyncio.Event()

    def tell(self, news: frozenset[Change]) -> None:
        self.news |= news
        self.woken.set()

    def take(self) -> frozenset[Change]:
        taken = frozenset(self.news)
        self.news.clear()
        self.woken.clear()
        return taken


class Changes:
    """Looks while somebody listens, whoever made the change: another coordinator on the same
    database, too."""

    def __init__(self, marks: Marks, every: float = _SECONDS, rest: float = _REST_SECONDS) -> None:
        """It looks ``every`` so many seconds, and rests so many after it has told something."""
        self._marks = marks
        self._every = every
        self._rest = rest
        self._listeners: set[_Listener] = set()
        self._looking: asyncio.Task[None] | None = None

    async def listen(self) -> AsyncGenerator[frozenset[Change]]:
        """The kinds that changed since the last time, whenever there are any. What changes between
        two steps of a slow listener is told together. Close it to stop (``contextlib.aclosing``).
        """
        listener = _Listener()
        self._listeners.add(listener)
        if self._looking is None:
            self._looking = asyncio.create_task(self._look())
        try:
            while True:
                await listener.woken.wait()
                yield listener.take()
        finally:
            self._listeners.discard(listener)
            if not self._listeners:
                await self.close()

    async def close(self) -> None:
        """Look no longer."""
        looking, self._looking = self._looking, None
        if looking is not None:
            looking.cancel()
            await asyncio.gather(looking, return_exceptions=True)

    async def _look(self) -> None:
        before: Mapping[Change, str | None] | None = None
        while True:
            told = False
            with contextlib.suppress(HybridError):  # the record is away: the next look tells
                now = await self._marks()
                if before is not None:
                    told = self._tell(frozenset(one for one in Change if now[one] != before[one]))
                before = now
            await asyncio.sleep(self._rest if told else self._every)

    def _tell(self, news: frozenset[Change]) -> bool:
        """Whether there was anything to tell."""
        if news:
            for listener in self._listeners:
                listener.tell(news)
        return bool(news)
