"""Which of the learned items that bear on a question are shown: by their outcomes, and by chance.

Thompson sampling over Beta counts: each candidate is given a rate of success drawn from what its
outcomes leave possible, and the best draws are shown. What helped is shown oftener, what was never
shown gets its turn, and what turned bad loses it. Relevance decides who takes part, and is the
prior: while no candidate has an outcome, the order is that of relevance alone.

`benchmarks/learning/stream.py` measures it, against ranking by relevance or by rates of success.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from random import Random

from hybrid_coordinator.domain.interactions import ItemStats
from hybrid_coordinator.domain.items import CollectionName, ContextItem
from hybrid_coordinator.settings import LearningSettings

MOST_LEARNED = 3
"""Learned items in a call, of all collections together: more of them help no further."""

_ELIGIBLE = 0.6
"""Of the relevance of the best candidate: what has less is about something else, however well it
did there."""

_PRIOR_USES = 1.2
"""What relevance counts for, in answers that made use of an item: some four to which it was only
shown. More of it delays what outcomes say, with less of it the first ones decide too much."""
_MOST_ELSEWHERE = 1.2
"""What the outcomes of other machines count for at most, in the same measure: as much as relevance.
Their tasks are others, and anybody may have written the file."""
_PRIOR_BEST, _PRIOR_LEAST = 0.5, 0.4
"""The rate of success that the most relevant candidate is taken to have, and one just eligible."""

_SHARPNESS = 20 / 3
"""Times the counts, before a draw: one showing counts as two uses of a Beta prior. An outcome that
three items share says of each a third as much as one of its own, so that draws from the counts as
they are scatter for hundreds of uses (simulated: success over the last 50 of 300 uses .70, and .80
with it; with twice as much .77, since it then settles too early)."""

_HISTORY = CollectionName.INTERACTION_HISTORY
_UNUSED = ItemStats()

_TRIED = 10
"""Uses of an item before it is ever held back: until then more is learned by showing it."""


@dataclass(frozen=True, slots=True)
class Withheld:
    """What chance decided: the item that is held back, if any, and the chance that each item at
    stake had to be shown."""

    item: ContextItem | None
    propensities: Mapping[str, float]


class Selector:
    """Chooses learned items, repeatably if the settings have a seed."""

    def __init__(
        self,
        settings: Callable[[], LearningSettings],
        quotas: Mapping[CollectionName, int],
    ) -> None:
        """``quotas`` bound the items of a collection where outcomes do not rank."""
        self._settings = settings
        self._quotas = quotas
        self._seed = settings().seed
        self._random = Random(self._seed)  # noqa: S311 - decides what is shown, and no secret

    def choose(
        self, candidates: Sequence[ContextItem], stats: Mapping[str, ItemStats]
    ) -> tuple[ContextItem, ...]:
        """The items to show, of ``candidates`` in the order of their relevance. Code among them
        keeps its order; learned items stand between it by what is expected of them. ``stats`` are
        by id.

        Past tasks, one of each wording, get the places that entries leave: a lesson is worth more
        than the replay of an answer.
        """
        if not self._settings().rank_by_outcomes:
            return self._within_quotas(candidates)
        learned = [item for item in candidates if item.learned]
        code = [item for item in candidates if not item.learned]
        best = self._learned(learned, stats)
        # One of each by turns, as retrieval has collections.
        turns = [
            *((rank, 0, item) for rank, item in enumerate(best)),
            *((rank, 1, item) for rank, item in enumerate(code)),
        ]
        if best and code and code[0].relevance > best[0].relevance:
            turns = [(rank, 1 - kind, item) for rank, kind, item in turns]
        turns.sort(key=lambda turn: turn[:2])
        return tuple(item for *_, item in turns)

    def withhold(self, shown: Sequence[ContextItem], stats: Mapping[str, ItemStats]) -> Withheld:
        """Which one of the learned items among ``shown`` is held back: mostly none."""
        settings = self._settings()
        at_stake = [
            item for item in shown if item.learned and stats.get(item.id, _UNUSED).uses >= _TRIED
        ]
        share = settings.withhold_share
        if not (settings.rank_by_outcomes and share and at_stake):
            return Withheld(None, {})
        draws = self._draws()
        held = draws.choice(at_stake) if draws.random() < share else None
        propensity = 1 - share / len(at_stake)
        return Withheld(held, {item.id: propensity for item in at_stake})

    def _within_quotas(self, candidates: Sequence[ContextItem]) -> tuple[ContextItem, ...]:
        left = dict(self._quotas)
        chosen = []
        for item in candidates:
            if left[item.collection] > 0:
                left[item.collection] -= 1
                chosen.append(item)
        return tuple(chosen)

    def _learned(
        self, learned: Sequence[ContextItem], stats: Mapping[str, ItemStats]
    ) -> list[ContextItem]:
        entries = [item for item in learned if item.collection is not _HISTORY]
        chosen = self._best(_eligible(entries, entries), stats, MOST_LEARNED)
        room = min(MOST_LEARNED - len(chosen), self._quotas[_HISTORY])
        tasks = {_folded(item.title): item for item in reversed(learned) if item not in entries}
        past = [item for item in learned if tasks.get(_folded(item.title)) is item]
        return chosen + self._best(_eligible(past, learned), stats, room)

    def _best(
        self, eligible: Sequence[ContextItem], stats: Mapping[str, ItemStats], count: int
    ) -> list[ContextItem]:
        """The ``count`` best of what is eligible, in the order of their expected rates."""
        known = [stats.get(item.id, _UNUSED) for item in eligible]
        if not any(map(_is_judged, known)):
            return list(eligible[:count])
        most = max(item.relevance for item in eligible)
        counts = [_counts(item, most, one) for item, one in zip(eligible, known, strict=True)]
        draws = self._draws()
        drawn = [draws.betavariate(_SHARPNESS * a, _SHARPNESS * b) for a, b in counts]
        alike = [not item.exact for item in eligible]
        places = sorted(range(len(eligible)), key=lambda place: (alike[place], -drawn[place]))
        del places[count:]
        rates = [gained / (gained + lost) for gained, lost in counts]
        places.sort(key=lambda place: (alike[place], -rates[place], place))
        return [eligible[place] for place in places]

    def _draws(self) -> Random:
        seed = self._settings().seed
        if seed != self._seed:
            self._seed, self._random = seed, Random(seed)  # noqa: S311 - as above
        return self._random


def _eligible(
    items: Sequence[ContextItem], compared_with: Sequence[ContextItem]
) -> list[ContextItem]:
    most = max((item.relevance for item in compared_with), default=0.0)
    return [item for item in items if item.relevance >= _ELIGIBLE * most]


def _folded(title: str) -> str:
    return " ".join(title.casefold().split())


def _counts(item: ContextItem, most: float, stats: ItemStats) -> tuple[float, float]:
    """Successes and failures of an item, with those that its relevance stands for."""
    share = max(_ELIGIBLE, item.relevance / most) if most > 0 else 1.0
    rate = _PRIOR_LEAST + (_PRIOR_BEST - _PRIOR_LEAST) * (share - _ELIGIBLE) / (1 - _ELIGIBLE)
    elsewhere = stats.gained_elsewhere + stats.lost_elsewhere
    weight = min(1.0, _MOST_ELSEWHERE / elsewhere) if elsewhere > 0 else 0.0
    return (
        _PRIOR_USES * rate + stats.gained + weight * stats.gained_elsewhere,
        _PRIOR_USES * (1 - rate) + stats.lost + weight * stats.lost_elsewhere,
    )


def _is_judged(stats: ItemStats) -> bool:
    return stats.gained + stats.lost + stats.gained_elsewhere + stats.lost_elsewhere > 0
