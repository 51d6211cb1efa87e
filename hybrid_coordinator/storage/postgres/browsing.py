"""Lists of interactions and entries to filter, sort and page through."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from hybrid_coordinator.domain.insights import (
    InteractionFilter,
    InteractionRow,
    InteractionSort,
    ItemFilter,
    ItemSort,
    PageRequest,
)
from hybrid_coordinator.domain.interactions import AgentType, ItemStats, OutcomeKind
from hybrid_coordinator.domain.knowledge import KnowledgeItem
from hybrid_coordinator.storage.postgres.database import Database, Row
from hybrid_coordinator.storage.postgres.knowledge import knowledge_item
from hybrid_coordinator.storage.postgres.queries import load_queries


@dataclass(frozen=True, slots=True)
class _Queries:
    interactions: str
    items: str


class Browsing:
    """Pages of lists, each with the number of rows on all pages."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._queries = load_queries("browsing", _Queries)

    async def interactions(
        self, chosen: InteractionFilter, sort: InteractionSort, page: PageRequest, high_value: float
    ) -> tuple[list[InteractionRow], int]:
        """A page of the chosen interactions, and how many are chosen."""
        rows = await self._database.fetch(
            self._queries.interactions,
            chosen.project,
            chosen.agent_type,
            chosen.outcome,
            chosen.model,
            chosen.task_type,
            chosen.min_value,
            chosen.text,
            chosen.since,
            chosen.until,
            chosen.session_id,
            sort.by,
            sort.descending,
            page.size,
            (page.page - 1) * page.size,
            chosen.user,
        )
        return [_interaction(row, high_value) for row in rows], _total(rows)

    async def items(
        self, chosen: ItemFilter, sort: ItemSort, page: PageRequest
    ) -> tuple[list[tuple[KnowledgeItem, ItemStats]], int]:
        """A page of the chosen entries with what their uses came to, and how many are chosen."""
        rows = await self._database.fetch(
            self._queries.items,
            chosen.project,
            chosen.collection,
            chosen.origin,
            chosen.text,
            chosen.retired,
            sort.by,
            sort.descending,
            page.size,
            (page.page - 1) * page.size,
        )
        return [(knowledge_item(row), _stats(row)) for row in rows], _total(rows)


def _total(rows: Sequence[Row]) -> int:
    return rows[0]["total"] if rows else 0


def _interaction(row: Row, high_value: float) -> InteractionRow:
    outcome, value = row["outcome"], row["value_score"]
    return InteractionRow(
        id=str(row["id"]),
        created_at=row["created_at"],
        project=row["project"],
        session_id=row["session_id"],
        agent_type=AgentType(row["agent_type"]),
        model_used=row["model_used"],
        task_type=row["task_type"],
        tier=row["tier"],
        query=row["query"],
        outcome=None if outcome is None else OutcomeKind(outcome),
        outcome_source=row["outcome_source"],
        value_score=value,
        high_value=value is not None and value >= high_value,
        tokens_used=row["tokens_used"],
        latency_ms=row["latency_ms"],
        shown=row["shown"],
    )


def _stats(row: Row) -> ItemStats:
    return ItemStats(row["uses"], row["success_rate"], row["gained"], row["lost"])
