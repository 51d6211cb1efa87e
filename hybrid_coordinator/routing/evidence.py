"""What is known of how models do at kinds of tasks, from the record, in memory."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol

from hybrid_coordinator.domain.evidence import Observation
from hybrid_coordinator.domain.route import Complexity, TaskType
from hybrid_coordinator.errors import HybridError
from hybrid_coordinator.waiting import came_within

_log = logging.getLogger(__name__)

WINDOW = 1000
"""Observations that are read; of one kind of task, all that still weigh anything."""

_DECAY = 0.99
"""Of the weight, for each later observation of the same kind of task, whichever model made it: a
model that is not asked any more is forgotten by and by, and so gets its chance again. Simulated
(benchmarks/routing/learning_to_route.py), 0.98 to 0.995 do about equally well; a decay by each
model's own observations alone finds a model that got better too late."""

_OTHER_TASKS, _OTHER_COMPLEXITIES = 2.0, 6.0
"""How many observations all those at other kinds of tasks, and at the same kind of other
complexities, may count for at most."""

_LOOK_SECONDS = 300.0
_RETRY_SECONDS = 10.0
_GATHER_SECONDS = 1.0
"""How long news may come together before it is read: an outcome follows its interaction, and a
reading takes the event loop 2 ms, which a busy team's many outcomes a second would take each."""


@dataclass(frozen=True, slots=True)
class Belief:
    """A Beta distribution of success: pseudo-counts, prior included. ``observed`` is the weight
    of the observations at this very kind of task, ``heard`` that of all of them."""

    successes: float
    failures: float
    observed: float
    heard: float

    @property
    def mean(self) -> float:
        """The expected rate of success."""
        return self.successes / (self.successes + self.failures)


class Source(Protocol):
    """Where observations come from."""

    async def evidence(self, limit: int) -> list[Observation]:
        """The latest observations, newest first."""
        ...


_Bucket = tuple[TaskType, Complexity]
_Counts = tuple[float, float]


class Evidence:
    """Decayed counts of success and failure per kind of task and model. Reading it is free;
    what was recorded comes in behind, by ``run``."""

    def __init__(self, source: Source | None = None) -> None:
        """Without a ``source`` there is what ``learn`` is given."""
        self._source = source
        self._stale = asyncio.Event()
        self._stale.set()
        self._counts: Mapping[_Bucket, Mapping[str, _Counts]] = {}

    def mark_stale(self) -> None:
        """Say that an attempt or an outcome was recorded. Costs nothing."""
        self._stale.set()

    def learn(self, observations: Iterable[Observation]) -> None:
        """Replace all that is known by ``observations``, newest first."""
        counts: dict[_Bucket, dict[str, _Counts]] = {}
        weights: dict[_Bucket, float] = {}
        for each in observations:
            bucket = (each.task_type, each.complexity)
            weight = weights.get(bucket, 1.0)
            weights[bucket] = weight * _DECAY
            models = counts.setdefault(bucket, {})
            good, bad = models.get(each.model, (0.0, 0.0))
            weight *= each.weight
            models[each.model] = (good + weight * each.success, bad + weight * (1 - each.success))
        self._counts = counts

    def belief(
        self, model: str, task_type: TaskType, complexity: Complexity, prior: Belief
    ) -> Belief:
        """What is believed of a model at a kind of task, backing off to what is known of it at
        the same kind in other complexities, at other tasks, and to ``prior``."""
        here = same = others = (0.0, 0.0)
        for (other_type, other_complexity), models in self._counts.items():
            found = models.get(model)
            if found is None:
                continue
            if other_type is not task_type:
                others = _sum(others, found)
            elif other_complexity is not complexity:
                same = _sum(same, found)
            else:
                here = found
        counts = (prior.successes, prior.failures)
        for further, most in ((others, _OTHER_TASKS), (same, _OTHER_COMPLEXITIES)):
            counts = _sum(counts, _at_most(further, most))
        counts = _sum(counts, here)
        return Belief(*counts, observed=sum(here), heard=sum(here) + sum(same) + sum(others))

    async def refresh(self) -> None:
        """Read the record now.

        Raises:
            HybridError: it does not answer; what was known stays.
        """
        self._stale.clear()
        if self._source is not None:
            self.learn(await self._source.evidence(WINDOW))

    async def run(self) -> None:
        """Refresh whenever something was recorded, and now and then for what others record in
        the same database, until cancelled."""
        while True:
            try:
                await self.refresh()
                pause = _LOOK_SECONDS
            except HybridError as error:
                _log.warning("What models did cannot be read now; routing goes on. %s", error)
                pause = _RETRY_SECONDS
            if await came_within(pause, self._stale):
                await asyncio.sleep(_GATHER_SECONDS)


def _sum(one: _Counts, other: _Counts) -> _Counts:
    return one[0] + other[0], one[1] + other[1]


def _at_most(counts: _Counts, most: float) -> _Counts:
    total = sum(counts)
    share = min(1.0, most / total) if total else 0.0
    return counts[0] * share, counts[1] * share
