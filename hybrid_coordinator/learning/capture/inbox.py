"""The inbox: a directory of files, one an event, that hooks write when the coordinator does not
answer in time."""

from __future__ import annotations

import logging
import time
from pathlib import Path

from hybrid_coordinator.errors import StorageError

_log = logging.getLogger(__name__)

_ASIDE = "unreadable"
_DROPPED = "dropped"
"""As long as there are events that hooks have dropped, since the inbox was full."""
_MOST_ASIDE = 200
"""Files that are kept for somebody to look at: the latest."""
_HALF_WRITTEN_SECONDS = 3600.0
"""A hook that writes is at it for seconds."""


class Inbox:
    """A file appears in it whole, under its final name; its name begins with its time."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self.aside = directory / _ASIDE
        """Where files are kept that cannot be read."""

    def files(self) -> list[Path]:
        """What waits, the oldest first."""
        try:
            found = [each for each in self._directory.iterdir() if each.suffix == ".json"]
        except OSError:
            return []  # no hook had to write yet
        return sorted(found)

    def tidy(self) -> None:
        """Delete what hooks that were killed have left half written: nobody goes on with it."""
        now = time.time()
        try:
            for part in self._directory.glob(".*"):
                if part.is_file() and now - part.stat().st_mtime > _HALF_WRITTEN_SECONDS:
                    part.unlink(missing_ok=True)
        except OSError:
            _log.warning("%s cannot be tidied", self._directory, exc_info=True)

    def lines(self, file: Path) -> list[bytes]:
        """The lines of a file: one, unless somebody has put some together."""
        try:
            content = file.read_bytes()
        except FileNotFoundError:
            return []  # another coordinator of this home took it, just before it ended
        except OSError as error:
            raise StorageError(f"{file} cannot be read: {error.strerror}") from error
        return [line for line in content.split(b"\n") if line.strip()]

    def remove(self, file: Path) -> None:
        """Its events are in the record."""
        try:
            file.unlink(missing_ok=True)
        except OSError:
            # Read again and again: that changes nothing, but should not be.
            _log.warning("%s cannot be removed", file, exc_info=True)

    def set_aside(self, file: Path, reason: str) -> None:
        """It holds what is no event, such as half of one; it is kept for a person to look at."""
        _log.warning("%s holds no whole event: %s", file, reason)
        try:
            self.aside.mkdir(mode=0o700, exist_ok=True)
            file.replace(self.aside / file.name)
            for old in sorted(self.aside.iterdir())[:-_MOST_ASIDE]:
                old.unlink(missing_ok=True)
        except OSError:
            _log.warning("%s cannot be moved away", file, exc_info=True)

    def dropped(self) -> int:
        """How many events hooks have dropped, since nobody took them and the inbox was full."""
        try:
            return (self._directory / _DROPPED).stat().st_size
        except OSError:
            return 0

    def unreadable(self) -> int:
        """How many files were set aside."""
        try:
            return sum(1 for _ in self.aside.iterdir())
        except OSError:
            return 0
