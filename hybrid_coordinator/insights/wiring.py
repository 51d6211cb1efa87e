"""Puts the read service together."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from hybrid_coordinator.domain.indexing import RebuildState
from hybrid_coordinator.domain.insights import EndpointInsight
from hybrid_coordinator.domain.items import CollectionName
from hybrid_coordinator.domain.metrics import MetricValues
from hybrid_coordinator.home import Home
from hybrid_coordinator.insights.changes import Changes
from hybrid_coordinator.insights.endpoints import endpoints
from hybrid_coordinator.insights.figures import Figures
from hybrid_coordinator.insights.health import Checkup
from hybrid_coordinator.insights.instruments import Instruments
from hybrid_coordinator.insights.interactions import Interactions
from hybrid_coordinator.insights.learned import Learned
from hybrid_coordinator.insights.measuring import Measuring, record_values
from hybrid_coordinator.insights.service import Insights
from hybrid_coordinator.insights.sharing import Shared
from hybrid_coordinator.insights.stock import Stock
from hybrid_coordinator.keeping.disk import disk
from hybrid_coordinator.knowledge.code.watching import Watches
from hybrid_coordinator.knowledge.collections import CollectionDefinition
from hybrid_coordinator.knowledge.moving_index import MovingIndex
from hybrid_coordinator.learning.wiring import Learning
from hybrid_coordinator.routing.delegate import Delegate
from hybrid_coordinator.routing.reporting import Reports
from hybrid_coordinator.settings import SettingsStore
from hybrid_coordinator.storage.postgres.bookkeeping import Statistics
from hybrid_coordinator.storage.postgres.browsing import Browsing
from hybrid_coordinator.storage.postgres.credit import Credit
from hybrid_coordinator.storage.postgres.database import Database
from hybrid_coordinator.storage.postgres.histories import Histories
from hybrid_coordinator.storage.postgres.insights import InsightRecords
from hybrid_coordinator.storage.postgres.interactions import InteractionRecords
from hybrid_coordinator.storage.postgres.jobs import JobRecords
from hybrid_coordinator.storage.postgres.snapshot import SnapshotRecords
from hybrid_coordinator.storage.postgres.usage import UsageRecords

_DAYS = 30
"""Of figures over time in `/metrics`: as many as `stats` shows unless told otherwise."""


@dataclass(frozen=True)
class Looked:
    """What is looked at."""

    home: Home
    settings: SettingsStore
    database: Database
    moving: MovingIndex
    watches: Watches
    definitions: Mapping[CollectionName, CollectionDefinition]
    interactions: InteractionRecords
    learning: Learning
    reports: Reports
    models: Callable[[], Delegate]
    instruments: Instruments


def build_insights(parts: Looked) -> Insights:
    """The read service over ``parts``."""
    database, settings, learning = parts.database, parts.settings, parts.learning
    records, browsing = InsightRecords(database), Browsing(database)
    statistics, moving = Statistics(database), parts.moving

    def rebuild_state() -> RebuildState | None:
        return moving.rebuilder.state

    figures = Figures(records, statistics, parts.reports, learning, settings, rebuild_state)
    stock = Stock(
        records,
        statistics,
        learning.training_data,
        moving.generations,
        moving.files,
        moving.setup,
        moving.index,
        parts.watches,
        parts.definitions,
        rebuild_state,
        settings,
    )
    return Insights(
        figures,
        Learned(records, browsing, Credit(database), parts.reports, learning, settings),
        Interactions(
            records,
            browsing,
            parts.interactions,
            Histories(database),
            UsageRecords(database),
            JobRecords(database),
            settings,
        ),
        stock,
        Checkup(
            settings.current(),
            settings,
            database,
            moving.index,
            moving.embedder,
            moving.setup,
            rebuild_state,
            learning.capture,
            parts.watches,
            learning.jobs,
            parts.models,
            parts.instruments.tracing,
        ),
        Changes(records.marks),
        _measuring(parts, figures, stock, SnapshotRecords(database)),
        Shared(),
        parts.home,
        SnapshotRecords(database),
    )


def _measuring(parts: Looked, figures: Figures, stock: Stock, record: SnapshotRecords) -> Measuring:
    async def look() -> list[MetricValues]:
        return await figures_of_record(figures, stock, record, parts.home)

    async def at_endpoints() -> Sequence[EndpointInsight]:
        return await endpoints(parts.models().gateway)

    return Measuring(parts.instruments.recorder, look, at_endpoints)


async def figures_of_record(
    figures: Figures, stock: Stock, record: SnapshotRecords, home: Home
) -> list[MetricValues]:
    """What `/metrics` tells of the record, read now; where calls went, once for all of it."""
    routing = await figures.routing(None, _DAYS)
    return record_values(
        await figures.overview_around(routing),
        routing,
        await stock.collections(),
        await asyncio.to_thread(disk, home),
        await record.size(),
    )
