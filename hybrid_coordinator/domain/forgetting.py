"""What is remembered, as its owner sees it: what to choose it by, and what became of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from hybrid_coordinator.domain.items import CollectionName


@dataclass(frozen=True, slots=True)
class Selection:
    """Things to list or to delete: those that meet every condition that is given.

    ``before`` is when an interaction was made, or an entry last changed. ``words`` stand in a
    text of it, in whatever capitals.
    """

    collection: CollectionName | None = None
    project: str | None = None
    before: datetime | None = None
    words: str | None = None

    @property
    def is_everything(self) -> bool:
        """Whether there is no condition at all."""
        return self == Selection()

    @property
    def is_project(self) -> bool:
        """Whether it is all of one project."""
        return self.project is not None and self == Selection(project=self.project)


@dataclass(frozen=True, slots=True)
class Remembered:
    """An interaction or a knowledge entry in a list. ``state`` is the outcome of the one, "in use"
    or "retired" of the other; ``origin`` the agent type, or where the entry comes from."""

    id: str
    collection: CollectionName
    project: str
    title: str
    state: str
    origin: str
    created_at: datetime
    changed_at: datetime


@dataclass(frozen=True, slots=True)
class Listing:
    """The latest of what was chosen, and how many there are of each collection."""

    rows: tuple[Remembered, ...]
    counts: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Deleted:
    """What a deletion did.

    ``counts`` are of each collection, ``learned`` of them entries that rested on deleted
    interactions alone. ``kept`` are entries that rest on others, too: they stay, without that
    evidence, and may still say what was learned from it. ``files`` of indexed code left the
    index. ``copies`` are paths outside the stores that may hold what was deleted.
    """

    counts: Mapping[str, int]
    learned: int = 0
    kept: tuple[str, ...] = ()
    files: int = 0
    copies: tuple[str, ...] = ()
