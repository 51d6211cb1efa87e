"""Knowledge on its way from machine to machine."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from hybrid_coordinator.domain.histories import Elsewhere
from hybrid_coordinator.domain.items import CollectionName
from hybrid_coordinator.domain.knowledge import NewKnowledge, StoreAction


@dataclass(frozen=True, slots=True)
class Scope:
    """Which entries go out: of a project, of a collection, changed at or after ``since``; None
    where it does not matter."""

    project: str | None = None
    collection: CollectionName | None = None
    since: datetime | None = None


@dataclass(frozen=True, slots=True)
class SharedEntry:
    """An entry as it leaves a machine: what it says, and what is known of it there and, as far as
    that machine was told, elsewhere. The first of ``provenance`` is the machine that it leaves;
    ``software`` is the version of this package there."""

    new: NewKnowledge
    created_at: datetime
    updated_at: datetime
    software: str
    provenance: tuple[Elsewhere, ...]


@dataclass(frozen=True, slots=True)
class Refused:
    """A line that was not imported: its number from 1, and why (``field: what is wrong``)."""

    line: int
    reason: str


@dataclass(frozen=True, slots=True)
class ImportReport:
    """How many entries were created, merged into ones that were here, or changed nothing, and
    which lines were refused.

    ``filed_as`` are projects of the other machine with those of this one that their entries went
    to; ``unknown`` are projects whose names nobody works under here.
    """

    actions: Mapping[StoreAction, int]
    refused: tuple[Refused, ...]
    filed_as: Mapping[str, str] = field(default_factory=dict)
    unknown: tuple[str, ...] = ()
