"""Small ledgers: exported datasets, and totals over the record."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from hybrid_coordinator.domain.interactions import OutcomeKind
from hybrid_coordinator.domain.knowledge import JsonValue
from hybrid_coordinator.storage.postgres.database import Database
from hybrid_coordinator.storage.postgres.queries import load_queries


@dataclass(frozen=True, slots=True)
class ModelTotals:
    """How a model did over its calls; latencies are percentiles in milliseconds.

    ``accepted`` counts calls whose answer was good enough; ``cost_usd`` leaves out calls of
    unknown price.
    """

    model: str
    tier: str
    attempts: int
    accepted: int
    tokens_in: int
    tokens_out: int
    cost_usd: float
    latency_p50_ms: int
    latency_p95_ms: int


@dataclass(frozen=True, slots=True)
class Totals:
    """Figures over a project or everything.

    ``outcomes`` counts interactions by their latest outcome; those without one are in
    ``interactions`` only. ``success_rate`` is in 0-1 over known outcomes, a partial counting
    half, None while there is none. Latencies are percentiles in milliseconds over interactions
    that were timed, None while there is none. ``unprojected`` counts rows that the index does
    not have yet.
    """

    interactions: int
    outcomes: Mapping[OutcomeKind, int]
    success_rate: float | None
    high_value: int
    tokens_local: int
    tokens_remote: int
    latency_p50_ms: int | None
    latency_p95_ms: int | None
    models: tuple[ModelTotals, ...]
    knowledge: Mapping[str, int]
    files: int
    chunks: int
    unprojected: int


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
            attempts = await session.fetch(self._queries.attempts, project)
            knowledge = await session.fetch(self._queries.knowledge, project)
            (code,) = await session.fetch(self._queries.source_files, project)
        outcomes = {kind: int(base[kind.value]) for kind in OutcomeKind}
        return Totals(
            interactions=base["interactions"],
            outcomes=outcomes,
            success_rate=_success_rate(outcomes),
            high_value=base["high_value"],
            tokens_local=base["tokens_local"],
            tokens_remote=base["tokens_remote"],
            latency_p50_ms=base["latency_p50"],
            latency_p95_ms=base["latency_p95"],
            models=tuple(
                ModelTotals(
                    model=row["model"],
                    tier=row["tier"],
                    attempts=row["attempts"],
                    accepted=row["accepted"],
                    tokens_in=row["tokens_in"],
                    tokens_out=row["tokens_out"],
                    cost_usd=row["cost_usd"],
                    latency_p50_ms=row["latency_p50"],
                    latency_p95_ms=row["latency_p95"],
                )
                for row in attempts
            ),
            knowledge={row["collection"]: row["entries"] for row in knowledge},
            files=code["files"],
            chunks=code["chunks"],
            unprojected=base["unprojected"] + sum(row["unprojected"] for row in knowledge),
        )


def _success_rate(outcomes: Mapping[OutcomeKind, int]) -> float | None:
    success, partial, failure = (
        outcomes[kind] for kind in (OutcomeKind.SUCCESS, OutcomeKind.PARTIAL, OutcomeKind.FAILURE)
    )
    known = success + partial + failure
    return (success + partial / 2) / known if known else None
