"""Having points drafted in a process of their own, which may die of a file without harm."""

from __future__ import annotations

import asyncio
import contextlib
import os
import subprocess
import sys
from collections import Counter
from collections.abc import AsyncGenerator
from dataclasses import replace
from pathlib import Path

from hybrid_coordinator.errors import UnavailableError
from hybrid_coordinator.knowledge.code.drafting import receive, send
from hybrid_coordinator.knowledge.code.points import Batch, Work
from hybrid_coordinator.knowledge.code.read import SkipReason

IDLE_SECONDS = 60.0
"""How long a process waits for more work. One takes 0.1 s to start, and 40 MB."""

_AT_ONCE = 3
"""Processes at work at the same time; further work waits its turn."""

_DEATHS_BEFORE_LINES = 2
_DEATHS_BEFORE_LEAVING_OUT = 3
"""Deaths over one file. The first may have been meant for the process, not for the file."""

_PIPE_BYTES = 1 << 20
"""A batch or so: with less, each waits for the other many times in a batch."""


class Workshop:
    """Drafts points in processes that are started on demand and end when they have been idle."""

    def __init__(self, idle_seconds: float = IDLE_SECONDS) -> None:
        self._idle_seconds = idle_seconds
        self._idle: list[_Process] = []
        self._places = asyncio.Semaphore(_AT_ONCE)
        self._retiring: asyncio.TimerHandle | None = None
        self._is_closed = False

    async def batches(self, work: Work) -> AsyncGenerator[Batch]:
        """What becomes of the files, each batch drafted while the one before it is stored. Ending
        the iteration early ends the work.

        A file that ends the process is cut by lines; one that does so even then is left out.

        Raises:
            UnavailableError: no process can be started.
        """
        if not work.paths:
            return
        async with self._places:
            drafts = _Drafts(work, self._idle.pop() if self._idle else None)
            making = asyncio.create_task(asyncio.to_thread(drafts.next))
            try:
                # Shielded, since the thread goes on when the waiting is cancelled.
                while (batch := await asyncio.shield(making)) is not None:
                    making = asyncio.create_task(asyncio.to_thread(drafts.next))
                    yield batch
            except BaseException:
                drafts.stop()
                await asyncio.gather(making, return_exceptions=True)
                drafts.end()
                raise
            self._keep(drafts)

    async def close(self) -> None:
        """End the processes: those at work when their work ends."""
        self._is_closed = True
        if self._retiring is not None:
            self._retiring.cancel()
        self._retire()

    def _keep(self, drafts: _Drafts) -> None:
        if self._idle or self._is_closed or drafts.process is None:
            drafts.end()
            return
        self._idle.append(drafts.process)
        if self._retiring is not None:
            self._retiring.cancel()
        self._retiring = asyncio.get_running_loop().call_later(self._idle_seconds, self._retire)

    def _retire(self) -> None:
        while self._idle:
            self._idle.pop().end()


class _Drafts:
    """One piece of work, and the process that is at it."""

    def __init__(self, work: Work, process: _Process | None) -> None:
        self.process = process
        self._work = work
        self._begun = ""
        self._is_given = False
        self._is_stopped = False
        self._deaths: Counter[str] = Counter()

    def next(self) -> Batch | None:
        """The next batch, None after the last. For a thread."""
        while True:
            try:
                batch = self._receive()
            except (EOFError, BrokenPipeError) as error:
                lost = self._bury(error)
                if lost is not None:
                    return lost
                continue
            if batch is not None:
                self._begun = ""
                self._deaths[""] = 0
                self._work = replace(self._work, paths=self._work.paths[batch.looked_at :])
            return batch

    def stop(self) -> None:
        """Have ``next``, which may be running in a thread, come to an end."""
        self._is_stopped = True
        if self.process is not None:
            self.process.kill()

    def end(self) -> None:
        """End the process."""
        if self.process is not None:
            self.process.end()

    def _receive(self) -> Batch | None:
        if self.process is None:
            self.process = _Process()
            if self._is_stopped:
                self.process.kill()
        if not self._is_given:
            self.process.give(self._work)
            self._is_given = True
        while isinstance(message := self.process.take(), str):
            self._begun = message
        assert message is None or isinstance(message, Batch)
        return message

    def _bury(self, error: Exception) -> Batch | None:
        """After the end of the process: what to do otherwise in the next. The batch that tells of
        a file that is left out, if one is."""
        status = self.process.end() if self.process is not None else None
        path, self._begun, self.process, self._is_given = self._begun, "", None, False
        self._deaths[path] += 1
        deaths = self._deaths[path]
        if self._is_stopped or (not path and deaths == _DEATHS_BEFORE_LEAVING_OUT):
            raise UnavailableError(
                f"The process that reads source files ended with status {status} before it began. "
                "The coordinator's log has its last words."
            ) from error
        if path and deaths == _DEATHS_BEFORE_LINES:
            self._work = replace(self._work, by_lines=self._work.by_lines | {path})
        if path and deaths == _DEATHS_BEFORE_LEAVING_OUT:
            paths = tuple(each for each in self._work.paths if each != path)
            self._work = replace(self._work, paths=paths)
            return Batch(looked_at=1, skipped=Counter({SkipReason.CRASHED: 1}))
        return None


class _Process:
    """A process that drafts. It ends when its pipes are closed, so also when we do."""

    def __init__(self) -> None:
        package_parent = str(Path(__file__).resolve().parents[3])
        paths = [package_parent, *filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))]
        try:
            self._popen = subprocess.Popen(
                # -P: a module that lies in the current directory is not one of ours.
                [sys.executable, "-P", "-m", "hybrid_coordinator.knowledge.code.drafting"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                pipesize=_PIPE_BYTES,
                cwd="/",
                env={**os.environ, "PYTHONPATH": os.pathsep.join(dict.fromkeys(paths))},
            )
        except OSError as error:
            raise UnavailableError(
                f"The process that reads source files cannot be started: {error}"
            ) from error

    def give(self, work: Work) -> None:
        """Have the work done. Raises BrokenPipeError where the process has ended."""
        assert self._popen.stdin is not None
        send(self._popen.stdin, work)

    def take(self) -> object:
        """The next message. Raises EOFError where the process has ended."""
        assert self._popen.stdout is not None
        return receive(self._popen.stdout)

    def kill(self) -> None:
        """Have it end, whatever it is doing."""
        self._popen.kill()

    def end(self) -> int:
        """End it, if it has not ended by itself, and release the pipes. Its exit status, by
        ``subprocess``'s rules."""
        self._popen.kill()  # it holds nothing that could be lost
        with contextlib.suppress(BrokenPipeError), self._popen:
            pass
        return self._popen.returncode
