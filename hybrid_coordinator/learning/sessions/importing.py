"""Importing the sessions that Claude Code has kept: every file, every line, once."""

from __future__ import annotations

import asyncio
import json
import os
import stat
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import islice
from pathlib import Path

from hybrid_coordinator.domain.clipping import Clean, storable
from hybrid_coordinator.domain.interactions import OutcomeKind
from hybrid_coordinator.errors import InvalidArgumentError
from hybrid_coordinator.knowledge.projects import project_of
from hybrid_coordinator.learning.sessions.inference import OutcomeInference
from hybrid_coordinator.learning.sessions.recording import TurnRecorder
from hybrid_coordinator.learning.sessions.transcripts import ReadTurn, TranscriptReader
from hybrid_coordinator.learning.tracking import TurnReport
from hybrid_coordinator.storage.postgres.imported_files import FileState, ImportedFiles

_AT_ONCE = 5
"""Turns that are read, and written, at a time. The pool of the record has ten connections, and
others wait."""

_PATHS = 1000
_LONGEST_PATH = 4000
"""Bytes; Linux's limit is 4,096."""

Progress = Callable[[float, float | None, str], Awaitable[None]]
"""Told (done, total, unit)."""


@dataclass(frozen=True, slots=True)
class ImportReport:
    """What an import did.

    ``files`` were read to their end, ``unchanged`` were imported before. ``turns`` are new in the
    record, ``completed`` had been there in part, ``known`` whole. ``skipped`` counts turns, and
    ``lines`` what stands in no turn, by the reason. ``outcomes`` counts what is inferred of the
    sessions that were read. ``unreadable`` are files, with what was wrong.
    """

    files: int
    unchanged: int
    turns: int
    completed: int
    known: int
    skipped: Mapping[str, int]
    used_lines: int
    lines: Mapping[str, int]
    outcomes: Mapping[str, int]
    unreadable: Mapping[str, str]
    seconds: float


@dataclass
class _Tally:
    """An import as it goes on."""

    files: int = 0
    stored: Counter[str] = field(default_factory=Counter)
    skipped: Counter[str] = field(default_factory=Counter)
    used_lines: int = 0
    lines: Counter[str] = field(default_factory=Counter)
    outcomes: Counter[OutcomeKind] = field(default_factory=Counter)
    unreadable: dict[str, str] = field(default_factory=dict)

    def report(self, unchanged: int, seconds: float) -> ImportReport:
        return ImportReport(
            files=self.files,
            unchanged=unchanged,
            turns=self.stored[TurnReport.NEW],
            completed=self.stored[TurnReport.COMPLETED],
            known=self.stored[TurnReport.KNOWN],
            skipped=dict(self.skipped),
            used_lines=self.used_lines,
            lines=dict(self.lines),
            outcomes={kind.value: count for kind, count in self.outcomes.items()},
            unreadable=dict(self.unreadable),
            seconds=seconds,
        )


class SessionImporter:
    """Reads session files into the record. Broken off at any point, it goes on where it was."""

    def __init__(
        self,
        files: ImportedFiles,
        recorder: TurnRecorder,
        inference: OutcomeInference,
        clean: Clean,
    ) -> None:
        """``clean`` takes secrets and injected context out of a text."""
        self._files = files
        self._recorder = recorder
        self._inference = inference
        self._clean = clean

    async def run(
        self,
        directory: Path,
        *,
        since: datetime | None,
        project: str | None,
        progress: Progress,
    ) -> ImportReport:
        """Import the session files under ``directory``.

        Args:
            since: leave out turns that began before.
            project: only turns of this project.
            progress: told how many megabytes are done, of how many.

        Raises:
            InvalidArgumentError: there is no such directory.
        """
        started = time.monotonic()
        tally = _Tally()
        found = await asyncio.to_thread(_session_files, directory)
        wanted = await self._changed(found, since)
        total, done = sum(file.size for file in wanted) / 1e6, 0.0
        seen: set[str] = set()
        names = ProjectNames()
        await progress(0.0, total, "MB")
        for file in wanted:
            one, before = _OneFile(file, seen, self._clean, names, since, project), done

            async def reached(size: int, before: float = before) -> None:
                await progress(min(before + size / 1e6, total), total, "MB")

            await self._read(one, tally, reached)
            done += file.size / 1e6
            await reached(file.size)
        return tally.report(len(found) - len(wanted), time.monotonic() - started)

    async def _changed(self, found: list[FileState], since: datetime | None) -> list[FileState]:
        known: set[FileState] = set()
        for start in range(0, len(found), _PATHS):
            paths = [file.path for file in found[start : start + _PATHS]]
            known |= await self._files.known(paths, since)
        return [file for file in found if file not in known]

    async def _read(
        self, one: _OneFile, tally: _Tally, reached: Callable[[int], Awaitable[None]]
    ) -> None:
        """Bring one file into the record, then judge its sessions, then note that it is done.
        ``reached`` is told how many of its bytes are."""
        sessions: dict[tuple[str, str], None] = {}
        try:
            while batch := await asyncio.to_thread(one.take, _AT_ONCE):
                await asyncio.gather(*(self._store(each, tally, sessions) for each in batch))
                await reached(one.reader.bytes_read)
        except OSError as error:
            tally.unreadable[one.file.path] = error.strerror or str(error)
            return
        for project, session_id in sessions:
            tally.outcomes += await self._inference.review(project, session_id)
        tally.files += 1
        tally.skipped += one.skipped
        tally.used_lines += one.reader.account.used
        tally.lines += one.reader.account.left_out
        if one.project is None:
            await self._files.add(one.file, one.since)

    async def _store(
        self,
        read: ReadTurn,
        tally: _Tally,
        sessions: dict[tuple[str, str], None],
    ) -> None:
        stored = await self._recorder.store(read.turn)
        if stored.id is None:
            tally.skipped[stored.report] += 1
            return
        tally.stored[stored.report] += 1
        sessions[storable(read.turn.project), storable(read.turn.session_id)] = None


