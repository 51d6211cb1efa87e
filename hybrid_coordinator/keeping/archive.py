"""The file of a backup: a ZIP archive with a manifest, closed by the SHA-256 of all before it.

The last 64 bytes, which are the archive's comment, are the digest of every byte before them in hex.
So one pass over the file tells whether any of it was lost or changed, and `unzip` reads it.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import json
import os
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path, PurePosixPath
from typing import IO

from pydantic import TypeAdapter, ValidationError

from hybrid_coordinator.errors import InvalidArgumentError, StorageError
from hybrid_coordinator.storage.postgres.snapshot import Contents
from hybrid_coordinator.storage.vectors.edge_copy import filled_size, write_sparse

FORMAT = 1
"""Raised when a program of before could not read the file."""

_MANIFEST = "manifest.json"
_SEAL = 64
_READ = 1 << 20
_MAX_MANIFEST = 16 << 20
_PARTIAL = ".partial"
_INDEX = "index/"


@dataclass(frozen=True, slots=True)
class KeptIndex:
    """The embedded index in a backup: which version of the engine wrote it, which generation of
    the record's it is, the settings that lead to the embedding model, and how many points each
    collection has, by its name in the engine."""

    engine: str
    generation: int
    embedding: Mapping[str, str | None]
    points: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a backup holds. ``files`` are texts of the home by name, with the settings that were
    left out of each because they are secret. ``index`` is None where the index is not in it."""

    format: int
    version: str
    made_at: datetime
    contents: Contents
    files: Mapping[str, tuple[str, ...]]
    index: KeptIndex | None = None


_MANIFESTS = TypeAdapter(Manifest)


class Writer:
    """Fills the archive, one member after the other. Blocking."""

    def __init__(self, file: Path, partial: Path, stream: IO[bytes]) -> None:
        self._file = file
        self._partial = partial
        self._stream = stream
        self._archive = zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED, compresslevel=1)

    @contextmanager
    def rows(self, table: str) -> Iterator[IO[bytes]]:
        """Takes the rows of a table."""
        with self._archive.open(_member(table), "w", force_zip64=True) as member:
            yield member

    def add(self, name: str, text: str) -> None:
        """A file of the home."""
        self._archive.writestr(f"home/{name}", text)

    def add_index(self, directory: Path) -> None:
        """The files of the embedded index, each without the empty end that it mostly has: its size
        is the member's comment."""
        for path in sorted(directory.rglob("*")):
            name = f"{_INDEX}{path.relative_to(directory).as_posix()}"
            if path.is_dir():
                self._archive.mkdir(name)
                continue
            left = filled_size(path)
            with path.open("rb") as read, self._archive.open(name, "w", force_zip64=True) as into:
                while left and (piece := read.read(min(_READ, left))):
                    into.write(piece)
                    left -= len(piece)
            self._archive.getinfo(name).comment = str(path.stat().st_size).encode()

    def finish(self, manifest: Manifest) -> None:
        """Say what all of it is, and put it in its place once it is checked and durable."""
        self._archive.writestr(_MANIFEST, _MANIFESTS.dump_json(manifest, indent=1))
        self._archive.comment = b"0" * _SEAL
        self._archive.close()
        _seal(self._stream)
        self._stream.flush()
        os.fsync(self._stream.fileno())
        verify(self._partial)
        self._partial.rename(self._file)
        sync(self._file.parent)

    def close(self) -> None:
        """Take away what did not come to its end."""
        with suppress(OSError, ValueError):
            self._archive.close()
        with suppress(OSError):
            self._stream.close()
        with suppress(OSError):
            self._partial.unlink(missing_ok=True)


