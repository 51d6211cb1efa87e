"""What was learned: values, entries with their uplift, proposals, and what is still to be done."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from hybrid_coordinator.domain.credit import LearningReport
from hybrid_coordinator.domain.insights import (
    DayLearned,
    ItemFilter,
    ItemInsight,
    ItemPage,
    ItemSort,
    LearningInsight,
    PageRequest,
)
from hybrid_coordinator.domain.interactions import ItemStats
from hybrid_coordinator.domain.knowledge import KnowledgeItem
from hybrid_coordinator.domain.skills import ProposalState
from hybrid_coordinator.insights.paging import checked
from hybrid_coordinator.learning.uplift import uplift
from hybrid_coordinator.learning.wiring import Learning
from hybrid_coordinator.routing.reporting import Reports
from hybrid_coordinator.settings import SettingsStore
from hybrid_coordinator.storage.postgres.browsing import Browsing
from hybrid_coordinator.storage.postgres.credit import Credit
from hybrid_coordinator.storage.postgres.insights import InsightRecords

_ITEMS = 20
_WAITING = 100


@dataclass(frozen=True)
class Learned:
    """Reads what outcomes taught."""

    records: InsightRecords
    browsing: Browsing
    credit: Credit
    reports: Reports
    learning: Learning
    settings: SettingsStore

    async def learning_of(self, project: str | None, days: int) -> LearningInsight:
        """All of it, in short."""
        since = self.reports.since(days)
        told = await self.lessons(project)
        by_day = await self.records.learned_by_day(project, since)
        used = await self.items(ItemFilter(project), ItemSort(), PageRequest(1, _ITEMS))
        skills = await self.learning.skills.all(project)
        return LearningInsight(
            project=project,
            days=days,
            high_value_threshold=self.settings.current().learning.high_value_threshold,
            values=await self.records.values(project, since),
            uplift=told.uplift,
            doubts=told.doubts,
            items=used.rows,
            learned=await self.records.learned(project),
            by_day=tuple(DayLearned(day, by_day.get(day, {})) for day in self.reports.span(days)),
            skills=await self.learning.skills.counts(project),
            proposals=tuple(one for one in skills.proposals if one.state is ProposalState.PROPOSED),
            jobs=await self.learning.jobs.counts(project),
            waiting=tuple((await self.learning.jobs.all(project))[:_WAITING]),
        )

    async def lessons(self, project: str | None) -> LearningReport:
        """What showing entries changed, and what is doubted."""
        return await self.learning.reviewer.report(project)

    async def items(self, chosen: ItemFilter, sort: ItemSort, page: PageRequest) -> ItemPage:
        """A page of entries."""
        checked(page)
        rows, total = await self.browsing.items(chosen, sort, page)
        return ItemPage(await self._with_uplift(rows), total, page.page, page.size)

    async def _with_uplift(
        self, rows: Sequence[tuple[KnowledgeItem, ItemStats]]
    ) -> tuple[ItemInsight, ...]:
        strata = await self.credit.of_items([item.id for item, _ in rows]) if rows else {}
        return tuple(
            ItemInsight(
                id=item.id,
                collection=item.collection,
                project=item.project,
                title=item.title,
                origin=item.origin,
                retired=item.deprecated,
                version=item.version,
                updated_at=item.updated_at,
                uses=stats.uses,
                success_rate=stats.success_rate,
                gained=stats.gained,
                lost=stats.lost,
                uplift=uplift(strata.get(item.id, [])),
            )
            for item, stats in rows
        )
