"""Figures for people to look at, from the record."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass

from hybrid_coordinator.domain.insights import Change, Facets, ShownEntry, Tally, ValueBin, tally
from hybrid_coordinator.domain.items import CollectionName
from hybrid_coordinator.domain.knowledge import JsonValue, Origin
from hybrid_coordinator.storage.postgres.database import Database, Row
from hybrid_coordinator.storage.postgres.ids import parse_id
from hybrid_coordinator.storage.postgres.queries import load_queries

_BINS = 10


@dataclass(frozen=True, slots=True)
class _Queries:
    tallies: str
    values: str
    learned: str
    learned_by_day: str
    spent: str
    facets: str
    shown: str
    components: str
    datasets: str
    marks: str


@dataclass(frozen=True, slots=True)
class Tallies:
    """Interactions of a span of time, and of each of its days that has any."""

    all: Tally
    days: Mapping[dt.date, Tally]


@dataclass(frozen=True, slots=True)
class DatasetRow:
    """A dataset as it was noted."""

    id: int
    format: str
    directory: str
    created_at: dt.datetime
    examples: int
    manifest: Mapping[str, JsonValue]


class InsightRecords:
    """Reads figures. ``project`` None stands for all projects; days are in UTC."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._queries = load_queries("insights", _Queries)

    async def tallies(
        self, project: str | None, since: dt.datetime, *, high_value: float
    ) -> Tallies:
        """Interactions since then, with their latest outcomes."""
        rows = await self._database.fetch(self._queries.tallies, project, since, high_value)
        by_day = {row["day"]: _tally(row) for row in rows}
        return Tallies(by_day.pop(None), by_day)

    async def values(self, project: str | None, since: dt.datetime) -> tuple[ValueBin, ...]:
        """The value scores of interactions since then."""
        rows = await self._database.fetch(self._queries.values, project, since)
        counts = {row["bin"]: row["interactions"] for row in rows}
        return tuple(
            ValueBin((number - 1) / _BINS, number / _BINS, counts.get(number, 0))
            for number in range(1, _BINS + 1)
        )

    async def learned(self, project: str | None) -> dict[Origin, int]:
        """Entries in use by where they come from."""
        rows = await self._database.fetch(self._queries.learned, project)
        return {Origin(row["origin"]): row["entries"] for row in rows}

    async def learned_by_day(
        self, project: str | None, since: dt.datetime
    ) -> dict[dt.date, dict[Origin, int]]:
        """Entries by the day of their first version, days without any left out."""
        days: dict[dt.date, dict[Origin, int]] = {}
        for row in await self._database.fetch(self._queries.learned_by_day, project, since):
            days.setdefault(row["day"], {})[Origin(row["origin"])] = row["entries"]
        return days

    async def spent(self, project: str, since: dt.datetime) -> float:
        """USD that the remote attempts of a project cost since then, as far as that is known."""
        usd: float = await self._database.fetch_value(self._queries.spent, project, since)
        return usd

    async def facets(self, project: str | None) -> Facets:
        """What interactions can be filtered by; every project, whichever is asked for."""
        (row,) = await self._database.fetch(self._queries.facets, project)
        return Facets(tuple(row["projects"]), tuple(row["models"]), tuple(row["task_types"]))

    async def shown(self, interaction: str) -> tuple[ShownEntry, ...]:
        """What was shown in an interaction, or held back from it, by rank."""
        rows = await self._database.fetch(self._queries.shown, parse_id("id", interaction))
        return tuple(_shown(row) for row in rows)

    async def components(self, interaction: str) -> dict[str, float] | None:
        """What the value of an interaction is made of; None without an outcome."""
        found: dict[str, float] | None = await self._database.fetch_value(
            self._queries.components, parse_id("id", interaction)
        )
        return found

    async def datasets(self) -> list[DatasetRow]:
        """Every dataset that was exported, latest first."""
        return [DatasetRow(**row) for row in await self._database.fetch(self._queries.datasets)]

    async def marks(self) -> dict[Change, str | None]:
        """For each kind of change something that another change makes differ."""
        (row,) = await self._database.fetch(self._queries.marks)
        return {change: row[change.value] for change in Change}


def _tally(row: Row) -> Tally:
    return tally(
        **{name: value for name, value in row.items() if name != "day"},
    )


def _shown(row: Row) -> ShownEntry:
    collection = row["collection"]
    return ShownEntry(
        item_id=str(row["item_id"]),
        rank=row["rank"],
        title=row["title"],
        source=row["source"],
        collection=None if collection is None else CollectionName(collection),
        score=row["score"],
        propensity=row["propensity"],
        withheld=row["withheld"],
        cited=row["cited"],
        used=row["used"],
    )
