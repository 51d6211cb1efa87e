"""Small ledgers: exported datasets, and totals over the record."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from hybrid_coordinator.domain.insights import ModelTotals, Totals, success_rate
from hybrid_coordinator.domain.interactions import OutcomeKind
from hybrid_coordinator.domain.knowledge import JsonValue
from hybrid_coordinator.storage.postgres.database import Database, Row
from hybrid_coordinator.storage.postgres.queries import load_queries


@dataclass(frozen=True, slots=True)
class _DatasetQueries:
    add: str


class Datasets:
    """Training data that was exported."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._queries = load_queries("datasets", _DatasetQueries)

    async def add(
        self,
        format: str,  # noqa: A002 - what generate_training_data calls it
        directory: str,
        examples: int,
        manifest: Mapping[str, JsonValue],
    ) -> None:
        """Note an export: where it lies, how many examples it has, and its provenance."""
        await self._database.execute(self._queries.add, format, directory, examples, dict(manifest))


@dataclass(frozen=True, slots=True)
class _StatisticsQueries:
    interactions: str
    unprojected: str
    attempts: str
    knowledge: str
    source_files: str


class Statistics:
    """Totals over the record."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._queries = load_queries("statistics", _StatisticsQueries)

    async def totals(self, project: str | None = None, *, high_value: float) -> Totals:
        """Figures over ``project``, or everything. ``high_value`` is the value score from which
        an interaction counts as one worth learning from."""
        async with self._database.session() as session:
            (base,) = await session.fetch(self._queries.interactions, project, high_value)
            waiting = await session.fetch_value(self._queries.unprojected, project)
            attempts = await session.fetch(self._queries.attempts, project)
            knowledge = await session.fetch(self._queries.knowledge, project)
            (code,) = await session.fetch(self._queries.source_files, project)
        latencies = base["latencies"] or (None, None)
        outcomes = {kind: int(base[kind.value]) for kind in OutcomeKind}
        return Totals(
            interactions=base["interactions"],
            outcomes=outcomes,
            success_rate=success_rate(
                outcomes[OutcomeKind.SUCCESS],
                outcomes[OutcomeKind.PARTIAL],
                outcomes[OutcomeKind.FAILURE],
            ),
            high_value=base["high_value"],
            tokens_local=base["tokens_local"],
            tokens_remote=base["tokens_remote"],
            latency_p50_ms=latencies[0],
            latency_p95_ms=latencies[1],
            models=tuple(
                ModelTotals(
                    model=row["model"],
                    tier=row["tier"],
                    attempts=row["attempts"],
                    accepted=row["accepted"],
                    tokens_in=row["tokens_in"],
                    tokens_out=row["tokens_out"],
                    cost_usd=row["cost_usd"],
                    latency_p50_ms=row["latencies"][0],
                    latency_p95_ms=row["latencies"][1],
                )
                for row in attempts
            ),
            knowledge={row["collection"]: row["entries"] for row in knowledge},
            files=code["files"],
            chunks=code["chunks"],
            unprojected=_unprojected(waiting, knowledge),
        )

    async def unprojected(self, project: str | None = None) -> int:
        """How many rows the index does not have yet."""
        async with self._database.session() as session:
            waiting: int = await session.fetch_value(self._queries.unprojected, project)
            return _unprojected(waiting, await session.fetch(self._queries.knowledge, project))


def _unprojected(interactions: int, knowledge: Sequence[Row]) -> int:
    return interactions + sum(int(row["unprojected"]) for row in knowledge)
