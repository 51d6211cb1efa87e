"""What there is: the index and the code in it, and the datasets that were written."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from hybrid_coordinator.domain.health import CollectionState
from hybrid_coordinator.domain.indexing import RebuildState
from hybrid_coordinator.domain.insights import (
    DatasetInsight,
    DatasetsInsight,
    IndexInsight,
    RootInsight,
)
from hybrid_coordinator.domain.items import CollectionName
from hybrid_coordinator.domain.knowledge import JsonValue
from hybrid_coordinator.knowledge.code.watching import Watches
from hybrid_coordinator.knowledge.collections import CollectionDefinition
from hybrid_coordinator.knowledge.index_setup import IndexSetup
from hybrid_coordinator.learning.training.generating import TrainingData
from hybrid_coordinator.settings import SettingsStore
from hybrid_coordinator.storage.postgres.bookkeeping import Statistics
from hybrid_coordinator.storage.postgres.generations import Generations
from hybrid_coordinator.storage.postgres.insights import DatasetRow, InsightRecords
from hybrid_coordinator.storage.postgres.source_files import SourceFiles
from hybrid_coordinator.storage.vectors.protocol import VectorIndex


@dataclass(frozen=True)
class Stock:
    """Counts what there is."""

    records: InsightRecords
    statistics: Statistics
    training_data: TrainingData
    generations: Generations
    files: SourceFiles
    setup: IndexSetup
    index: VectorIndex
    watches: Watches
    definitions: Mapping[CollectionName, CollectionDefinition]
    rebuild_state: Callable[[], RebuildState | None]
    settings: SettingsStore

    async def collections(self) -> list[CollectionState]:
        """The five collections, counted now."""
        await self.setup.ensure()
        serving = await self.generations.serving()
        return [
            CollectionState(
                name=name.value,
                purpose=definition.purpose,
                points=await self.index.count(name.value, {}),
                embedder=serving.embedder.model if serving.embedder else "none yet",
            )
            for name, definition in self.definitions.items()
        ]

    async def of_index(self, project: str | None) -> IndexInsight:
        """The index, and the code of a project in it, or of all."""
        collections = tuple(await self.collections())
        serving = await self.generations.serving()
        unfinished = set(await self.files.unfinished_roots())
        watched = set(self.watches.directories())
        roots = [
            RootInsight(
                one.project,
                one.root,
                one.files,
                one.chunks,
                one.indexed_at,
                complete=(one.project, one.root) not in unfinished,
                watched=one.root in watched,
            )
            for one in await self.files.summary()
            if project is None or one.project == project
        ]
        return IndexInsight(
            engine=serving.engine,
            embedder=serving.embedder.model if serving.embedder else None,
            dimension=serving.embedder.dimension if serving.embedder else None,
            collections=collections,
            roots=tuple(roots),
            unprojected=await self.statistics.unprojected(project),
            rebuild=self.rebuild_state(),
        )

    async def datasets(self) -> DatasetsInsight:
        """The datasets, and whether another one is worth it."""
        rows = await self.records.datasets()
        there = await asyncio.to_thread(lambda: [Path(row.directory).is_dir() for row in rows])
        min_value = self.settings.current().learning.high_value_threshold
        return DatasetsInsight(
            tuple(_dataset(row, present) for row, present in zip(rows, there, strict=True)),
            new_successes=await self.training_data.count_new(min_value),
            min_value=min_value,
        )


def _dataset(row: DatasetRow, present: bool) -> DatasetInsight:
    noted = row.manifest
    return DatasetInsight(
        id=row.id,
        format=row.format,
        project=None if noted.get("project") is None else str(noted["project"]),
        directory=row.directory,
        created_at=row.created_at,
        examples=row.examples,
        candidates=int(str(noted.get("candidates", 0))),
        counts=_counts(noted.get("counts")),
        dropped=_counts(noted.get("dropped")),
        min_value=float(str(noted.get("min_value", 0.0))),
        sha256=str(noted.get("sha256", "")),
        present=present,
    )


def _counts(noted: JsonValue) -> dict[str, int]:
    return (
        {name: int(str(count)) for name, count in noted.items()} if isinstance(noted, dict) else {}
    )
