"""Lanes: how many calls an endpoint works on at once, and a fair queue for the others."""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from hybrid_coordinator.errors import ModelBusyError

_Turn = asyncio.Future[None]


class _Lane:
    """One endpoint's calls: how many are at work, and who waits, a queue a caller."""

    def __init__(self) -> None:
        self.slots = 1
        self.at_work = 0
        self.queues: OrderedDict[str, deque[_Turn]] = OrderedDict()

    def hand_out(self) -> None:
        """Give free slots to those who wait, the callers in turn."""
        while self.at_work < self.slots and self.queues:
            caller, queue = self.queues.popitem(last=False)
            queue.popleft().set_result(None)
            self.at_work += 1
            if queue:
                self.queues[caller] = queue  # at the end: the others come first now

    def free(self) -> None:
        self.at_work -= 1
        self.hand_out()

    def join(self, caller: str) -> _Turn:
        turn: _Turn = asyncio.get_running_loop().create_future()
        self.queues.setdefault(caller, deque()).append(turn)
        return turn

    def leave(self, caller: str, turn: _Turn) -> None:
        """Give up waiting, or the slot that was handed over in the same moment."""
        if turn.done():
            self.free()
            return
        queue = self.queues[caller]
        queue.remove(turn)
        if not queue:
            del self.queues[caller]

    def ahead_of(self, caller: str, turn: _Turn) -> int:
        """How many of those who wait come before this one."""
        place = self.queues[caller].index(turn)
        callers = list(self.queues)
        own = callers.index(caller)
        return place + sum(
            min(len(self.queues[other]), place + (position < own))
            for position, other in enumerate(callers)
            if other != caller
        )


class Lanes:
    """A lane for each endpoint, by URL.

    A server takes more requests than it has slots and lets them wait, where the wait would count
    as the model's and one busy caller would hold up all others. So they wait here: callers in
    turn, each one's calls in their order, and no longer than a bound.
    """

    def __init__(self) -> None:
        self._lanes: dict[str, _Lane] = {}

    @asynccontextmanager
    async def turn(
        self, url: str, slots: int, caller: str, wait_seconds: float
    ) -> AsyncIterator[None]:
        """One of the ``slots`` of ``url``, for the body. ``slots`` is what the endpoint reports
        now; ``caller`` is whom to be fair to, a project or a session.

        Raises:
            ModelBusyError: none was free within ``wait_seconds``; it says how many are ahead.
        """
        lane = self._lanes.setdefault(url, _Lane())
        lane.slots = max(1, slots)
        turn = lane.join(caller)
        lane.hand_out()
        if not turn.done():
            await self._wait(url, lane, caller, turn, wait_seconds)
        try:
            yield
        finally:
            lane.free()
            self._tidy(url, lane)

    def busy(self, url: str) -> tuple[int, int]:
        """How many calls ``url`` works on, and how many wait."""
        lane = self._lanes.get(url)
        if lane is None:
            return 0, 0
        return lane.at_work, sum(len(queue) for queue in lane.queues.values())

    async def _wait(
        self, url: str, lane: _Lane, caller: str, turn: _Turn, wait_seconds: float
    ) -> None:
        ahead = 0
        try:
            async with asyncio.timeout(wait_seconds):
                try:
                    # Shielded: a cancelled wait must not mark the turn as done.
                    await asyncio.shield(turn)
                except BaseException:
                    ahead = 0 if turn.done() else lane.ahead_of(caller, turn)
                    lane.leave(caller, turn)
                    self._tidy(url, lane)
                    raise
        except TimeoutError as error:
            raise ModelBusyError(
                f"{url} was busy for {wait_seconds:g} s: {lane.at_work} at work and {ahead} "
                "waiting ahead of this call; try again later, or raise routing.queue_seconds"
            ) from error

    def _tidy(self, url: str, lane: _Lane) -> None:
        if not lane.at_work and not lane.queues and self._lanes.get(url) is lane:
            del self._lanes[url]
