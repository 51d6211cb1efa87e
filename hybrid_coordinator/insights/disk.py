"""What the home takes on disk, by its parts."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from hybrid_coordinator.domain.insights import DiskBlock, DiskInsight
from hybrid_coordinator.home import Home


def disk(home: Home) -> DiskInsight:
    """Counted now, by what each file takes, however long it is said to be. A file that goes away
    meanwhile counts nothing. Blocking."""
    parts = (
        ("database", home.postgres_dir),
        ("index", home.vectors_dir),
        ("datasets", home.datasets_dir),
        ("grammars", home.grammars_dir),
        ("logs", home.log_file.parent),
        ("inbox", home.inbox_dir),
    )
    blocks = [DiskBlock(name, _taken(path)) for name, path in parts]
    total = _taken(home.root)
    blocks.append(DiskBlock("other", max(0, total - sum(block.bytes for block in blocks))))
    blocks.sort(key=lambda block: (-block.bytes, block.name))
    return DiskInsight(tuple(blocks), total, shutil.disk_usage(home.root).free)


def _taken(directory: Path) -> int:
    return sum(_sizes(os.fspath(directory)))


def _sizes(directory: str) -> Iterator[int]:
    try:
        entries = list(os.scandir(directory))
    except OSError:  # it is not there, or is gone
        return
    for entry in entries:
        try:
            if entry.is_dir(follow_symlinks=False):
                yield from _sizes(entry.path)
            else:
                yield entry.stat(follow_symlinks=False).st_blocks * 512
        except OSError:
            continue
