"""Which project a directory belongs to: the identity of its git root."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

_NAME = re.compile(r"(?P<readable>.+)-[0-9a-f]{8}", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Project:
    """A project's name, unique on this machine, and its root directory."""

    name: str
    root: Path


def project_of(directory: Path) -> Project:
    """The project around ``directory``: its git root, or the directory itself without one.

    The name is readable and tells equal directory names apart: ``shop-1f3a9c2e`` is the root's
    last part and the start of the SHA-256 of its resolved path.
    """
    try:
        resolved = directory.resolve()
    except (OSError, RuntimeError):  # a loop of links is a RuntimeError before Python 3.13
        resolved = directory.absolute()
    root = next((each for each in (resolved, *resolved.parents) if _is_git_root(each)), None)
    root = root or resolved
    digest = hashlib.sha256(str(root).encode("utf-8", "surrogateescape")).hexdigest()[:8]
    return Project(f"{root.name or 'root'}-{digest}", root)


def same_directory_elsewhere(one: str, other: str) -> bool:
    """Whether two names of projects differ in the digits of their paths alone: a directory of one
    name on two machines, or at two places."""
    mine, theirs = (_NAME.fullmatch(name) for name in (one, other))
    return mine is not None and theirs is not None and mine["readable"] == theirs["readable"]


def _is_git_root(directory: Path) -> bool:
    try:
        return (directory / ".git").exists()
    except OSError:  # it may not be looked into, or has a name that is none
        return False
