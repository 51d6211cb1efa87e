"""A server of an event loop beside a synchronous test, as it would be in a process of its own."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractAsyncContextManager, contextmanager
from dataclasses import dataclass
from typing import Generic, TypeVar

S = TypeVar("S")
_SECONDS = 10.0


@dataclass(frozen=True)
class Background(Generic[S]):
    """A server that was entered, and the loop it runs on."""

    server: S
    _loop: asyncio.AbstractEventLoop

    def do(self, action: Callable[[S], object]) -> None:
        """Have the server's own thread do something with it."""
        self._loop.call_soon_threadsafe(action, self.server)


@contextmanager
def in_background(server: AbstractAsyncContextManager[S]) -> Iterator[Background[S]]:
    """Enter ``server`` on a loop in a thread of its own, and leave it at the end."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    try:
        entered = asyncio.run_coroutine_threadsafe(server.__aenter__(), loop).result(_SECONDS)
        try:
            yield Background(entered, loop)
        finally:
            leaving = server.__aexit__(None, None, None)
            asyncio.run_coroutine_threadsafe(leaving, loop).result(_SECONDS)
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(timeout=_SECONDS)
        loop.close()
