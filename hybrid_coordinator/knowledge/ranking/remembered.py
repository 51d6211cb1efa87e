"""Move code up that helped with a question like this one, and down what did not.

Modestly: nothing is added to what was found, and the text of the question decides first. Measured
by ``make bench-learning``: questions in other words find more, others lose nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from hybrid_coordinator.domain.interactions import OutcomeKind
from hybrid_coordinator.knowledge.relevance import Question
from hybrid_coordinator.storage.vectors.protocol import ScoredHit

_ALIKE, _LEAST = 0.7, 0.4
"""Share of the informative words of two questions that the other holds, on average and at least."""
_TASKS = 5
"""Earlier tasks that are compared, of the best that were found: at 0.1 ms each."""
_CHARACTERS = 500
"""Of a task that are compared: what is asked for is said in them."""
_WEIGHT = 0.4
"""Of the best score: what all alike questions speak for comes before what is better by a third."""
_DOUBT = 0.5
"""Answers of unknown worth that each piece is taken to have been used in: one that cited it moves
it by two thirds of what is possible, one that it was merely shown for by a third."""


@dataclass(frozen=True, slots=True)
class PastUse:
    """An item that was used for an earlier task, and what that says of it: from -1, a sure failure
    whose answer made use of it, to 1."""

    interaction_id: str
    item_id: str
    credit: float


def alike(asked: str, past: Sequence[ScoredHit]) -> dict[str, float]:
    """The earlier tasks that ask for the same in as many words, by id, with how far they do."""
    asked, found = asked[:_CHARACTERS], {}
    ended = [hit for hit in past if hit.payload.get("outcome") != OutcomeKind.UNKNOWN.value]
    for hit in ended[:_TASKS]:
        query = str(hit.payload.get("query", ""))[:_CHARACTERS]
        here, there = _question(asked).weigh(query)[0], _question(query).weigh(asked)[0]
        likeness = (here + there) / 2
        if likeness >= _ALIKE and min(here, there) >= _LEAST:
            found[hit.id] = likeness
    return found


@lru_cache(maxsize=256)
def _question(text: str) -> Question:
    """The same tasks are compared again and again."""
    return Question(text)


def rank_remembered(
    hits: Sequence[ScoredHit], tasks: Mapping[str, float], uses: Iterable[PastUse]
) -> list[ScoredHit]:
    """The hits in the order that their uses for the ``tasks`` (similarities by id) give them."""
    total: dict[str, float] = {}
    weight: dict[str, float] = {}
    for use in uses:
        likeness = tasks[use.interaction_id]
        total[use.item_id] = total.get(use.item_id, 0.0) + likeness * use.credit
        weight[use.item_id] = weight.get(use.item_id, 0.0) + likeness * abs(use.credit)
    best = max((hit.score for hit in hits), default=0.0)
    moved = [
        replace(
            hit,
            score=hit.score
            + _WEIGHT * best * total.get(hit.id, 0.0) / (weight.get(hit.id, 0.0) + _DOUBT),
        )
        for hit in hits
    ]
    return sorted(moved, key=lambda hit: -hit.score)
