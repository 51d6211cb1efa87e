"""A gate that many pass at once, and that can be closed for a moment."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class Gate:
    """Readers and a writer: ``passing`` waits while the gate is closed, ``closed`` waits for those
    who passed it before."""

    def __init__(self) -> None:
        self._changed = asyncio.Condition()
        self._inside = 0
        self._closed = False

    @asynccontextmanager
    async def passing(self) -> AsyncIterator[None]:
        """Be inside. Not to be entered twice by one task."""
        async with self._changed:
            await self._changed.wait_for(lambda: not self._closed)
            self._inside += 1
        try:
            yield
        finally:
            self._inside -= 1
            await self._tell()

    @asynccontextmanager
    async def closed(self) -> AsyncIterator[None]:
        """Have nobody inside, and nobody come in."""
        async with self._changed:
            await self._changed.wait_for(lambda: not self._closed)
            self._closed = True
        try:
            async with self._changed:
                await self._changed.wait_for(lambda: not self._inside)
            yield
        finally:
            self._closed = False
            await self._tell()

    async def _tell(self) -> None:
        async with self._changed:
            self._changed.notify_all()
