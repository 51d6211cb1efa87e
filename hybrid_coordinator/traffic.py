"""Whether an agent waits for a tool's answer: work that can wait begins when none does, and lets
those go first that come in the middle of it."""

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
_STEP_SECONDS, _WORK_SECONDS = 0.02, 0.5
"""How long such work lets others go first, at most: each time that it could go on, and in all. It
may hold what they wait for."""

_P = ParamSpec("_P")
_T = TypeVar("_T")


class Traffic:
    """The calls of tools that are under way in this process."""

    def __init__(
        self, *, step_seconds: float = _STEP_SECONDS, work_seconds: float = _WORK_SECONDS
    ) -> None:
        """Work that yields waits ``step_seconds`` at a time, ``work_seconds`` in all, at most."""
        self._step_seconds, self._work_seconds = step_seconds, work_seconds
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
        self, work: Callable[_P, Coroutine[Any, Any, _T]], *args: _P.args, **kwargs: _P.kwargs
    ) -> _T:
        """What ``work`` returns. Whenever what it waited for has come, calls that are under way go
        first, for a moment: in the task that it runs in, not in tasks or threads of its own. Its
        own timeouts run on meanwhile."""
        left = self._work_seconds
        loop = asyncio.get_running_loop()

        async def let_pass() -> None:
            nonlocal left
            if self._under_way and left > 0:
                began = loop.time()
                with suppress(TimeoutError):
                    async with asyncio.timeout(min(left, self._step_seconds)):
                        await self._none_under_way.wait()
                left -= loop.time() - began

        return await _stepwise(work(*args, **kwargs), let_pass)


@types.coroutine
def _stepwise(
    work: Coroutine[Any, Any, _T], between: Callable[[], Coroutine[Any, Any, None]]
) -> Generator[Any, Any, _T]:
    """Await ``work`` as PEP 380 has it, and ``between`` each time that what it waited for has
    come: until it is cancelled, or too late, from when on it hurries."""
    step = partial(work.send, None)
    hurries = False
    try:
        while True:
            try:
                awaited = step()
            except StopIteration as end:
                return cast("_T", end.value)
            try:
                yield awaited
                if not hurries:
                    yield from between()
            except BaseException as error:  # noqa: BLE001 - the work's, as that it is cancelled
                step = partial(work.throw, error)
                hurries = True
            else:
                step = partial(work.send, None)
    finally:
        del step  # an error in it holds this frame
