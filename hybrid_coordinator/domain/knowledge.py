"""Knowledge entries: typed, versioned, changed by append-only deltas."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from hybrid_coordinator.domain.items import CollectionName

JsonValue = str | int | float | bool | None | list["JsonValue"] | dict[str, "JsonValue"]
"""What JSON can hold; payload fields are made of it."""


class StoreAction(StrEnum):
    """What storing an entry did."""

    CREATED = "created"
    MERGED = "merged"
    UNCHANGED = "unchanged"


class Origin(StrEnum):
    """Where an entry comes from: somebody stated it, or it was learned, or another machine sent
    it."""

    STATED = "stated"
    PATTERN = "pattern"
    FAILURE = "failure"
    SKILL = "skill"
    IMPORT = "import"


class Delta(StrEnum):
    """How a version of an entry came about. After DEPRECATE it is shown no more."""

    ADD = "ADD"
    UPDATE = "UPDATE"
    MERGE = "MERGE"
    DEPRECATE = "DEPRECATE"


@dataclass(frozen=True, slots=True)
class NewKnowledge:
    """An entry as it is offered; its id follows from collection, project and title."""

    collection: CollectionName
    project: str
    title: str
    content: str
    fields: Mapping[str, JsonValue] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class KnowledgeItem:
    """The current version of an entry. ``version`` counts from 1."""

    id: str
    version: int
    collection: CollectionName
    project: str
    title: str
    content: str
    fields: Mapping[str, JsonValue]
    created_at: datetime
    updated_at: datetime
    delta: Delta = Delta.ADD
    origin: Origin = Origin.STATED
    reason: str = ""

    @property
    def deprecated(self) -> bool:
        """Whether it is out of use: a tombstone."""
        return self.delta is Delta.DEPRECATE
