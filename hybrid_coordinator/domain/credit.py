"""What outcomes say of what was shown: how it did, what it changed, and what is doubted."""

from __future__ import annotations

from dataclasses import dataclass

from hybrid_coordinator.domain.items import CollectionName
from hybrid_coordinator.domain.knowledge import Origin


@dataclass(frozen=True, slots=True)
class Arm:
    """Known outcomes: how many interactions had one, how sure they are altogether (at most as
    much), and how much success that is (a partial one counts half)."""

    interactions: int = 0
    weight: float = 0.0
    success: float = 0.0


@dataclass(frozen=True, slots=True)
class Stratum:
    """Interactions in which chance held back with the same probability."""

    shown: Arm
    withheld: Arm


@dataclass(frozen=True, slots=True)
class Uplift:
    """Success where something was shown less success where it was held back.

    Rates are in 0-1 and the difference in -1 to 1, over the strata that have both; ``low`` and
    ``high`` bound it with 95% confidence. All are None where no stratum has both.
    """

    shown: int
    withheld: int
    shown_rate: float | None
    withheld_rate: float | None
    difference: float | None
    low: float | None
    high: float | None
    identifiable: bool
    words: str


@dataclass(frozen=True, slots=True)
class Record:
    """Successes and failures; parts of one where outcomes are partial, unsure, or long ago."""

    success: float
    failure: float

    @property
    def total(self) -> float:
        """Of both."""
        return self.success + self.failure


@dataclass(frozen=True, slots=True)
class UsedEntry:
    """An entry in use with known outcomes: all that it had, those of ``late``, what is put down to
    it (``credit``), and what is put down to the others of its project (``peers``)."""

    id: str
    collection: CollectionName
    project: str
    title: str
    origin: Origin
    known: Record
    late: Record
    credit: Record
    peers: Record


@dataclass(frozen=True, slots=True)
class Doubt:
    """An entry that seems to do harm, and why. ``retired`` says that it is out of use for it."""

    item_id: str
    collection: CollectionName
    project: str
    title: str
    reason: str
    retired: bool = False


@dataclass(frozen=True, slots=True)
class LearningReport:
    """What outcomes taught: what it changed to show one learned item more, over the latest
    interactions in which chance held one back or might have, and entries that are doubted."""

    uplift: Uplift
    doubts: tuple[Doubt, ...]
