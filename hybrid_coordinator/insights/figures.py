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
from hybrid_coordinator.domain.usage import Calls, Money
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
        calls, money = await self.reports.total(project, days)
        return await self._overview(project, days, calls, money)

    async def overview_around(self, routing: Routing) -> Overview:
        """What came of everything in the days of ``routing``, which is of all projects."""
        return await self._overview(None, routing.days, routing.total, routing.money)

    async def _overview(
        self, project: str | None, days: int, calls: Calls, money: Money
    ) -> Overview:
        high_value = self.high_value()
        totals = await self.totals(project)
        since = self.reports.since(days)
        fresh = await self.records.learned_by_day(project, since)
        tallies = await self.records.tallies(project, since, high_value=high_value)
        spent = None if project is None else await self.records.spent(project, since)
        return Overview(
            project=project,
            days=days,
            totals=totals,
            period=tallies.all,
            by_day=tuple(
                DayTally(day, tallies.days.get(day, Tally())) for day in self.reports.span(days)
            ),
            calls=calls,
            saving=_saving(calls, money, spent),
            learned=await self.records.learned(project),
            new_lessons=sum(sum(of_day.values()) for of_day in fresh.values()),
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


def _saving(calls: Calls, money: Money, of_project: float | None) -> Saving:
    """``of_project`` is what a project spent, None where all of them are looked at."""
    spent = of_project
    if spent is None:
        spent = math.fsum(one.spent_usd for one in money.spent)
    saved = money.saved_usd
    all_remote = None if saved is None else saved + spent
    return Saving(
        tokens=calls.local_tokens_in + calls.local_tokens_out,
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
