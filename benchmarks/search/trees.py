"""Large trees of real source: the Python files that this machine has, in a fixed random order."""

from __future__ import annotations

import itertools
import random
import shutil
import sysconfig
from collections.abc import Iterator
from pathlib import Path

_LEAST, _MOST = 200, 300_000
"""Bytes of a file: neither an empty `__init__.py` nor a table of data."""

_AGAIN = "again"
"""Where the files lie that are repeated because there are no others: `again1`, `again2`."""

Pair = tuple[Path, str]
"""A file, and where it goes in a tree."""


def sources(largest: int = _MOST) -> Iterator[Pair]:
    """The standard library and the installed packages, mixed; without end. No file is
    larger than ``largest`` bytes."""
    found: list[Pair] = []
    seen: set[Path] = set()
    for name, key in (("stdlib", "stdlib"), ("packages", "purelib"), ("packages", "platlib")):
        root = Path(sysconfig.get_path(key)).resolve()
        for file in sorted(root.rglob("*.py")):
            inner = file.relative_to(root)
            usable = "site-packages" not in inner.parts and file not in seen
            if usable and _LEAST <= file.stat().st_size <= largest:
                seen.add(file)
                found.append((file, f"{name}/{inner.as_posix()}"))
    random.Random(1).shuffle(found)
    yield from found
    for number in itertools.count(1):
        yield from ((file, f"{_AGAIN}{number}/{path}") for file, path in found)


def copy_files(pairs: Iterator[Pair], folder: Path, count: int) -> int:
    """Copy the next ``count`` files; returns their bytes."""
    return sum(_copy(pair, folder) for pair in itertools.islice(pairs, count))


def copy_bytes(pairs: Iterator[Pair], folder: Path, size: int) -> int:
    """Copy files until they have ``size`` bytes; returns how many files."""
    count = 0
    while size > 0:
        size -= _copy(next(pairs), folder)
        count += 1
    return count


def _copy(pair: Pair, folder: Path) -> int:
    file, path = pair
    copy = folder / path
    copy.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(file, copy)
    return copy.stat().st_size


def contents(folder: Path) -> dict[str, int]:
    """How many files a tree has, their bytes, and how many of them are there a second time."""
    return {
        "files": sum(1 for file in folder.rglob("*") if file.is_file()),
        "bytes": size_of(folder),
        "repeated": sum(1 for file in folder.glob(f"{_AGAIN}*/**/*") if file.is_file()),
    }


def size_of(folder: Path) -> int:
    """Bytes of all files of a tree."""
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
