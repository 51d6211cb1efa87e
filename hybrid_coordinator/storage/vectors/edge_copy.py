"""A copy of the embedded index: its files, and what is said of them."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

_PIECE = 1 << 20
_LOOK = 16


@dataclass(frozen=True, slots=True)
class EdgeCopy:
    """Collections copied at one moment: how many points each had, by its name in the engine, which
    is the name of its directory below ``directory``."""

    directory: Path
    points: Mapping[str, int]


def engine_version() -> str:
    """The engine that writes the files; what it makes of another version's is its own affair."""
    return f"qdrant-edge {version('qdrant-edge-py')}"


def copy_files(source: Path, target: Path) -> None:
    """Copy a directory that nobody writes to meanwhile. The engine makes its files tens of MB long
    at once: what is empty of them is neither read nor written. Raises ``OSError``."""
    target.mkdir()
    for folder, folders, files in os.walk(source):
        into = target / Path(folder).relative_to(source)
        for name in folders:
            (into / name).mkdir()
        for name in files:
            with Path(folder, name).open("rb", buffering=0) as read:
                _write(into / name, _filled(read.fileno()), os.fstat(read.fileno()).st_size)


def filled_size(file: Path) -> int:
    """Where the last of a file is that is not empty. Raises ``OSError``."""
    with file.open("rb", buffering=0) as read:
        return max((end for _, end in _extents(read.fileno())), default=0)


def write_sparse(target: Path, pieces: Iterable[bytes], size: int) -> None:
    """Write a file that is empty beyond ``pieces``. Raises ``OSError``."""

    def placed() -> Iterator[tuple[int, bytes]]:
        at = 0
        for piece in pieces:
            yield at, piece
            at += len(piece)

    _write(target, placed(), size)


def _write(target: Path, pieces: Iterable[tuple[int, bytes]], size: int) -> None:
    with target.open("xb", buffering=0) as file:
        for at, piece in pieces:
            if any(piece[:_LOOK]) or piece.count(0) < len(piece):
                file.seek(at)
                view = memoryview(piece)
                while view:
                    view = view[file.write(view) :]
        file.truncate(size)


def _filled(handle: int) -> Iterator[tuple[int, bytes]]:
    for start, end in _extents(handle):
        at = start
        while at < end and (piece := os.pread(handle, min(_PIECE, end - at), at)):
            yield at, piece
            at += len(piece)


def _extents(handle: int) -> Iterator[tuple[int, int]]:
    """The parts of a file that are not holes; all of it where the file system cannot tell."""
    size, at = os.fstat(handle).st_size, 0
    while at < size:
        try:
            start = os.lseek(handle, at, os.SEEK_DATA)
        except OSError as error:
            if error.errno == errno.ENXIO:  # no more of it
                return
            raise
        at = os.lseek(handle, start, os.SEEK_HOLE)
        yield start, at