class ProjectNames:
    """The projects of directories, each looked up once."""

    def __init__(self) -> None:
        self._known: dict[str, str] = {}

    def name(self, directory: str, started_in: str, folder: Path) -> str:
        """The project of a turn.

        Args:
            directory: where the agent worked then; "" where that was not told.
            started_in: where its session began, for a directory that is gone.
            folder: that of the session file, which Claude Code names after where it was started.
        """
        told = [each for each in map(storable, (directory, started_in)) if _is_path(each)]
        there = [each for each in told if _is_directory(each)]
        return self._of((*there, *reversed(told), f"/{folder.name}")[0])

    def _of(self, directory: str) -> str:
        if directory not in self._known:
            self._known[directory] = project_of(Path(directory)).name
        return self._known[directory]


class _OneFile:
    """A file as it is being read."""

    def __init__(
        self,
        file: FileState,
        seen: set[str],
        clean: Clean,
        names: ProjectNames,
        since: datetime | None,
        project: str | None,
    ) -> None:
        self.file = file
        self.since = since
        self.project = project
        self.skipped: Counter[str] = Counter()
        path = Path(file.path)
        self.reader = TranscriptReader(path, seen, clean, _kind_of_agent(path))
        self._folder = path.parent
        self._names = names
        self._started_in = ""
        self._turns = self._wanted()

    def take(self, count: int) -> list[ReadTurn]:
        """The next turns that are wanted, at most ``count``; none at the end."""
        return list(islice(self._turns, count))

    def _wanted(self) -> Iterator[ReadTurn]:
        for read in self.reader.turns():
            self._started_in = self._started_in or read.cwd
            reason = self._reason(read)
            if reason:
                self.skipped[reason] += 1
                continue
            name = self._names.name(read.cwd, self._started_in, self._folder)
            if self.project not in (None, name):
                self.skipped["another project"] += 1
                continue
            yield replace(read, turn=replace(read.turn, project=name))

    def _reason(self, read: ReadTurn) -> str:
        if read.copied:
            return "copied from another session"
        if self.since is not None and read.turn.started_at < self.since:
            return "before the time given"
        return ""


def _session_files(directory: Path) -> list[FileState]:
    """The session files under ``directory``, those that were changed first first: what was copied
    is read after what it was copied from."""
    if not directory.is_dir():
        raise InvalidArgumentError(
            "path",
            f"{directory} is no directory; give the one that holds Claude Code's session files, "
            "such as ~/.claude/projects",
        )
    found = []
    for folder, _, names in os.walk(directory):
        for name in names:
            if name.endswith(".jsonl"):
                path = Path(folder, name)
                try:
                    state = path.stat()
                except OSError:  # removed meanwhile, or a link to nowhere
                    continue
                if not stat.S_ISREG(state.st_mode):  # a pipe would keep its reader for ever
                    continue
                found.append(FileState(storable(str(path)), state.st_size, state.st_mtime_ns))
    return sorted(found, key=lambda file: (file.modified_ns, file.path))


def _kind_of_agent(path: Path) -> str | None:
    """What kind of subagent a file is of: told in a file beside it."""
    try:
        told = json.loads(path.with_suffix(".meta.json").read_bytes())
    except (OSError, ValueError, RecursionError):
        return None
    kind = told.get("agentType") if isinstance(told, dict) else None
    return kind if isinstance(kind, str) else None


def _is_path(text: str) -> bool:
    """Whether it names a place that may be: absolute, and no longer than paths are."""
    return Path(text).is_absolute() and len(os.fsencode(text)) <= _LONGEST_PATH


def _is_directory(path: str) -> bool:
    try:
        return Path(path).is_dir()
    except OSError:
        return False
