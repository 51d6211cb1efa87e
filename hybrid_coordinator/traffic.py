"""Whether somebody waits for an answer: work that can wait begins when nobody does, and lets those
go first who come in the middle of it."""

from __future__ import annotations

import asyncio
import types
from collections.abc import Callable, Coroutine, Generator, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from typing import Any, ParamSpec, TypeVar, cast

_GAP_SECONDS = 0.25
"""After as long without a request, the next is unlikely to come in the middle of a job."""
_PATIENCE_SECONDS = 1.0
"""Where requests never cease, a job begins all the same after this."""
_STEP_SECONDS = 0.02
"""How long a step of such work lets others go first, at most: it may hold what they wait for."""

P = ParamSpec("P")
T = TypeVar("T")


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

    async def yielding(
        self, work: Callable[P, Coroutine[Any, Any, T]], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """What ``work`` returns. Whenever it could go on after it waited for something, requests
        that are under way go first, each time for a moment at most."""
        return await _stepwise(work(*args, **kwargs), self._let_pass)

    async def _let_pass(self) -> None:
        if self._under_way:
            with suppress(TimeoutError):
                async with asyncio.timeout(_STEP_SECONDS):
                    await self._none_under_way.wait()


@types.coroutine
def _stepwise(
    work: Coroutine[Any, Any, T], between: Callable[[], Coroutine[Any, Any, None]]
) -> Generator[Any, Any, T]:
    """Await ``work`` as PEP 380 has it, and ``between`` before each of its steps but the first."""
    step = partial(work.send, None)
    while True:
        try:
            awaited = step()
        except StopIteration as end:
            return cast("T", end.value)
        try:
            yield awaited
            yield from between().__await__()
        except BaseException as error:  # noqa: BLE001 - it is the work's: that it is cancelled
            step = partial(work.throw, error)
        else:
            step = partial(work.send, None)
