"""Does the jobs of the queue, one of each sort at a time, while the process runs."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from contextlib import suppress

from hybrid_coordinator.domain.jobs import Job
from hybrid_coordinator.errors import (
    HybridError,
    ModelBusyError,
    ModelUnavailableError,
    UnavailableError,
)
from hybrid_coordinator.learning.jobs.kinds import JobKind
from hybrid_coordinator.spans import span
from hybrid_coordinator.storage.postgres.database import Session
from hybrid_coordinator.storage.postgres.jobs import JobRecords
from hybrid_coordinator.traffic import Traffic

_log = logging.getLogger(__name__)

RESTS = (30.0, 120.0, 600.0, 3600.0)
"""Seconds after the first failure, the second, and so on. One more, and a job is parked."""

_LOOK_SECONDS = 15.0
"""How often to look for jobs of other processes, that have rested, or whose obstacle may have gone
away: for a model, each look is a probe of the servers here, and only while a job waits for one."""
_AWAY_SECONDS = 30.0
"""The rest of a job that came upon a part that does not answer."""
_LONGEST_REASON = 500
"""Characters: an error may quote a whole answer."""
_HOLD_SECONDS = 5.0
"""How often to ask, over the connection that holds a job, whether it is still ours."""


class JobWorker:
    """Takes jobs and has them done. Those that may have to wait for something, as a model, and
    those that need nothing do not hold each other up."""

    def __init__(
        self,
        records: JobRecords,
        kinds: Sequence[JobKind],
        clean: Callable[[str], str],
        traffic: Traffic,
        *,
        rests: Sequence[float] = RESTS,
        look_seconds: float = _LOOK_SECONDS,
        hold_seconds: float = _HOLD_SECONDS,
    ) -> None:
        """``clean`` takes secrets out of what errors quote; jobs give way to ``traffic``."""
        self._records = records
        self._clean = clean
        self._traffic = traffic
        self._kinds = {kind.name: kind for kind in kinds}
        self._rests = rests
        self._look_seconds = look_seconds
        self._hold_seconds = hold_seconds
        bound = [kind for kind in kinds if kind.obstacle is not None]
        free = [kind for kind in kinds if kind.obstacle is None]
        self._lanes = [(lane, asyncio.Event()) for lane in (bound, free) if lane]
        self._obstacles: dict[str, str | None] = {}

    def wake(self) -> None:
        """Say that there may be a job to take. Costs nothing."""
        for _, woken in self._lanes:
            woken.set()

    def noun(self, kind: str) -> str | None:
        """What jobs of a kind make; None for a kind that this program does not know."""
        return self._kinds[kind].noun if kind in self._kinds else None

    def turn(self, kind: str) -> str:
        """Which of many jobs of a kind comes first; empty where there is nothing to say of it."""
        return self._kinds[kind].turn if kind in self._kinds else ""

    def obstacle(self, kind: str) -> str | None:
        """Why no job of a kind could be done when it was last its turn."""
        return self._obstacles.get(kind)

    async def run(self) -> None:
        """Do jobs until cancelled. One that is then under way is given back as it was."""
        async with asyncio.TaskGroup() as group:
            for kinds, woken in self._lanes:
                group.create_task(self._work(kinds, woken))

    async def _work(self, kinds: Sequence[JobKind], woken: asyncio.Event) -> None:
        while True:
            woken.clear()
            try:
                if await self._do_next(kinds):
                    continue
            except HybridError as error:
                _log.warning("the queue of jobs cannot be worked on now: %s", error)
            with suppress(TimeoutError):
                async with asyncio.timeout(self._look_seconds):
                    await woken.wait()

    async def _do_next(self, kinds: Sequence[JobKind]) -> bool:
        """Do one job; False if there is none that can be done."""
        if not await self._records.due([kind.name for kind in kinds]):
            return False
        for kind in kinds:
            self._obstacles[kind.name] = await _obstacle_of(kind)
        able = [kind.name for kind in kinds if self._obstacles[kind.name] is None]
        if not able:
            return False
        await self._traffic.lull()
        async with self._records.taken(able) as taken:
            if taken is None:
                return False
            await self._do(*taken)
        return True

    async def _do(self, job: Job, session: Session) -> None:
        if job.tries > len(self._rests) + 1:
            # Each try ended with its process, before it could say how.
            await self._fail(job, "the coordinator ended each time that this was tried")
            return
        try:
            with span(f"job {job.kind}", hybrid__job=job.id, hybrid__tries=job.tries):
                held = await self._run_while_ours(job, session)
        except asyncio.CancelledError:
            await self._records.give_back(job, "the coordinator was stopped")
            raise
        except UnavailableError as error:
            await self._interrupted(job, error)
        except HybridError as error:
            await self._fail(job, str(error))
        except Exception as error:  # noqa: BLE001 - a fault of one job must not end all others
            _log.exception("job %d (%s) met a fault of ours", job.id, job.kind)
            await self._fail(job, f"{type(error).__name__}: {error}")
        else:
            if held:
                await self._records.finish(job)

    async def _run_while_ours(self, job: Job, session: Session) -> bool:
        """Do the job; False if it was dropped, or somebody else has it, before it was done."""
        work = asyncio.ensure_future(self._traffic.yielding(self._kinds[job.kind].run, job))
        watch = asyncio.ensure_future(self._until_lost(job, session))
        try:
            await asyncio.wait({work, watch}, return_when=asyncio.FIRST_COMPLETED)
            if work.done():
                await work
                return True
            await watch
            return False
        finally:
            for task in (work, watch):
                task.cancel()
            await asyncio.gather(work, watch, return_exceptions=True)

    async def _until_lost(self, job: Job, session: Session) -> None:
        ours = True
        while ours:
            await asyncio.sleep(self._hold_seconds)
            ours = await self._records.still_ours(job, session)

    async def _interrupted(self, job: Job, error: UnavailableError) -> None:
        """A part did not answer. That counts as a try only for a model that is there, and was
        asked, and did not come to an answer."""
        obstacle = await _obstacle_of(self._kinds[job.kind])
        asked = isinstance(error, ModelUnavailableError) and not isinstance(error, ModelBusyError)
        if asked and obstacle is None:
            await self._fail(job, str(error))
        else:
            reason = self._said(obstacle or str(error))
            await self._records.give_back(job, reason, rest=_AWAY_SECONDS)

    async def _fail(self, job: Job, reason: str) -> None:
        park = job.tries > len(self._rests)
        rest = 0.0 if park else self._rests[job.tries - 1]
        reason = self._said(reason)
        _log.warning("job %d (%s), try %d: %s", job.id, job.kind, job.tries, reason)
        await self._records.fail(job, reason, rest=rest, park=park)

    def _said(self, reason: str) -> str:
        # Without what Postgres has no place for: NUL, and half of a surrogate pair.
        text = self._clean(reason.replace("\0", " ").encode("utf-8", "replace").decode())
        return text if len(text) <= _LONGEST_REASON else f"{text[: _LONGEST_REASON - 1]}…"


async def _obstacle_of(kind: JobKind) -> str | None:
    return None if kind.obstacle is None else await kind.obstacle()