@contextmanager
def writing(file: Path) -> Iterator[Writer]:
    """Make the archive under ``file``, for this user alone: whole and checked, or not at all.

    Raises:
        InvalidArgumentError: the file is there already, or another backup is writing it.
        StorageError: it cannot be written, or does not come out as it was written.
    """
    if file.exists():
        raise InvalidArgumentError("FILE", f"{file} is there already; name another one")
    partial = file.with_name(f".{file.name}{_PARTIAL}")
    try:
        _remove(partial)  # of one that was killed
        try:
            handle = os.open(partial, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        except FileExistsError as error:
            raise InvalidArgumentError("FILE", f"another backup writes {file} now") from error
        fcntl.flock(handle, fcntl.LOCK_EX)  # says that somebody writes it, for as long as he lives
        writer = Writer(file, partial, os.fdopen(handle, "r+b"))
        try:
            yield writer
        finally:
            writer.close()
    except OSError as error:
        raise _unwritable(file, error) from error


class Reader:
    """A verified archive, open. Blocking."""

    def __init__(self, archive: zipfile.ZipFile, manifest: Manifest) -> None:
        self._archive = archive
        self.manifest = manifest

    def rows(self, table: str) -> Iterator[bytes]:
        """The rows of a table, in pieces."""
        return self._pieces(_member(table))

    def _pieces(self, member: str | zipfile.ZipInfo) -> Iterator[bytes]:
        with self._archive.open(member) as stream:
            while piece := stream.read(_READ):
                yield piece

    def text(self, name: str) -> str:
        """A file of the home."""
        return self._archive.read(f"home/{name}").decode()

    def index_into(self, directory: Path) -> None:
        """Put the files of the embedded index into a directory, which is made.

        Raises:
            InvalidArgumentError: one has a place outside of it.
            BadZipFile: one is not as it was written.
            OSError: they cannot be written.
        """
        directory.mkdir(mode=0o700)
        for member in self._archive.infolist():
            if not member.filename.startswith(_INDEX):
                continue
            place = PurePosixPath(member.filename.removeprefix(_INDEX))
            if place.is_absolute() or ".." in place.parts:
                raise InvalidArgumentError("FILE", f"{member.filename!r} is no file of an index")
            if member.is_dir():
                (directory / place).mkdir(parents=True, exist_ok=True)
                continue
            (directory / place).parent.mkdir(parents=True, exist_ok=True)
            write_sparse(directory / place, self._pieces(member), int(member.comment))


@contextmanager
def reading(file: Path, told: Callable[[int, int], None] | None = None) -> Iterator[Reader]:
    """Open an archive once all of it is known to be as it was written. ``told`` hears how many
    bytes of how many were looked at.

    Raises:
        InvalidArgumentError: it is no backup, or torn, or altered, or of a later format.
    """
    verify(file, told)
    try:
        with zipfile.ZipFile(file) as archive:
            yield Reader(archive, _manifest(archive))
    except (zipfile.BadZipFile, KeyError, UnicodeDecodeError) as error:
        raise InvalidArgumentError("FILE", f"{file} is no backup: {error}") from error


def verify(file: Path, told: Callable[[int, int], None] | None = None) -> None:
    """Return if every byte of the file is as it was written. Raises as ``reading`` does."""
    try:
        with file.open("rb") as stream:
            size = os.fstat(stream.fileno()).st_size
            digest = _digest(stream, size - _SEAL, told)
            seal = stream.read(_SEAL + 1)
    except OSError as error:
        raise InvalidArgumentError("FILE", f"{file} cannot be read: {error.strerror}") from error
    if seal != digest.encode():
        raise InvalidArgumentError(
            "FILE",
            f"{file} is no whole backup: it was torn or altered since it was written (its "
            "checksum differs); nothing was changed, take another one",
        )


def remove_partial(folder: Path) -> None:
    """Delete what backups that were killed have left in a folder."""
    for partial in folder.glob(f".*{_PARTIAL}"):
        _remove(partial)


def _remove(partial: Path) -> None:
    """Delete what a backup has left; not what one is writing."""
    with suppress(FileNotFoundError, BlockingIOError), partial.open("rb") as left:
        fcntl.flock(left, fcntl.LOCK_EX | fcntl.LOCK_NB)
        partial.unlink(missing_ok=True)


def _member(table: str) -> str:
    return f"record/{table}.copy"


def _manifest(archive: zipfile.ZipFile) -> Manifest:
    if archive.getinfo(_MANIFEST).file_size > _MAX_MANIFEST:
        raise InvalidArgumentError("FILE", "its manifest is too large to be one")
    content = archive.read(_MANIFEST)
    try:
        found = json.loads(content).get("format")
        if found != FORMAT:
            raise InvalidArgumentError(
                "FILE",
                f"its format is {found}, and this program knows {FORMAT}; use the "
                "hybrid-coordinator that wrote it, or a later one",
            )
        return _MANIFESTS.validate_json(content)
    except (ValidationError, ValueError, AttributeError) as error:
        raise InvalidArgumentError("FILE", f"its manifest cannot be read: {error}") from error


def _seal(stream: IO[bytes]) -> None:
    stream.flush()
    size = stream.seek(0, os.SEEK_END)
    stream.seek(0)
    digest = _digest(stream, size - _SEAL, None)
    stream.seek(size - _SEAL)
    stream.write(digest.encode())


def _digest(stream: IO[bytes], size: int, told: Callable[[int, int], None] | None) -> str:
    digest, left = hashlib.sha256(), max(size, 0)
    while left and (piece := stream.read(min(_READ, left))):
        digest.update(piece)
        left -= len(piece)
        if told is not None:
            told(size - left, size)
    return digest.hexdigest()


def sync(folder: Path) -> None:
    """Make a rename in ``folder`` survive a loss of power."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _unwritable(file: Path, error: OSError) -> StorageError:
    if error.errno == errno.ENOSPC:
        return StorageError(f"no disk space left for {file}; free some, nothing was left there")
    return StorageError(f"{file} cannot be written: {error.strerror}")
