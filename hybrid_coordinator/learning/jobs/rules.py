"""What outcomes order: the rules of all kinds of jobs, and the queue that they speak of."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import reduce
from operator import or_

from hybrid_coordinator.domain.interactions import Interaction, Outcome
from hybrid_coordinator.domain.jobs import JobChanges
from hybrid_coordinator.learning.jobs.kinds import JobKind, OutcomeRule
from hybrid_coordinator.storage.postgres.jobs import JobRecords


class OutcomeJobs:
    """The jobs that follow from outcomes."""

    def __init__(
        self,
        records: JobRecords,
        kinds: Sequence[JobKind],
        rules: Sequence[OutcomeRule],
        wake: Callable[[], None],
    ) -> None:
        """``wake`` tells the worker that there is a job."""
        self._records = records
        self._told = frozenset(kind.name for kind in kinds if not kind.upkeep)
        self._rules = rules
        self.wake = wake

    def changes(self, interaction: Interaction, outcome: Outcome, value: float) -> JobChanges:
        """What an outcome does to the queue; ``interaction`` has the one until now."""
        made = (rule(interaction, outcome, value) for rule in self._rules)
        return reduce(or_, made, JobChanges())

    def named(self, changes: JobChanges) -> tuple[str, ...]:
        """The jobs that changes order, by the names that who causes them is told."""
        return tuple(order.kind for order in changes.ordered if order.kind in self._told)

    async def open(self, interaction_id: str) -> tuple[str, ...]:
        """The names of the jobs about an interaction that wait or run."""
        kinds = await self._records.open(interaction_id)
        return tuple(kind for kind in kinds if kind in self._told)
