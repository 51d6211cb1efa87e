"""What is there of a tree, and what of it has to be read."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from hybrid_coordinator.knowledge.code.points import RECIPE
from hybrid_coordinator.knowledge.code.walk import Listing, list_files, list_parts
from hybrid_coordinator.stamps import stamp_of
from hybrid_coordinator.storage.postgres.source_files import SourceFile


@dataclass(frozen=True, slots=True)
class Tree:
    """What is indexed: the tree at ``root``, or only ``parts`` of it, relative to the root.

    Of a ``partial`` tree only single files were ever asked for: the rest is left alone until the
    whole is.
    """

    project: str
    root: Path
    parts: tuple[str, ...] | None = None
    partial: bool = False


@dataclass(frozen=True, slots=True)
class Survey:
    """The files that are there: those that the file system says are the same as when they were
    recorded, and those that have to be read for that."""

    listing: Listing
    same: list[str]
    to_read: list[str]


def survey(tree: Tree, known: Mapping[str, SourceFile]) -> Survey:
    """Walk the tree and hold what is there against what is known of it, by path.

    Raises:
        InvalidArgumentError: the system does not let us list the root.
    """
    parts = tree.parts
    listing = list_files(tree.root) if parts is None else list_parts(tree.root, parts)
    same: list[str] = []
    to_read: list[str] = []
    for path in listing.paths:
        file = known.get(path)
        (same if file is not None and _is_same(tree.root, file) else to_read).append(path)
    return Survey(listing, same, to_read)


def _is_same(root: Path, file: SourceFile) -> bool:
    if not file.stamp or not file.content_hash.startswith(f"{RECIPE}:"):
        return False
    try:
        return stamp_of(os.lstat(f"{root}/{file.path}")) == file.stamp
    except OSError:
        return False  # reading it tells the reason
