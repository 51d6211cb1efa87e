"""A copy of the embedded index: its files, and what is said of them."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

_PIECE = 1 << 20
_HOLE = 64 << 10
_ZEROS = bytes(_HOLE)


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
    """Copy a directory that nobody writes to meanwhile. Raises ``OSError``."""
    target.mkdir()
    for folder, folders, files in os.walk(source):
        into = target / Path(folder).relative_to(source)
        for name in folders:
            (into / name).mkdir()
        for name in files:
            write_sparse(_pieces(Path(folder, name)), into / name)


def write_sparse(pieces: Iterable[bytes], target: Path) -> None:
    """Write a file whose zeros take no disk: the engine makes its files tens of MB long at once,
    and most of each is empty. Raises ``OSError``."""
    with target.open("xb", buffering=0) as file:
        size = 0
        for piece in pieces:
            for start in range(0, len(piece), _HOLE):
                part = memoryview(piece)[start : start + _HOLE]
                if part != _ZEROS[: len(part)]:
                    os.pwrite(file.fileno(), part, size + start)
            size += len(piece)
        file.truncate(size)


def _pieces(file: Path) -> Iterator[bytes]:
    with file.open("rb", buffering=0) as stream:
        while piece := stream.read(_PIECE):
            yield piece
