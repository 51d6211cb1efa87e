"""Putting files of a home in the place of others, all of them or none.

What shall be is made in ``restoring``. A journal then says which moves are left: from the moment it
stands, they are made, by whoever comes next if need be; until then, nothing has happened.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

from hybrid_coordinator.errors import StorageError
from hybrid_coordinator.home import Home
from hybrid_coordinator.keeping.archive import sync
from hybrid_coordinator.storage.postgres.server import PostgresServer

_JOURNAL = "restoring.json"
_ASIDE = "replaced-"


@asynccontextmanager
async def staging(home: Home) -> AsyncIterator[Path]:
    """An empty directory to make the new files in, which goes if that fails. The caller owns the
    home."""
    await asyncio.to_thread(finish, home)
    try:
        yield stage(home)
    except BaseException:
        await asyncio.to_thread(finish, home)
        raise


def stage(home: Home) -> Path:
    """An empty directory to make the new files in."""
    staged = home.restoring_dir
    try:
        staged.mkdir(mode=0o700)
    except OSError as error:
        raise StorageError(f"{staged} cannot be made: {error.strerror}") from error
    return staged


def stamp() -> str:
    """The time, as names of what is set aside have it."""
    return datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")


def swap(home: Home, names: Sequence[str], at: str) -> Path | None:
    """Put what is staged in its place, and what has one of these ``names`` now into a directory of
    its own, which is returned; None where there was nothing.

    Raises:
        StorageError: the moves could not all be made; the next start goes on with them.
    """
    staged, aside = home.restoring_dir, home.root / f"{_ASIDE}{at}"
    former = [name for name in names if (home.root / name).exists()]
    moves = [(name, f"{aside.name}/{name}") for name in former]
    moves += [(f"{staged.name}/{each.name}", each.name) for each in sorted(staged.iterdir())]
    try:
        if former:
            aside.mkdir(mode=0o700)
        write_whole(home.root / _JOURNAL, json.dumps(moves))
    except OSError as error:
        raise StorageError(f"{home.root} cannot be written: {error.strerror}") from error
    finish(home)
    return aside if former else None


def finish(home: Home) -> None:
    """Make the moves that an interrupted `swap` has left, or take away what was staged for one
    that never came to it. The caller owns the home.

    Raises:
        StorageError: a file cannot be moved.
    """
    staged, journal = home.restoring_dir, home.root / _JOURNAL
    try:
        if journal.exists():
            for source, target in json.loads(journal.read_text()):
                if (home.root / source).exists() and not (home.root / target).exists():
                    (home.root / source).rename(home.root / target)
            sync(home.root)
            journal.unlink()
            sync(home.root)  # before what is staged goes: nobody looks for a journal without it
        if staged.exists():
            PostgresServer(staged / home.postgres_dir.name).stop()
            shutil.rmtree(staged)
    except OSError as error:
        raise StorageError(
            f"{home.root}: files cannot be put in their places ({error}); mend that, the next "
            "start goes on"
        ) from error


def set_aside(home: Home) -> list[Path]:
    """What earlier swaps have put out of the way, and nobody has deleted."""
    return sorted(home.root.glob(f"{_ASIDE}*"))


def write_whole(file: Path, text: str) -> None:
    """Write a file for this user alone, all of it or nothing."""
    part = file.with_name(f".{file.name}.part")
    handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as stream:
        stream.write(text)
        stream.flush()
        os.fsync(stream.fileno())
    part.rename(file)
    sync(file.parent)
