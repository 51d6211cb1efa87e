"""Who gets how much of the budget: by collection a fair share, within it the best first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from hybrid_coordinator.domain.items import CollectionName
from hybrid_coordinator.knowledge.packing.pieces import Piece

_LARGEST_PART = 0.4
_LARGEST_BYTES = 1_000
"""No piece takes more than this part of its collection's share, or these bytes if they are more,
before the others had theirs. Where the best piece may take all of a small budget, the answer is
in the text of fewer questions (500 tokens, 142 questions on code: 76% without, 87% with it)."""


def choose(pieces: Sequence[Piece], budget: int) -> tuple[list[Piece | None], int]:
    """Each piece as it is shown (whole, cut, or None: left out), and the bytes that they take
    one by one, which are at most ``budget``.

    Shares are max-min fair: a collection that needs less than an equal share leaves the rest to
    the others. What a collection cannot use of its share goes to the best of all.
    """
    shown = _Shown(pieces)
    demands: dict[CollectionName, int] = {}
    for piece in pieces:
        collection = piece.item.collection
        demands[collection] = demands.get(collection, 0) + piece.size
    left = _max_min_shares(demands, budget)
    largest = {name: max(_LARGEST_BYTES, int(_LARGEST_PART * left[name])) for name in left}
    for most in (largest, left):
        for position, piece in enumerate(pieces):
            collection = piece.item.collection
            allowance = min(left[collection], most[collection])
            left[collection] -= shown.grow(position, allowance)
    pool = budget - sum(shown.costs)
    for position in range(len(pieces)):
        pool -= shown.grow(position, pool)
    return shown.chosen, sum(shown.costs)


class _Shown:
    """What is shown of each piece so far, and what that costs."""

    def __init__(self, pieces: Sequence[Piece]) -> None:
        self._pieces = pieces
        self.chosen: list[Piece | None] = [None] * len(pieces)
        self.costs = [0] * len(pieces)

    def grow(self, position: int, allowance: int) -> int:
        """Show the piece, or more of it, for at most ``allowance`` more bytes; returns those it
        took."""
        shown = self.chosen[position]
        if shown is not None and not shown.is_cut:
            return 0
        cost = self.costs[position]
        fitted = self._pieces[position].within(cost + allowance)
        if fitted is None or (more := fitted.size - cost) <= 0:
            return 0
        self.chosen[position] = fitted
        self.costs[position] += more
        return more


def _max_min_shares(
    demands: Mapping[CollectionName, int], budget: int
) -> dict[CollectionName, int]:
    """The smallest demands are met first, and what they leave is spread."""
    shares: dict[CollectionName, int] = {}
    left = max(0, budget)
    for position, collection in enumerate(sorted(demands, key=lambda name: (demands[name], name))):
        shares[collection] = min(demands[collection], left // (len(demands) - position))
        left -= shares[collection]
    return shares
