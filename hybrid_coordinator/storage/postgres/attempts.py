"""Attempts in the record: what models were asked, and how they did."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from hybrid_coordinator.domain.evidence import Observation
from hybrid_coordinator.domain.knowledge import JsonValue
from hybrid_coordinator.domain.reply import AttemptLog
from hybrid_coordinator.domain.route import Complexity, TaskType
from hybrid_coordinator.storage.postgres.database import Database
from hybrid_coordinator.storage.postgres.queries import load_queries


@dataclass(frozen=True, slots=True)
class _Queries:
    add: str
    evidence: str


class RouteAttempts:
    """Attempts, each with or without the interaction that came of its call."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._queries = load_queries("attempts", _Queries)

    async def add(self, project: str, log: AttemptLog) -> None:
        """Store the attempts of a call that is no interaction: nothing came of it, or it came
        through the library."""
        await self._database.execute(
            self._queries.add, None, project, log.task_type, log.complexity, attempt_rows(log)
        )

    async def evidence(self, limit: int) -> list[Observation]:
        """What the latest attempts tell about their models, newest first; ``limit`` attempts are
        looked at."""
        rows = await self._database.fetch(self._queries.evidence, limit)
        return [
            Observation(
                model=row["model"],
                task_type=TaskType(row["task_type"]),
                complexity=Complexity(row["complexity"]),
                success=row["success"],
                weight=row["weight"],
            )
            for row in rows
        ]


def attempt_rows(log: AttemptLog | None) -> list[JsonValue]:
    """The attempts as the queries take them: JSON objects, in order."""
    return [asdict(attempt) for attempt in log.attempts] if log is not None else []
