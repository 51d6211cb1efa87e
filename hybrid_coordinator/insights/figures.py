"""What the product did, all together: totals, what was saved, where calls went."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from hybrid_coordinator.domain.indexing import RebuildState
from hybrid_coordinator.domain.insights import (
    DayTally,
    Overview,
    Routing,
    Saving,
    Tally,
    Totals,
)
from hybrid_coordinator.learning.wiring import Learning
from hybrid_coordinator.routing.reporting import Reports
from hybrid_coordinator.settings import SettingsStore
from hybrid_coordinator.storage.postgres.bookkeeping import Statistics
from hybrid_coordinator.storage.postgres.insights import InsightRecords


@dataclass(frozen=True)
class Figures:
    """Sums over the record."""

    records: InsightRecords
    statistics: Statistics
    reports: Reports
    learning: Learning
    settings: SettingsStore
    rebuild_state: Callable[[], RebuildState | None]

    async def totals(self, project: str | None) -> Totals:
        """Over the whole record."""
        return await self.statistics.totals(project, high_value=self.high_value())

    async def overview(self, project: str | None, days: int) -> Overview:
        """What came of everything."""
        return await self.overview_around(await self.routing(project, days), project)

    async def overview_around(self, routing: Routing, project: str | None) -> Overview:
        """What came of everything in the days of ``routing``, which is of the same project."""
        high_value, days = self.high_value(), routing.days
        totals = await self.totals(project)
        tallies = await self.records.tallies(
            project, self.reports.since(days), high_value=high_value
        )
        return Overview(
            project=project,
            days=days,
            totals=totals,
            period=tallies.all,
            by_day=tuple(
                DayTally(day, tallies.days.get(day, Tally())) for day in self.reports.span(days)
            ),
            calls=routing.total,
            saving=await self._saving(routing, project),
            learned=await self.records.learned(project),
            skills=await self.learning.skills.counts(project),
            jobs=await self.learning.jobs.counts(project),
            high_value_threshold=high_value,
            rebuild=self.rebuild_state(),
        )

    async def routing(self, project: str | None, days: int) -> Routing:
        """Where calls of models went."""
        return await self.reports.usage(project, days)

    def high_value(self) -> float:
        """The value score from which an interaction is worth learning from."""
        return self.settings.current().learning.high_value_threshold

    async def _saving(self, routing: Routing, project: str | None) -> Saving:
        money, total = routing.money, routing.total
        if project is None:
            spent = math.fsum(one.spent_usd for one in money.spent)
        else:
            spent = await self.records.spent(project, self.reports.since(routing.days))
        saved = money.saved_usd
        all_remote = None if saved is None else saved + spent
        return Saving(
            tokens=total.local_tokens_in + total.local_tokens_out,
            saved_usd=saved,
            spent_usd=spent,
            reserved_usd=math.fsum(one.reserved_usd for one in money.spent),
            all_remote_usd=all_remote,
            saved_share=saved / all_remote if saved is not None and all_remote else None,
            today_usd=money.today_usd,
            daily_budget_usd=money.daily_budget_usd,
            reference=money.reference,
            prices_as_of=money.prices_as_of,
        )
