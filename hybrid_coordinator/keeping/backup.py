"""Making a backup: a snapshot of the record, with the settings and rules of the home."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

from hybrid_coordinator.errors import StorageError
from hybrid_coordinator.home import Home
from hybrid_coordinator.keeping import archive
from hybrid_coordinator.keeping.texts import portable_texts
from hybrid_coordinator.storage.postgres.database import Database
from hybrid_coordinator.storage.postgres.snapshot import Snapshot, SnapshotRecords, Table
from hybrid_coordinator.version import __version__

Progress = Callable[[float, float | None, str], Awaitable[None]]

_NAME = "hybrid-{}.zip"
_WRITE = 1 << 20


@dataclass(frozen=True, slots=True)
class Made:
    """A backup that was made. ``left_out`` names settings of hybrid.yaml that are not in it, and
    ``dropped`` older backups that it took the place of."""

    file: str
    bytes: int
    rows: int
    tables: int
    left_out: tuple[str, ...]
    dropped: tuple[str, ...]


async def backup(
    database: Database, home: Home, file: Path | None, keep: int | None, progress: Progress
) -> Made:
    """Write all of the record as it is now, and what the home is configured with, into one new
    file; by default in the home's ``backups``, of which the latest ``keep`` stay.

    Writers go on meanwhile. The index is not in it: it is made anew from what is.

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
    records = SnapshotRecords(database)
    with archive.writing(target) as writer:
        async with records.taken() as snapshot:
            contents = await snapshot.contents()
            done = 0
            for table in contents.tables:
                with writer.rows(table.name) as member:
                    await _copy(snapshot, table, member)
                done += table.rows
                await progress(done, contents.rows, "rows")
        for name, text in texts.items():
            writer.add(name, text.content)
        left_out = {name: text.left_out for name, text in texts.items()}
        manifest = archive.Manifest(archive.FORMAT, __version__, made_at, contents, left_out)
        await asyncio.to_thread(writer.finish, manifest)
    dropped = [] if file is not None or keep is None else _drop_older(home.backups_dir, keep)
    return Made(
        str(target),
        target.stat().st_size,
        contents.rows,
        len(contents.tables),
        tuple(one for names in left_out.values() for one in names),
        tuple(dropped),
    )


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
