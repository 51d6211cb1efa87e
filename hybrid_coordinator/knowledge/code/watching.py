"""Watching: indexed directories whose changes reach the index by themselves."""

from __future__ import annotations

import asyncio
import logging
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path

from hybrid_coordinator.errors import InvalidArgumentError, RecordUnavailableError
from hybrid_coordinator.knowledge.code.following import (
    WHOLE,
    CannotFollowError,
    DirectoryGoneError,
    changes,
)
from hybrid_coordinator.knowledge.code.refreshing import Refresher
from hybrid_coordinator.storage.postgres.watched import WatchedDirectories

_log = logging.getLogger(__name__)

_MOST_SECONDS = 300.0
_RESTS = 50
"""Where there are no events, a directory is looked at each time after this many times as long as
that took, so that it takes at most a fiftieth of a processor."""


@dataclass(frozen=True, slots=True)
class WatchLimits:
    """How much is watched.

    Attributes:
        watched: directories that can be watched; each takes a thread.
        followed: directories below a watched one that are followed by events. The usual limit
            of Linux, which all programs of a user share, is some 60,000 and more.
        look_seconds: between two looks, at least, where there are no events.
    """

    watched: int = 32
    followed: int = 20_000
    look_seconds: float = 5.0


class Watches:
    """Follows the watched directories while the coordinator runs. Which they are is recorded:
    the next coordinator takes them up, and first what has changed meanwhile."""

    def __init__(
        self,
        records: WatchedDirectories,
        refresher: Refresher,
        limits: WatchLimits | None = None,
    ) -> None:
        self._records = records
        self._refresher = refresher
        self._limits = limits or WatchLimits()
        self._tasks: dict[tuple[str, str], asyncio.Task[None]] = {}
        self._news: dict[str, list[str]] = {}

    async def resume(self) -> None:
        """Take up what this home watched, and what is here of what nobody's home did."""
        for project, directory in await self._records.of_nobody():
            if await asyncio.to_thread(Path(directory).is_dir):
                await self._records.take(project, directory)
        for project, directory in await self._records.all():
            self._begin(project, directory)

    async def add(self, project: str, directory: Path) -> None:
        """Watch a directory from now on, from what is indexed of it.

        Raises:
            InvalidArgumentError: it is no directory, or too many are watched already.
        """
        if not await asyncio.to_thread(directory.is_dir):
            raise InvalidArgumentError("watch", f"{directory} is a file; watch its directory")
        key = (project, str(directory))
        if key not in self._tasks and len(self._tasks) >= self._limits.watched:
            raise InvalidArgumentError(
                "watch",
                f"{self._limits.watched} directories are watched already; end one with "
                "`hybrid-coordinator index PATH --no-watch`",
            )
        await self._records.add(*key)
        self._begin(*key)

    async def remove(self, project: str, directory: Path) -> bool:
        """Watch a directory no longer. False if it was not watched."""
        key = (project, str(directory))
        await self._records.remove(*key)
        task = self._tasks.pop(key, None)
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        return task is not None

    async def remove_all(self, project: str) -> None:
        """Watch nothing of a project any longer, and leave what has changed there."""
        for owner, directory in list(self._tasks):
            if owner == project:
                await self.remove(project, Path(directory))
        await self._records.remove_project(project)
        self._refresher.drop(project)

    def directories(self) -> list[str]:
        """What is watched now, sorted."""
        return sorted(directory for _, directory in self._tasks)

    def take_news(self, project: str) -> tuple[str, ...]:
        """What the users of a project should know of its watches, and have not been told."""
        return tuple(self._news.pop(project, ()))

    async def close(self) -> None:
        """Stop following; the record keeps what is watched."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _begin(self, project: str, directory: str) -> None:
        key = (project, directory)
        if key not in self._tasks:
            self._tasks[key] = asyncio.create_task(self._watch(project, directory))

    async def _watch(self, project: str, directory: str) -> None:
        try:
            await self._follow(project, directory)
        except CannotFollowError as error:
            self._tell(project, f"{directory} is looked at every few seconds only: {error}")
            await self._look_again_and_again(project, directory)
        except DirectoryGoneError:
            pass
        except OSError as error:
            self._tell(project, f"{directory} is looked at every few seconds only: {error}")
            await self._look_again_and_again(project, directory)
        self._tell(project, f"{directory} is gone, so it is watched no longer.")
        self._tasks.pop((project, directory), None)
        try:
            await self._records.remove(project, directory)
        except RecordUnavailableError:
            _log.warning("%s is taken up again by the next start", directory, exc_info=True)

    async def _follow(self, project: str, directory: str) -> None:
        async with aclosing(changes(Path(directory), self._limits.followed)) as groups:
            async for group in groups:
                self._refresher.add(project, directory, group)

    async def _look_again_and_again(self, project: str, directory: str) -> None:
        """Until it is gone."""
        loop = asyncio.get_running_loop()
        while await asyncio.to_thread(Path(directory).is_dir):
            began = loop.time()
            self._refresher.add(project, directory, WHOLE)
            await self._refresher.settled()
            rest = _RESTS * (loop.time() - began)
            await asyncio.sleep(min(max(rest, self._limits.look_seconds), _MOST_SECONDS))

    def _tell(self, project: str, words: str) -> None:
        _log.warning("%s", words)
        self._news.setdefault(project, []).append(words)
