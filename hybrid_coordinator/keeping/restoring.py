"""Restoring a backup into a home: all of it or nothing, with what was there put out of the way."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from hybrid_coordinator.errors import InvalidArgumentError, StorageError
from hybrid_coordinator.home import Home
from hybrid_coordinator.keeping import archive, swapping
from hybrid_coordinator.keeping.engines import (
    embedded,
    external,
    generations_taken,
    refuse_if_shared,
)
from hybrid_coordinator.keeping.kept_index import put_index, renumber
from hybrid_coordinator.keeping.texts import Text, place_of, settled, values
from hybrid_coordinator.settings import load_settings
from hybrid_coordinator.storage.postgres.access import TokenRecords
from hybrid_coordinator.storage.postgres.database import Database
from hybrid_coordinator.storage.postgres.migrate import check_known, migrate
from hybrid_coordinator.storage.postgres.snapshot import SnapshotRecords, Table
from hybrid_coordinator.storage.postgres.watched import WatchedDirectories

Told = Callable[[float, float | None, str], None]
"""Told (done, total or None, a few words)."""

_UNITS = "rows"


@dataclass(frozen=True, slots=True)
class Restored:
    """What was restored. ``upgraded`` counts the migrations that brought it to today's schema;
    ``aside`` says where what was there before is kept; ``missing`` names settings that were not
    in the backup and are not in this home; ``tokens`` counts access tokens that hold again, though
    they may have been revoked since. ``points`` counts those of the index that came along;
    ``index_anew`` says why it is made anew from the record instead, None where it is not."""

    made_at: str
    rows: int
    tables: int
    upgraded: int
    aside: tuple[str, ...]
    missing: tuple[str, ...]
    tokens: int
    points: int
    index_anew: str | None


async def restore(home: Home, file: Path, told: Told, *, force: bool = False) -> Restored:
    """Put a backup in the place of what the home holds; into the database and beside the index
    that this home is configured with. The caller owns the home.

    The file is looked at first, all of it. Killed anywhere, the former state stands or the
    restored one does.

    Raises:
        InvalidArgumentError: the file is no whole backup; or the home is in use, without ``force``.
        StorageError: a later program wrote it; or the disk is full.
        OwnershipError: another coordinator uses the same database.
        UnavailableError: an external engine does not answer.
    """
    settings = load_settings(home.settings_file)
    with _opened(file, told) as source:
        contents = source.manifest.contents
        names: tuple[str, ...] = (
            home.vectors_dir.name,
            home.settings_file.name,
            home.rules_file.name,
        )
        url = settings.storage.database_url
        if url is None:
            names = (home.postgres_dir.name, *names)
        if not force:
            _refuse_in_use(home, names)
        at, taken = swapping.stamp(), await generations_taken(settings, home)
        async with swapping.staging(home) as staged:
            missing = _stage_texts(home, staged, source)
            anew = await put_index(
                source, staged / home.settings_file.name, staged / home.vectors_dir.name
            )
            place = staged / home.postgres_dir.name
            engine = embedded(place) if url is None else external(url.get_secret_value())
            async with engine as database:
                schema = await _room(database, at, force=force)
                number = await SnapshotRecords(database).load(
                    contents,
                    _Rows(source, told).of,
                    aside=schema,
                    indexes_taken=taken,
                    index_comes=anew is None,
                )
                upgraded = await migrate(database)
                # It was made in another home, maybe one that is no more.
                await WatchedDirectories(database, "").offer()
                tokens = await _holding(database)
            if anew is None and number is not None:
                renumber(staged / home.vectors_dir.name, number)
        aside = await asyncio.to_thread(swapping.swap, home, names, at)
    kept = (str(aside) if aside else None, f"schema {schema} of the database" if schema else None)
    return Restored(
        source.manifest.made_at.isoformat(),
        contents.rows,
        len(contents.tables),
        upgraded,
        tuple(each for each in kept if each),
        missing,
        tokens,
        _points(source.manifest, anew),
        anew,
    )


async def rehearse(file: Path, told: Told) -> Restored:
    """Restore a backup into a home of its own, which is taken away again: whether it can be."""
    with tempfile.TemporaryDirectory(prefix="hybrid-rehearsal-") as folder:
        home = Home(Path(folder) / "home")
        home.root.mkdir(mode=0o700)
        with _opened(file, told) as source:
            _stage_texts(home, home.root, source)
            anew = await put_index(source, home.settings_file, home.vectors_dir)
            async with embedded(home.postgres_dir) as database:
                contents = source.manifest.contents
                await SnapshotRecords(database).load(contents, _Rows(source, told).of)
                upgraded = await migrate(database)
        return Restored(
            source.manifest.made_at.isoformat(),
            contents.rows,
            len(contents.tables),
            upgraded,
            aside=(),
            missing=(),
            tokens=0,
            points=_points(source.manifest, anew),
            index_anew=anew,
        )


class _Rows:
    """Rows out of an archive, read and unpacked on a thread."""

    def __init__(self, source: archive.Reader, told: Told) -> None:
        self._source = source
        self._told = told
        self._done = 0

    async def of(self, table: Table) -> AsyncIterator[bytes]:
        pieces = self._source.rows(table.name)
        while piece := await asyncio.to_thread(next, pieces, b""):
            yield piece
        self._done += table.rows
        self._told(self._done, self._source.manifest.contents.rows, _UNITS)


@contextmanager
def _opened(file: Path, told: Told) -> Iterator[archive.Reader]:
    """A backup that this program can restore."""
    with archive.reading(file, lambda done, size: told(done, size, "bytes checked")) as source:
        try:
            check_known(source.manifest.contents.migrations)
        except StorageError as error:
            raise StorageError(
                f"{file} was made by hybrid-coordinator {source.manifest.version} and does not "
                f"fit this one; nothing was changed ({error})"
            ) from error
        yield source


def _refuse_in_use(home: Home, names: tuple[str, ...]) -> None:
    # Links to files that are everybody's, as a container has them before there is anything else.
    shared = {file.name for file in (home.settings_file, home.rules_file) if file.is_symlink()}
    there = [name for name in names if name not in shared and (home.root / name).exists()]
    if there:
        raise InvalidArgumentError(
            "--force",
            f"is needed: {home.root} holds {', '.join(there)} already; it keeps them in a "
            "directory beside what is restored",
        )


async def _room(database: Database, at: str, *, force: bool) -> str | None:
    """See that the database has room for a record; the schema that is to take the one that it
    holds, if it does."""
    if not await SnapshotRecords(database).holds_record():
        return None
    if not force:
        raise InvalidArgumentError(
            "--force",
            "is needed: the database holds a record already; it keeps that in a schema beside "
            "what is restored",
        )
    await refuse_if_shared(database)
    return f"replaced_{at.lower()}"


def _stage_texts(home: Home, staged: Path, source: archive.Reader) -> tuple[str, ...]:
    """The backup's settings and rules, for this home; the settings that it lacks then."""
    left_out: tuple[str, ...] = ()
    written = ""
    for name, secret in source.manifest.files.items():
        if name == home.settings_file.name:
            written, left_out = source.text(name), secret
        elif name == home.rules_file.name:
            swapping.write_whole(staged / name, source.text(name))
        else:
            raise InvalidArgumentError("FILE", f"{name!r} is no file of a home")
    # Also where the backup has none: where the engines are stays as it is.
    text = settled(Text(written, left_out), home)
    if text:
        swapping.write_whole(staged / home.settings_file.name, text)
    return tuple(_missing(left_out, text))


def _points(manifest: archive.Manifest, anew: str | None) -> int:
    return sum(manifest.index.points.values()) if manifest.index and anew is None else 0


async def _holding(database: Database) -> int:
    now = datetime.now(UTC)
    return sum(
        one.revoked_at is None and (one.expires_at is None or one.expires_at > now)
        for one in await TokenRecords(database).all()
    )


def _missing(left_out: tuple[str, ...], text: str) -> list[str]:
    has = values(text)
    return [place for place in left_out if has.get(place_of(place)) is None]
