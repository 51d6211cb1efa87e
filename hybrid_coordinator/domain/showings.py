"""What was shown as context, before it is known what came of it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ShownItem:
    """An item that was shown at a 1-based rank, or held back from there (``withheld``).

    ``score`` is the ranking's. ``propensity`` in 0-1 is the chance that it had to be shown once it
    was chosen: 1 where nothing was left to chance.
    """

    item_id: str
    rank: int
    title: str
    source: str
    score: float
    propensity: float = 1.0
    withheld: bool = False


@dataclass(frozen=True, slots=True)
class Showing:
    """A context that was shown. ``spent`` says that an interaction came of it already."""

    id: str
    items: tuple[ShownItem, ...]
    spent: bool = False
