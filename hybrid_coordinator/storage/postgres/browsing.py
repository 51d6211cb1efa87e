"""Lists of interactions and entries to filter, sort and page through."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from hybrid_coordinator.domain.insights import (
    InteractionFilter,
    InteractionOrder,
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
    with_text: str
    count_interactions: str
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
        with_text = None
        if chosen.text is not None:
            pattern = _pattern(chosen.text)
            with_text = await self._database.fetch_value(
                self._queries.with_text, chosen.project, pattern
            )
        given = (
            chosen.project,
            chosen.agent_type,
            chosen.outcome,
            chosen.model,
            chosen.task_type,
            chosen.min_value,
            chosen.since,
            chosen.until,
            chosen.session_id,
            with_text,
            chosen.user,
        )
        ordered = self._queries.interactions.replace(":order", _order(sort))
        async with self._database.session() as session:
            total: int = await session.fetch_value(self._queries.count_interactions, *given)
            rows = await session.fetch(ordered, *given, page.size, (page.page - 1) * page.size)
        return [_interaction(row, high_value) for row in rows], total

    async def items(
        self, chosen: ItemFilter, sort: ItemSort, page: PageRequest
    ) -> tuple[list[tuple[KnowledgeItem, ItemStats]], int]:
        """A page of the chosen entries with what their uses came to, and how many are chosen."""
        given = (
            chosen.project,
            chosen.collection,
            chosen.origin,
            None if chosen.text is None else _pattern(chosen.text),
            chosen.retired,
            sort.by,
            sort.descending,
        )
        async with self._database.session() as session:
            start = (page.page - 1) * page.size
            rows = await session.fetch(self._queries.items, *given, page.size, start)
            # Rows tell how many there are; beyond the last page there are none.
            told = rows or await session.fetch(self._queries.items, *given, 1, 0)
        return [(knowledge_item(row), _stats(row)) for row in rows], _total(told)


def _pattern(text: str) -> str:
    """LIKE's pattern for what holds ``text``, word for word."""
    return "%" + re.sub(r"([\\%_])", r"\\\1", text) + "%"


def _order(sort: InteractionSort) -> str:
    """What is in the ``ORDER BY``: constants of ours, whatever was asked for."""
    way = "DESC" if sort.descending else "ASC"
    by_time = f"facts.created_at {way}, facts.interaction_id {way}"
    if sort.by is InteractionOrder.CREATED_AT:
        return by_time
    return f"facts.{sort.by.value} {way} NULLS LAST, {by_time}"


def _total(rows: Sequence[Row]) -> int:
    return rows[0]["total"] if rows else 0


def _interaction(row: Row, high_value: float) -> InteractionRow:
    outcome, value = row["outcome"], row["value_score"]
    return InteractionRow(
        id=str(row["interaction_id"]),
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
