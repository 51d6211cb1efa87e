"""Making a backup: the record and the embedded index at one moment, with the settings and rules of
the home."""

from __future__ import annotations

import asyncio
import logging
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

from hybrid_coordinator.errors import StorageError
from hybrid_coordinator.home import Home
from hybrid_coordinator.keeping import archive
from hybrid_coordinator.keeping.texts import portable_texts
from hybrid_coordinator.storage.postgres.database import Database
from hybrid_coordinator.storage.postgres.snapshot import (
    Contents,
    Snapshot,
    SnapshotRecords,
    Table,
)
from hybrid_coordinator.storage.vectors.edge import EdgeIndex
from hybrid_coordinator.storage.vectors.edge_copy import engine_version
from hybrid_coordinator.storage.vectors.engines import EMBEDDED
from hybrid_coordinator.storage.vectors.generation import generation_of
from hybrid_coordinator.version import __version__

Progress = Callable[[float, float | None, str], Awaitable[None]]

_NAME = "hybrid-{}.zip"
_WRITE = 1 << 20
_ELSEWHERE = "it is in a Qdrant server, which has snapshots of its own"
_NOTHING = "nothing of it is in this process yet"

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Made:
    """A backup that was made. ``left_out`` names settings of hybrid.yaml that are not in it, and
    ``dropped`` older backups that it took the place of. ``points`` counts those of the index that
    are in it; ``no_index`` says why there are none, where it is not in it."""

    file: str
    bytes: int
    rows: int
    tables: int
    left_out: tuple[str, ...]
    dropped: tuple[str, ...]
    points: int
    no_index: str | None


@dataclass(frozen=True, slots=True)
class _Taken:
    """The record at one moment and, below ``directory``, the index as it was then."""

    snapshot: Snapshot
    index: archive.KeptIndex | None = None
    directory: Path | None = None
    no_index: str | None = None


async def backup(
    database: Database,
    index: EdgeIndex | None,
    home: Home,
    file: Path | None,
    keep: int | None,
    progress: Progress,
) -> Made:
    """Write all of the record as it is now, and what the home is configured with, into one new
    file; by default in the home's ``backups``, of which the latest ``keep`` stay.

    Writers go on meanwhile; those of the embedded ``index`` wait while its files are copied. An
    index that is elsewhere, or cannot be copied, is not in it: it is made anew from what is.

    Raises:
        InvalidArgumentError: the file is there already.
        StorageError: it cannot be written.
        SettingsError: hybrid.yaml is off.
        RecordUnavailableError: the record went away meanwhile.
    """
    made_at = datetime.now(UTC)
    target = file or home.backups_dir / _NAME.format(made_at.strftime("%Y%m%dT%H%M%SZ"))
    if file is None:
        await asyncio.to_thread(_prepare, home.backups_dir)
    texts = await asyncio.to_thread(portable_texts, home)
    with archive.writing(target) as writer:
        async with _taken(SnapshotRecords(database), index) as taken:
            contents = await _add_rows(writer, taken.snapshot, progress)
            if taken.directory is not None:
                await asyncio.to_thread(writer.add_index, taken.directory)
        for name, text in texts.items():
            writer.add(name, text.content)
        left_out = {name: text.left_out for name, text in texts.items()}
        manifest = archive.Manifest(
            archive.FORMAT, __version__, made_at, contents, left_out, taken.index
        )
        await asyncio.to_thread(writer.finish, manifest)
    dropped = [] if file is not None or keep is None else _drop_older(home.backups_dir, keep)
    return Made(
        str(target),
        target.stat().st_size,
        contents.rows,
        len(contents.tables),
        tuple(one for names in left_out.values() for one in names),
        tuple(dropped),
        sum(taken.index.points.values()) if taken.index else 0,
        taken.no_index,
    )


@asynccontextmanager
async def _taken(records: SnapshotRecords, index: EdgeIndex | None) -> AsyncIterator[_Taken]:
    """The record, and the embedded index as a process that was killed at that moment would have
    left it: it has at least what the record says that it has, and the next start does the rest."""
    async with AsyncExitStack() as stack:
        if index is None:
            yield _Taken(await stack.enter_async_context(records.taken()), no_index=_ELSEWHERE)
            return
        async with index.still():
            snapshot = await stack.enter_async_context(records.taken())
            taken = await _with_index(snapshot, index)
        if taken.directory is not None:
            stack.callback(shutil.rmtree, taken.directory, ignore_errors=True)
        yield taken


async def _with_index(snapshot: Snapshot, index: EdgeIndex) -> _Taken:
    serving = await snapshot.serving(EMBEDDED)
    if serving is None:
        return _Taken(snapshot, no_index=_NOTHING)
    number, embedding = serving
    names = [name for name in await index.collections() if generation_of(name) == number]
    try:
        copy = await index.copy(names)
    except StorageError as error:
        # The record is what cannot be made again.
        _log.warning("the backup is made without the index: %s", error)
        return _Taken(snapshot, no_index=str(error))
    kept = archive.KeptIndex(engine_version(), number, embedding, copy.points)
    return _Taken(snapshot, kept, copy.directory)


async def _add_rows(writer: archive.Writer, snapshot: Snapshot, progress: Progress) -> Contents:
    contents = await snapshot.contents()
    done = 0
    for table in contents.tables:
        with writer.rows(table.name) as member:
            await _copy(snapshot, table, member)
        done += table.rows
        await progress(done, contents.rows, "rows")
    return contents


async def _copy(snapshot: Snapshot, table: Table, member: IO[bytes]) -> None:
    """Compressed on a thread, so that nobody else waits for it."""
    waiting = bytearray()

    async def take(piece: bytes) -> None:
        waiting.extend(piece)
        if len(waiting) >= _WRITE:
            await write()

    async def write() -> None:
        content = bytes(waiting)
        waiting.clear()
        await asyncio.to_thread(member.write, content)

    await snapshot.copy(table, take)
    await write()


def _prepare(folder: Path) -> None:
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        archive.remove_partial(folder)
    except OSError as error:
        raise StorageError(f"{folder} cannot be written: {error.strerror}") from error


def _drop_older(folder: Path, keep: int) -> list[str]:
    """Delete the oldest of the backups that were named here; their names sort by their time."""
    dropped = sorted(folder.glob(_NAME.format("*Z")))[:-keep]
    for old in dropped:
        old.unlink(missing_ok=True)
    return [str(old) for old in dropped]
