"""Moving the record of a home to another Postgres, and back.

The rows are copied in one transaction and compared table by table; only then does the setting
change, which is the moment of the move. Killed before, the former record goes on, and the same
command again does the rest: a copy that is whole is known by its contents.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from hybrid_coordinator.errors import InvalidArgumentError, SettingsError
from hybrid_coordinator.home import Home
from hybrid_coordinator.keeping import swapping
from hybrid_coordinator.keeping.engines import embedded, external, refuse_if_shared
from hybrid_coordinator.keeping.restoring import Told
from hybrid_coordinator.keeping.texts import with_database
from hybrid_coordinator.settings import load_settings
from hybrid_coordinator.storage.postgres.database import Database
from hybrid_coordinator.storage.postgres.migrate import migrate
from hybrid_coordinator.storage.postgres.snapshot import Contents, Snapshot, SnapshotRecords, Table

Unshared = Callable[[], Awaitable[None]]
"""Returns if no other coordinator uses the former record; raises ``OwnershipError``."""

EMBEDDED = "embedded"
_SCHEMES = ("postgresql://", "postgres://")


@dataclass(frozen=True, slots=True)
class Moved:
    """A move that was made. ``copied`` is false where an earlier try had copied all of it;
    ``former`` says where the record is that is used no more."""

    rows: int
    tables: int
    copied: bool
    former: str


async def move(home: Home, target: str, told: Told) -> Moved:
    """Have the record of the home in ``target``, a URL or "embedded". The index stays as it is.
    The caller owns the home. Other coordinators are looked for before it is copied, and again
    before the setting changes.

    Raises:
        InvalidArgumentError: the record is there already, or another one is.
        SettingsError: the environment names another place than the setting would.
        OwnershipError: another coordinator uses one of the databases.
        StorageError: a table came out differently; nothing has changed then.
        UnavailableError: a database does not answer.
    """
    if target != EMBEDDED and not target.startswith(_SCHEMES):
        raise InvalidArgumentError("--to", "must be `embedded` or postgresql://user@host/name")
    source, by_environment = _configured(home, target)
    if source == target:
        raise InvalidArgumentError("--to", "the record of this home is there already")
    at, place = swapping.stamp(), home.postgres_dir
    async with _opened(home, source) as former:

        async def unshared() -> None:
            await refuse_if_shared(former)

        await migrate(former)
        await refuse_if_shared(former)
        async with SnapshotRecords(former).taken() as snapshot:
            contents = await snapshot.contents()
            if target == EMBEDDED:
                copied = await _into_home(home, snapshot, contents, told, at, unshared)
            else:
                async with external(target) as database:
                    await refuse_if_shared(database)
                    copied = await _into(database, snapshot, contents, told, unshared)
    if not by_environment:
        _switch(home, None if target == EMBEDDED else target)
    kept = "the database that it was in"
    if source == EMBEDDED:
        aside = home.root / f"replaced-{at}"
        aside.mkdir(mode=0o700)
        place.rename(aside / place.name)
        kept = str(aside)
    return Moved(contents.rows, len(contents.tables), copied, kept)


def _configured(home: Home, target: str) -> tuple[str, bool]:
    """Where the record is now, and whether the environment says already where it shall be."""
    wanted = None if target == EMBEDDED else target
    said = load_settings(Path(os.devnull)).storage.database_url
    here = None if said is None else said.get_secret_value()
    if here is not None and here != wanted:
        raise SettingsError(
            "DATABASE_URL in the environment says where the record is, and would go on to; unset "
            "it for this command, or set it to what --to is"
        )
    url = load_settings(home.settings_file, {}).storage.database_url
    return (url.get_secret_value() if url is not None else EMBEDDED), here is not None


def _switch(home: Home, url: str | None) -> None:
    file = home.settings_file
    try:
        text = file.read_text(encoding="utf-8") if file.exists() else ""
        swapping.write_whole(file, with_database(text, url))
    except (OSError, ValueError) as error:
        raise SettingsError(
            f"the record is copied, but {file} cannot be changed ({error}); set "
            "storage.database_url in it by hand, or mend it and try again"
        ) from error


@asynccontextmanager
async def _opened(home: Home, place: str) -> AsyncIterator[Database]:
    if place == EMBEDDED and not home.postgres_dir.exists():
        raise InvalidArgumentError("--to", f"{home.root} has no record yet; set it in hybrid.yaml")
    async with embedded(home.postgres_dir) if place == EMBEDDED else external(place) as database:
        yield database


async def _into_home(
    home: Home, snapshot: Snapshot, contents: Contents, told: Told, at: str, unshared: Unshared
) -> bool:
    """Into the embedded Postgres of the home, made beside its place."""
    if home.postgres_dir.exists():
        async with embedded(home.postgres_dir) as database:
            return await _into(database, snapshot, contents, told, unshared)
    async with (
        swapping.staging(home) as staged,
        embedded(staged / home.postgres_dir.name) as database,
    ):
        await _into(database, snapshot, contents, told, unshared)
    await asyncio.to_thread(swapping.swap, home, (), at)
    return True


async def _into(
    database: Database, snapshot: Snapshot, contents: Contents, told: Told, unshared: Unshared
) -> bool:
    """``unshared`` is asked again at the end: a coordinator that came meanwhile would go on writing
    where nobody looks any more. Nothing is left then of what was copied."""
    records = SnapshotRecords(database)
    if await records.holds_record():
        async with records.taken() as there:
            if await there.contents() == contents:
                await unshared()
                return False
        raise InvalidArgumentError(
            "--to", "that database holds another record; name an empty one, so that none is lost"
        )
    done = 0

    async def rows(table: Table) -> AsyncIterator[bytes]:
        nonlocal done
        async for piece in snapshot.pieces(table):
            yield piece
        done += table.rows
        told(done, contents.rows, "rows")

    await records.load(contents, rows, last=unshared)
    return True
