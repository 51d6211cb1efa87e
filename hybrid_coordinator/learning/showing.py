"""What is shown for a question: chosen, packed, and noted in the record."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from hybrid_coordinator.domain.context import PackedContext
from hybrid_coordinator.domain.items import ContextItem
from hybrid_coordinator.domain.showings import ShownItem
from hybrid_coordinator.errors import RecordUnavailableError, StorageError
from hybrid_coordinator.knowledge.packing import pack
from hybrid_coordinator.knowledge.retrieval import Retrieved
from hybrid_coordinator.learning.selection import Selector
from hybrid_coordinator.storage.postgres.showings import Showings


@dataclass(frozen=True, slots=True)
class Shown:
    """A context as it is shown, what chance held back from it, if anything, and what of it the
    record is to be told."""

    packed: PackedContext
    held: ContextItem | None
    noted: tuple[ShownItem, ...]


class Shower:
    """Shows the best of what was found."""

    def __init__(self, selector: Selector, showings: Showings) -> None:
        self._selector = selector
        self._showings = showings

    def show(self, found: Retrieved, max_tokens: int) -> Shown:
        """The context in at most ``max_tokens`` tokens. What is held back is what would have been
        shown, so that both can be compared, and nothing that was learned takes its place."""
        chosen = self._selector.choose(found.items, found.stats)
        packed = pack(chosen, max_tokens, found.read_lines)
        chance = self._selector.withhold(packed.items, found.stats)
        held, rank = chance.item, 0
        if held is not None:
            rank = packed.items.index(held) + 1
            there = {key for item in packed.items for key in _ids(item)}.difference(_ids(held))
            left = [item for item in chosen if item.id in there or not item.learned]
            packed = pack(left, max_tokens, found.read_lines)
        noted = {
            item.item_id: item
            for item in (
                *([] if held is None else _noted(rank, held, chance.propensities, withheld=True)),
                *(
                    each
                    for place, item in enumerate(packed.items, 1)
                    for each in _noted(place, item, chance.propensities, withheld=False)
                ),
            )
        }
        return Shown(packed, held, tuple(noted.values()))

    async def note(
        self, shown: Shown, project: str, session_id: str | None, user: str
    ) -> tuple[str | None, tuple[str, ...]]:
        """Tell the record what was shown to ``user``; returns the showing's id, None where there is
        none, and what the reader should know."""
        if not shown.noted:
            return None, ()
        try:
            return await self._showings.add(project, session_id, shown.noted, user=user), ()
        except (RecordUnavailableError, StorageError) as error:
            return None, (f"What was shown is not on record: {error}",)


def _ids(item: ContextItem) -> Sequence[str]:
    return (item.id, *item.merged_ids)


def _noted(
    rank: int, item: ContextItem, propensities: Mapping[str, float], *, withheld: bool
) -> Iterator[ShownItem]:
    propensity = propensities.get(item.id, 1.0)
    for key in _ids(item):
        yield ShownItem(key, rank, item.title, item.source, item.score, propensity, withheld)
