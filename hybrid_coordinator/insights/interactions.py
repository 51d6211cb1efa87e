"""Interactions: a list to filter, sort and page through, and all that is on record of one."""

from __future__ import annotations

from dataclasses import dataclass

from hybrid_coordinator.domain.insights import (
    Facets,
    InteractionFilter,
    InteractionInsight,
    InteractionPage,
    InteractionSort,
    PageRequest,
)
from hybrid_coordinator.errors import InvalidArgumentError
from hybrid_coordinator.insights.paging import checked
from hybrid_coordinator.settings import SettingsStore
from hybrid_coordinator.storage.postgres.browsing import Browsing
from hybrid_coordinator.storage.postgres.histories import Histories
from hybrid_coordinator.storage.postgres.insights import InsightRecords
from hybrid_coordinator.storage.postgres.interactions import InteractionRecords
from hybrid_coordinator.storage.postgres.jobs import JobRecords
from hybrid_coordinator.storage.postgres.usage import UsageRecords


@dataclass(frozen=True)
class Interactions:
    """Reads interactions."""

    records: InsightRecords
    browsing: Browsing
    interactions: InteractionRecords
    histories: Histories
    usage: UsageRecords
    jobs: JobRecords
    settings: SettingsStore

    async def page(
        self, chosen: InteractionFilter, sort: InteractionSort, page: PageRequest
    ) -> InteractionPage:
        """A page of those that are chosen."""
        checked(page)
        if chosen.min_value is not None and not 0 <= chosen.min_value <= 1:
            raise InvalidArgumentError("min_value", "must be between 0 and 1")
        rows, total = await self.browsing.interactions(chosen, sort, page, self._high_value())
        return InteractionPage(tuple(rows), total, page.page, page.size)

    async def facets(self, project: str | None) -> Facets:
        """What they can be filtered by."""
        return await self.records.facets(project)

    async def one(self, interaction_id: str) -> InteractionInsight:
        """All that is on record of one."""
        found = await self.interactions.get(interaction_id)
        value = found.value_score
        return InteractionInsight(
            interaction=found,
            high_value=value is not None and value >= self._high_value(),
            components=await self.records.components(interaction_id),
            shown=await self.records.shown(interaction_id),
            attempts=await self.usage.of_interaction(interaction_id),
            actions=await self.histories.actions(interaction_id),
            outcomes=await self.histories.outcomes(interaction_id),
            taught=await self.histories.taught(interaction_id),
            jobs=await self.jobs.open(interaction_id),
        )

    def _high_value(self) -> float:
        return self.settings.current().learning.high_value_threshold
