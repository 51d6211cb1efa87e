"""A set of files that appears whole or not at all, under a name made of its content."""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from hybrid_coordinator.errors import InvalidArgumentError, StorageError

_PREFIX = ".unfinished-dataset-"
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


@dataclass(frozen=True, slots=True)
class Digests:
    """SHA-256 in hexadecimal: over all splits in order, and of each file by its name."""

    splits: str
    files: Mapping[str, str]


class DatasetWriter:
    """Writes ``{name}.jsonl`` files into a directory beside the target, and moves it into place.

    The directory is locked while its writer lives, so whatever is found unlocked was left by one
    that was killed.
    """

    def __init__(self, parent: Path, splits: Sequence[str], sidecars: Sequence[str] = ()) -> None:
        """``parent`` is made if it is not there; what killed writers left in it is removed.
        ``sidecars`` are files that the set's name does not depend on.

        Raises:
            InvalidArgumentError: ``parent`` cannot be made or written to.
            StorageError: the disk is full.
        """
        self._parent = parent
        self._splits = tuple(splits)
        self._files: dict[str, BinaryIO] = {}
        with self._mapped_errors():
            parent.mkdir(parents=True, exist_ok=True)
            _remove_leftovers(parent)
            self._directory, self._lock = _locked_directory(parent)
        try:
            with self._mapped_errors():
                for name in (*splits, *sidecars):
                    self._files[name] = (self._directory / f"{name}.jsonl").open("wb")
        except BaseException:
            self.close()
            raise

    def write(self, name: str, line: str) -> None:
        """Append a line."""
        with self._mapped_errors():
            self._files[name].write(f"{line}\n".encode())

    def finish(self) -> Digests:
        """Make the files durable; nothing can be appended any more."""
        with self._mapped_errors():
            for file in self._files.values():
                _close_durably(file)
            names = {name: f"{name}.jsonl" for name in self._files}
            return Digests(
                _sha256(self._directory, [names[split] for split in self._splits]),
                {name: _sha256(self._directory, [name]) for name in names.values()},
            )

    def add(self, name: str, text: str) -> None:
        """Put another file of that name beside the finished ones."""
        with self._mapped_errors(), (self._directory / name).open("wb") as file:
            file.write(text.encode())
            _close_durably(file)

    def commit(self, prefix: str, digest: str) -> Path:
        """Make everything visible at once, as ``{prefix}-{first 12 of the splits' digest}``.
        A directory that is there already holds the same splits, and is kept.

        Raises:
            StorageError: the disk is full, or that directory was changed since.
        """
        with self._mapped_errors():
            os.fsync(self._lock)
            target = self._parent / f"{prefix}-{digest[:12]}"
            try:
                self._directory.rename(target)
            except OSError as error:
                if error.errno not in {errno.ENOTEMPTY, errno.EEXIST, errno.ENOTDIR}:
                    raise
                self._check_same(target, digest)
            _fsync_directory(self._parent)
        return target

    def close(self) -> None:
        """Remove what was not committed. Safe to call twice."""
        for file in self._files.values():
            # What a full disk keeps from being flushed is about to be removed anyway.
            with suppress(OSError):
                file.close()
        if self._lock >= 0:
            shutil.rmtree(self._directory, ignore_errors=True)
            os.close(self._lock)
            self._lock = -1

    def _check_same(self, target: Path, digest: str) -> None:
        try:
            same = _sha256(target, [f"{split}.jsonl" for split in self._splits]) == digest
        except (FileNotFoundError, NotADirectoryError):
            same = False
        if not same:
            raise StorageError(f"{target} was changed since it was written; move it away")

    @contextmanager
    def _mapped_errors(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            if error.errno in _FULL:
                raise StorageError(
                    f"output_dir: no space left for a dataset in {self._parent} "
                    f"({error.strerror}); free some or name another directory; nothing was written"
                ) from error
            raise InvalidArgumentError(
                "output_dir",
                f"{self._parent} cannot be written to ({error.strerror}); "
                "name a directory that can be made and written to",
            ) from error


def _locked_directory(parent: Path) -> tuple[Path, int]:
    while True:
        directory = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=parent))
        lock = os.open(directory, os.O_RDONLY)
        fcntl.flock(lock, fcntl.LOCK_EX)
        if directory.exists():
            return directory, lock
        os.close(lock)  # another writer took it for a leftover before it was locked


def _remove_leftovers(parent: Path) -> None:
    for directory in parent.glob(f"{_PREFIX}*"):
        try:
            lock = os.open(directory, os.O_RDONLY)
        except FileNotFoundError:
            continue
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            continue  # its writer lives
        else:
            shutil.rmtree(directory, ignore_errors=True)
        finally:
            os.close(lock)


def _close_durably(file: BinaryIO) -> None:
    file.flush()
    os.fsync(file.fileno())
    file.close()


def _sha256(directory: Path, names: Iterable[str]) -> str:
    digest = hashlib.sha256()
    for name in names:
        with (directory / name).open("rb") as file:
            while block := file.read(1 << 20):
                digest.update(block)
    return digest.hexdigest()


def _fsync_directory(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
