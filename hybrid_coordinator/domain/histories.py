"""All that is on record of one thing, an entry or an interaction."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from hybrid_coordinator.domain.interactions import Exposure, Interaction, ItemStats
from hybrid_coordinator.domain.knowledge import JsonValue, KnowledgeItem


@dataclass(frozen=True, slots=True)
class Evidence:
    """An interaction that an entry rests on (``other`` is its id), or an entry that rests on an
    interaction; ``supports`` is False where it speaks against."""

    other: str
    supports: bool


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """What another machine knows of an entry, which is of ``version`` and ``origin`` there: how
    many interactions speak for it and against it, how often it was used, and of the ``judged``
    uses how many were ``successes`` (a partial one counts half)."""

    machine: str
    version: int
    origin: str
    supports: int = 0
    against: int = 0
    uses: int = 0
    successes: float = 0.0
    judged: int = 0


@dataclass(frozen=True, slots=True)
class KnowledgeHistory:
    """An entry, what it said before (oldest first), what it rests on, and how it was used."""

    item: KnowledgeItem
    earlier: tuple[KnowledgeItem, ...]
    evidence: tuple[Evidence, ...]
    elsewhere: tuple[Elsewhere, ...]
    stats: ItemStats


@dataclass(frozen=True, slots=True)
class InteractionHistory:
    """An interaction with what was shown in it, what was done, every outcome (oldest first), and
    the entries that were learned from it. ``actions`` and ``outcomes`` are as the record has
    them."""

    interaction: Interaction
    shown: tuple[Exposure, ...]
    actions: tuple[Mapping[str, JsonValue], ...]
    outcomes: tuple[Mapping[str, JsonValue], ...]
    taught: tuple[Evidence, ...]
