"""Sessions as they are looked at for failures, and the entries about an error."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from hybrid_coordinator.domain.episodes import Episode
from hybrid_coordinator.domain.interactions import Outcome, OutcomeKind, OutcomeSource
from hybrid_coordinator.domain.knowledge import KnowledgeItem
from hybrid_coordinator.storage.postgres.database import Database, Row
from hybrid_coordinator.storage.postgres.ids import parse_id, parse_ids
from hybrid_coordinator.storage.postgres.knowledge import knowledge_item
from hybrid_coordinator.storage.postgres.queries import load_queries
from hybrid_coordinator.storage.postgres.turns import action


@dataclass(frozen=True, slots=True)
class _Queries:
    unexamined: str
    around: str
    mark_examined: str
    sight: str
    entries: str


class FailureRecords:
    """What is read to learn from failures, and the mark that it was."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._queries = load_queries("failures", _Queries)

    async def unexamined(self, limit: int) -> list[str]:
        """The ids of interactions that nobody has looked at as they are now, oldest first."""
        rows = await self._database.fetch(self._queries.unexamined, limit)
        return [str(row["id"]) for row in rows]

    async def around(self, interaction_id: str, before: int, after: int) -> list[Episode]:
        """A part of a session, oldest first: an interaction with at most so many before and after
        it; nothing if it is unknown."""
        wanted = parse_id("interaction_id", interaction_id)
        rows = await self._database.fetch(self._queries.around, wanted, before, after)
        return [_episode(row) for row in rows]

    async def mark_examined(self, episodes: Sequence[Episode]) -> None:
        """Say that these were looked at as they were when they were read."""
        await self._database.execute(
            self._queries.mark_examined,
            parse_ids("episodes", [each.id for each in episodes]),
            [each.revision for each in episodes],
        )

    async def sight(self, signature: str, episodes: Sequence[Episode]) -> bool:
        """Note that an error came up in these episodes of one session; whether it did in another
        session of the project. The first such other one counts as not looked at yet."""
        elsewhere: bool = await self._database.fetch_value(
            self._queries.sight,
            parse_id("signature", signature),
            parse_ids("episodes", [each.id for each in episodes]),
        )
        return elsewhere

    async def entries(
        self, project: str, signatures: Sequence[str], ids: Sequence[str] = ()
    ) -> list[KnowledgeItem]:
        """The project's entries about errors of these signatures, and those of these ids, oldest
        first, also those out of use."""
        rows = await self._database.fetch(
            self._queries.entries, project, list(signatures), parse_ids("ids", ids)
        )
        return [knowledge_item(row) for row in rows]


def _episode(row: Row) -> Episode:
    return Episode(
        id=str(row["id"]),
        project=row["project"],
        query=row["query"],
        response=row["response"],
        created_at=row["created_at"],
        agent=row["agent"],
        interrupted=row["interrupted"],
        actions=tuple(action(each) for each in row["actions"] or ()),
        outcomes=tuple(
            Outcome(
                OutcomeKind(each["outcome"]),
                each["user_feedback"],
                each["evidence"],
                OutcomeSource(each["source"]),
                each["confidence"],
            )
            for each in row["outcomes"] or ()
        ),
        shown=tuple(str(each) for each in row["shown"] or ()),
        followed=tuple(str(each) for each in row["followed"] or ()),
        revision=row["revision"],
    )
