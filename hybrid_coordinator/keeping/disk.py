"""What a home takes on disk, part by part, by the blocks that its files take."""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from hybrid_coordinator.home import Home

_BLOCK = 512
"""Bytes of st_blocks, on every system (stat(2))."""
_PARTS = {
    "postgres": "record",
    "qdrant": "index",
    "grammars": "grammars",
    "datasets": "datasets",
    "inbox": "inbox",
    "logs": "logs",
    "backups": "backups",
}
_ASIDE, _OTHER = "set aside", "other"


@dataclass(frozen=True, slots=True)
class DiskPart:
    """A part of the home, and the bytes that its blocks come to."""

    name: str
    bytes: int


def measured(home: Home) -> tuple[DiskPart, ...]:
    """Every part that is there, the record first. Files that come and go meanwhile may count or
    not. Blocking: a few milliseconds for some thousand files."""
    sizes: Counter[str] = Counter()
    try:
        entries = list(os.scandir(home.root))
    except OSError:
        return ()
    for entry in entries:
        part = _PARTS.get(entry.name, _OTHER)
        if entry.name.startswith("replaced-"):
            part = _ASIDE
        sizes[part] += _blocks(Path(entry.path), aside=sizes if part == "index" else None)
    order = [*_PARTS.values(), _ASIDE, _OTHER]
    return tuple(DiskPart(name, sizes[name]) for name in order if sizes[name])


def _blocks(path: Path, aside: Counter[str] | None) -> int:
    """Of a file or of all below a directory; what was ``damaged`` counts as set aside."""
    total = 0
    waiting = [path]
    while waiting:
        each = waiting.pop()
        try:
            status = each.lstat()
            total += status.st_blocks * _BLOCK
            if not each.is_dir() or each.is_symlink():
                continue
            for entry in os.scandir(each):
                if aside is not None and ".damaged-" in entry.name:
                    aside[_ASIDE] += _blocks(Path(entry.path), None)
                else:
                    waiting.append(Path(entry.path))
        except OSError:
            continue  # it went away
    return total
