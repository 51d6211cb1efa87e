"""Telling from what the file system says of a file that it has changed."""

from __future__ import annotations

import os
from pathlib import Path


def stamp_of(status: os.stat_result) -> str:
    """What any change of the file changes, but for one right after another. The time of the
    last change of status cannot be set back by hand, as that of the content can."""
    return f"{status.st_mtime_ns}:{status.st_ctime_ns}:{status.st_size}:{status.st_ino}"


def stamp_at(file: Path) -> str | None:
    """The stamp of the file that ``file`` is or leads to by links, so that another one in its
    place, or a link that is switched, is a change; None where there is none."""
    try:
        return stamp_of(file.stat())
    except OSError:
        return None
