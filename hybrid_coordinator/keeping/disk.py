"""What the home takes on disk, by its parts."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from hybrid_coordinator.domain.insights import DiskBlock, DiskInsight
from hybrid_coordinator.home import Home

_REPLACED, _DAMAGED = "replaced-*", "*.damaged-*"
"""What a restore and a move put aside in the home, and what the index did among its files."""


def disk(home: Home) -> DiskInsight:
    """Counted now, by what each file takes, however long it is said to be. A file that goes away
    meanwhile counts nothing. Blocking."""
    damaged = _sum(home.vectors_dir.glob(_DAMAGED))
    sizes = {
        "database": _taken(home.postgres_dir),
        "index": _taken(home.vectors_dir) - damaged,
        "datasets": _taken(home.datasets_dir),
        "grammars": _taken(home.grammars_dir),
        "logs": _taken(home.log_file.parent),
        "inbox": _taken(home.inbox_dir),
        "backups": _taken(home.backups_dir),
        "set aside": damaged + _sum(home.root.glob(_REPLACED)),
    }
    total = _taken(home.root)
    sizes["other"] = max(0, total - sum(sizes.values()))
    blocks = [DiskBlock(name, size) for name, size in sizes.items()]
    blocks.sort(key=lambda block: (-block.bytes, block.name))
    return DiskInsight(tuple(blocks), total, shutil.disk_usage(home.root).free)


def _sum(directories: Iterator[Path]) -> int:
    return sum(map(_taken, directories))


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
