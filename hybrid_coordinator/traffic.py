"""When nobody waits for an answer: work that can wait begins then."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager, suppress

_GAP_SECONDS = 0.25
"""After as long without a request, the next is unlikely to come in the middle of a job."""
_PATIENCE_SECONDS = 1.0
"""Where requests never cease, a job begins all the same after this."""


class Traffic:
    """The requests under way in this process."""

    def __init__(self) -> None:
        self._under_way = 0
        self._none_under_way = asyncio.Event()
        self._none_under_way.set()
        self._quiet_since = float("-inf")  # in the event loop's time

    @contextmanager
    def request(self) -> Iterator[None]:
        """Somebody waits for an answer while the body runs."""
        self._under_way += 1
        self._none_under_way.clear()
        try:
            yield
        finally:
            self._under_way -= 1
            if not self._under_way:
                self._quiet_since = asyncio.get_running_loop().time()
                self._none_under_way.set()

    async def lull(self) -> None:
        """Return once there was no request for a moment, at the latest after a second."""
        loop = asyncio.get_running_loop()
        with suppress(TimeoutError):
            async with asyncio.timeout(_PATIENCE_SECONDS):
                while True:
                    await self._none_under_way.wait()
                    rest = self._quiet_since + _GAP_SECONDS - loop.time()
                    if rest <= 0:
                        return
                    await asyncio.sleep(rest)
