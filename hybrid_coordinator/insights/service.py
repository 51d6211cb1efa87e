"""The read service: a method for each page, and for `stats`, resources and metrics."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import dataclass, replace

from hybrid_coordinator.domain.credit import LearningReport
from hybrid_coordinator.domain.health import CollectionState, PartHealth
from hybrid_coordinator.domain.insights import (
    Change,
    DatasetsInsight,
    DiskInsight,
    Facets,
    IndexInsight,
    InteractionFilter,
    InteractionInsight,
    InteractionPage,
    InteractionSort,
    ItemFilter,
    ItemPage,
    ItemSort,
    LearningInsight,
    ModelsInsight,
    Overview,
    PageRequest,
    Routing,
    Totals,
)
from hybrid_coordinator.domain.metrics import MetricValues
from hybrid_coordinator.home import Home
from hybrid_coordinator.insights.changes import Changes
from hybrid_coordinator.insights.endpoints import endpoints
from hybrid_coordinator.insights.figures import Figures
from hybrid_coordinator.insights.health import Checkup
from hybrid_coordinator.insights.interactions import Interactions
from hybrid_coordinator.insights.learned import Learned
from hybrid_coordinator.insights.measuring import Measuring
from hybrid_coordinator.insights.paging import checked_days
from hybrid_coordinator.insights.sharing import Shared
from hybrid_coordinator.insights.stock import Stock
from hybrid_coordinator.keeping.disk import disk
from hybrid_coordinator.storage.postgres.snapshot import SnapshotRecords


@dataclass(frozen=True)
class Insights:
    """Figures for people and programs. ``project`` None stands for all projects, ``days`` (1 to
    3660, else InvalidArgumentError) for the last so many in UTC, today included."""

    _figures: Figures
    _learned: Learned
    _interactions: Interactions
    _stock: Stock
    _checkup: Checkup
    _changes: Changes
    _measuring: Measuring
    _shared: Shared
    _home: Home
    _record: SnapshotRecords

    async def totals(self, project: str | None = None) -> Totals:
        """Sums over the whole record."""
        return await self._figures.totals(project)

    async def overview(self, project: str | None = None, days: int = 30) -> Overview:
        """What the product did for its user."""
        checked_days(days)
        return await self._shared.of(
            ("overview", project, days), lambda: self._figures.overview(project, days)
        )

    async def routing(self, project: str | None = None, days: int = 30) -> Routing:
        """Where calls of models went, how models did, and their money."""
        checked_days(days)
        return await self._shared.of(
            ("routing", project, days), lambda: self._figures.routing(project, days)
        )

    async def learning(self, project: str | None = None, days: int = 30) -> LearningInsight:
        """What was learned, what that changed, and what waits."""
        checked_days(days)
        return await self._shared.of(
            ("learning", project, days), lambda: self._learned.learning_of(project, days)
        )

    async def lessons(self, project: str | None = None) -> LearningReport:
        """What outcomes taught: what showing entries changed, and what is doubted."""
        return await self._shared.of(("lessons", project), lambda: self._learned.lessons(project))

    async def items(
        self,
        chosen: ItemFilter = ItemFilter(),  # noqa: B008 - frozen
        sort: ItemSort = ItemSort(),  # noqa: B008 - frozen
        page: PageRequest = PageRequest(),  # noqa: B008 - frozen
    ) -> ItemPage:
        """A page of knowledge entries with what showing them came to.

        Raises:
            InvalidArgumentError: there can be no such page.
        """
        return await self._shared.of(
            ("items", chosen, sort, page), lambda: self._learned.items(chosen, sort, page)
        )

    async def interactions(
        self,
        chosen: InteractionFilter = InteractionFilter(),  # noqa: B008 - frozen
        sort: InteractionSort = InteractionSort(),  # noqa: B008 - frozen
        page: PageRequest = PageRequest(),  # noqa: B008 - frozen
    ) -> InteractionPage:
        """A page of interactions.

        Raises:
            InvalidArgumentError: there can be no such page, or ``min_value`` is not in 0-1.
        """
        return await self._shared.of(
            ("interactions", chosen, sort, page),
            lambda: self._interactions.page(chosen, sort, page),
        )

    async def interaction(self, interaction_id: str) -> InteractionInsight:
        """What was shown, asked, answered, attempted and done in one, and how it ended.

        Raises:
            InvalidArgumentError: the id is no UUID.
            NotFoundError: there is none of this id.
        """
        return await self._interactions.one(interaction_id)

    async def facets(self, project: str | None = None) -> Facets:
        """What interactions can be filtered by; every project, whichever is asked for."""
        return await self._shared.of(
            ("facets", project), lambda: self._interactions.facets(project)
        )

    async def models(self, project: str | None = None, days: int = 30) -> ModelsInsight:
        """The endpoints as they were a moment ago, and how models did."""
        checked_days(days)
        found = await endpoints(self._checkup.models().gateway)
        use = (await self.routing(project, days)).models
        return ModelsInsight(project, days, found, use)

    async def datasets(self) -> DatasetsInsight:
        """The datasets, and how many new successes there are for another one."""
        return await self._stock.datasets()

    async def index(self, project: str | None = None) -> IndexInsight:
        """The index, and the code of a project in it, or of all."""
        return await self._shared.of(("index", project), lambda: self._stock.of_index(project))

    async def collections(self) -> list[CollectionState]:
        """The five collections, counted now."""
        return await self._stock.collections()

    async def disk(self) -> DiskInsight:
        """What the home takes on disk, counted now."""
        found = await asyncio.to_thread(disk, self._home)
        if self._home.postgres_dir.exists():
            return found
        return replace(found, database_elsewhere_bytes=await self._record.size())

    async def health(self) -> list[PartHealth]:
        """Each part, asked now: takes as long as the slowest answer, some seconds at most."""
        return await self._checkup.health()

    async def metrics(self) -> list[MetricValues]:
        """What `/metrics` tells. Does not wait for the record, but for the first time: its figures
        are those of the look before, and are looked at again behind."""
        return await self._measuring.values()

    async def close(self) -> None:
        """Look no longer at anything."""
        await self._changes.close()
        await self._measuring.close()
        await self._shared.close()

    def changes(self) -> AsyncGenerator[frozenset[Change]]:
        """The kinds of things that changed, whenever some did; within two seconds or so. Close it
        to stop (``contextlib.aclosing``)."""
        return self._changes.listen()
