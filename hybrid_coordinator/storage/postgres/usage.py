"""What models were used for, from the record of attempts."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from hybrid_coordinator.domain.usage import Calls, DayUse, LoggedAttempt, LogPlace, ModelUse
from hybrid_coordinator.storage.postgres.database import Database, Row
from hybrid_coordinator.storage.postgres.ids import parse_id
from hybrid_coordinator.storage.postgres.queries import load_queries

_PERCENTILES = ("latencies", "first_tokens")


@dataclass(frozen=True, slots=True)
class _Queries:
    calls: str
    models: str
    days: str
    of_interaction: str
    page: str


@dataclass(frozen=True, slots=True)
class CallFigures:
    """All calls, and the same by the tier that answered and by task type, most calls first, and by
    the day in UTC."""

    total: Calls
    tiers: tuple[Calls, ...]
    task_types: tuple[Calls, ...]
    days: Mapping[dt.date, Calls]


class UsageRecords:
    """Reads attempts. ``project`` None stands for all projects."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._queries = load_queries("usage", _Queries)

    async def calls(self, project: str | None, since: dt.datetime) -> CallFigures:
        """Figures over calls since then."""
        rows = await self._database.fetch(self._queries.calls, project, since)
        (total,) = _calls(rows, "all")
        days = {dt.date.fromisoformat(one.name or ""): one for one in _calls(rows, "day")}
        return CallFigures(total, _calls(rows, "tier"), _calls(rows, "task_type"), days)

    async def models(self, project: str | None, since: dt.datetime) -> tuple[ModelUse, ...]:
        """Each model that was asked since then, most asked first; answers from the cache do not
        count."""
        rows = await self._database.fetch(self._queries.models, project, since)
        return tuple(_model(row) for row in rows)

    async def days(self, project: str | None, since: dt.datetime) -> tuple[DayUse, ...]:
        """The days since then that have answered calls, in order."""
        rows = await self._database.fetch(self._queries.days, project, since)
        return tuple(DayUse(**row) for row in rows)

    async def of_interaction(self, interaction: str) -> tuple[LoggedAttempt, ...]:
        """The attempts of one interaction, in order."""
        wanted = parse_id("id", interaction)
        rows = await self._database.fetch(self._queries.of_interaction, wanted)
        return tuple(_logged(row) for row in rows)

    async def page(self, project: str | None, after: LogPlace, size: int) -> list[LoggedAttempt]:
        """At most ``size`` attempts after that place, in the order they were stored."""
        rows = await self._database.fetch(
            self._queries.page, project, after.created_at, after.id, size
        )
        return [_logged(row) for row in rows]


def _calls(rows: Sequence[Row], by: str) -> tuple[Calls, ...]:
    return tuple(
        Calls(**{name: value for name, value in row.items() if name != "by"})
        for row in rows
        if row["by"] == by
    )


def _model(row: Row) -> ModelUse:
    given = {name: value for name, value in row.items() if name not in _PERCENTILES}
    p50, p95, p99 = row["latencies"] or (None, None, None)
    first_p50, first_p95 = row["first_tokens"] or (None, None)
    return ModelUse(
        **given,
        latency_p50_ms=p50,
        latency_p95_ms=p95,
        latency_p99_ms=p99,
        first_token_p50_ms=first_p50,
        first_token_p95_ms=first_p95,
    )


def _logged(row: Row) -> LoggedAttempt:
    identifier = row["interaction_id"]
    given = {name: value for name, value in row.items() if name != "interaction_id"}
    return LoggedAttempt(**given, interaction_id=None if identifier is None else str(identifier))
