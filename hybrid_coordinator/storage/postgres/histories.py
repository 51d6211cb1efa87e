"""Reading all that is on record of one thing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from hybrid_coordinator.domain.histories import Elsewhere, Evidence
from hybrid_coordinator.domain.knowledge import JsonValue, KnowledgeItem
from hybrid_coordinator.storage.postgres.database import Database, Row
from hybrid_coordinator.storage.postgres.ids import parse_id, parse_ids
from hybrid_coordinator.storage.postgres.knowledge import knowledge_item
from hybrid_coordinator.storage.postgres.queries import load_queries


@dataclass(frozen=True, slots=True)
class _Queries:
    versions: str
    evidence: str
    elsewhere: str
    taught: str
    actions: str
    outcomes: str


class Histories:
    """The past of entries and interactions; empty where the id is unknown."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._queries = load_queries("histories", _Queries)

    async def versions(self, entry: str) -> tuple[KnowledgeItem, ...]:
        """Every version of an entry, oldest first."""
        return tuple(knowledge_item(row) for row in await self._of(self._queries.versions, entry))

    async def evidence(self, entry: str) -> tuple[Evidence, ...]:
        """The interactions that an entry rests on, oldest first."""
        return tuple(_evidence(row) for row in await self._of(self._queries.evidence, entry))

    async def elsewhere(self, entry: str) -> tuple[Elsewhere, ...]:
        """What other machines know of an entry."""
        rows = await self._database.fetch(self._queries.elsewhere, parse_ids("id", [entry]))
        return tuple(elsewhere_of(row) for row in rows)

    async def taught(self, interaction: str) -> tuple[Evidence, ...]:
        """The entries that rest on an interaction."""
        return tuple(_evidence(row) for row in await self._of(self._queries.taught, interaction))

    async def actions(self, interaction: str) -> tuple[Mapping[str, JsonValue], ...]:
        """What was done in an interaction, in order."""
        return tuple(row["row"] for row in await self._of(self._queries.actions, interaction))

    async def outcomes(self, interaction: str) -> tuple[Mapping[str, JsonValue], ...]:
        """Every outcome that an interaction was given, oldest first."""
        return tuple(row["row"] for row in await self._of(self._queries.outcomes, interaction))

    async def _of(self, query: str, identifier: str) -> list[Row]:
        return await self._database.fetch(query, parse_id("id", identifier))


def elsewhere_of(row: Row) -> Elsewhere:
    """A row of imported_knowledge."""
    return Elsewhere(
        str(row["machine"]),
        row["version"],
        row["origin"],
        row["supports"],
        row["against"],
        row["uses"],
        row["successes"],
        row["judged"],
    )


def _evidence(row: Row) -> Evidence:
    return Evidence(str(row["other"]), row["supports"])
