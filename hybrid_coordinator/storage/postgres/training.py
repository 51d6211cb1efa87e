"""What training data is made of, read from the record as of one moment."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from hybrid_coordinator.domain.interactions import Outcome, OutcomeKind, OutcomeSource
from hybrid_coordinator.domain.training import Answer, Candidate, FailedAnswer, Failure, Place, Step
from hybrid_coordinator.domain.turns import Action, ActionKind
from hybrid_coordinator.storage.postgres.database import Database, Row, Session
from hybrid_coordinator.storage.postgres.queries import load_queries

_LOCK_SECONDS = 600.0
"""How long an export waits for the one before it."""


@dataclass(frozen=True, slots=True)
class _Queries:
    lock: str
    assigned: str
    assign: str
    candidates: str
    failures: str
    answers: str
    count_new: str


class TrainingRecords:
    """Exports of training data, and the splits that they gave."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._queries = load_queries("training", _Queries)

    @asynccontextmanager
    async def exporting(self) -> AsyncIterator[TrainingExport]:
        """The record for one export; another one, of any process, waits for its end."""
        async with self._database.transaction() as session:
            await session.execute(self._queries.lock, timeout=_LOCK_SECONDS)
            yield TrainingExport(session, self._database, self._queries)

    async def count_new(self, min_value: float, min_confidence: float) -> int:
        """How many successes of at least that value, and as sure as that, were recorded since the
        latest dataset of all projects."""
        count: int = await self._database.fetch_value(
            self._queries.count_new, min_value, min_confidence
        )
        return count


class TrainingExport:
    """The record while it is exported. Close iterators that are left early
    (``contextlib.aclosing``)."""

    def __init__(self, session: Session, database: Database, queries: _Queries) -> None:
        self._session = session
        self._database = database
        self._queries = queries

    async def assigned(self) -> AsyncGenerator[tuple[Place, str | None]]:
        """The places that earlier exports gave, with the session of each, oldest first."""
        async with aclosing(self._session.stream(self._queries.assigned)) as rows:
            async for row in rows:
                place = Place(row["split"], row["task_group"], row["signature"])
                yield place, row["session_id"]

    async def candidates(
        self, min_value: float, cut_reason: str, project: str | None = None
    ) -> AsyncGenerator[Candidate]:
        """Successes, and what has no known outcome, of at least that value, oldest first, of one
        project or of all. ``cut_reason`` is what attempts at the length limit say."""
        stream = self._session.stream(self._queries.candidates, min_value, cut_reason, project)
        async with aclosing(stream) as rows:
            async for row in rows:
                yield _candidate(row)

    async def failures(
        self, min_confidence: float, project: str | None = None
    ) -> AsyncGenerator[Failure]:
        """Failures that are as sure as that, oldest first, of one project or of all."""
        stream = self._session.stream(self._queries.failures, min_confidence, project)
        async with aclosing(stream) as rows:
            async for row in rows:
                identity = str(row["id"])
                yield Failure(identity, row["session_id"], row["query"], row["created_at"])

    async def answers(self, ids: Sequence[str]) -> dict[str, FailedAnswer]:
        """What was answered in these interactions, by id; those that are gone are left out."""
        rows = await self._database.fetch(self._queries.answers, [UUID(each) for each in ids])
        found = [
            FailedAnswer(str(row["id"]), row["model_used"], Answer(row["response"], _steps(row)))
            for row in rows
        ]
        return {each.interaction_id: each for each in found}

    async def assign(self, places: Sequence[tuple[str, Place]]) -> None:
        """Keep the places of these interactions, durably and at once: beside the transaction of
        the export, whose locks would hold up everyone who tells how an interaction went."""
        if not places:
            return
        await self._database.execute(
            self._queries.assign,
            [UUID(interaction) for interaction, _ in places],
            [place.split for _, place in places],
            [place.task_group for _, place in places],
            [place.signature for _, place in places],
        )


def _candidate(row: Row) -> Candidate:
    return Candidate(
        id=str(row["id"]),
        project=row["project"],
        session_id=row["session_id"],
        query=row["query"],
        answer=Answer(row["response"], _steps(row)),
        model_used=row["model_used"],
        created_at=row["created_at"],
        outcome=Outcome(
            OutcomeKind(row["outcome"]),
            row["user_feedback"],
            row["evidence"],
            OutcomeSource(row["source"]),
            row["confidence"],
        ),
        value=row["value_score"],
        cut=bool(row["cut"]),
        split=row["split"],
        task_group=row["task_group"],
    )


def _steps(row: Row) -> tuple[Step, ...]:
    return tuple(_step(action) for action in row["actions"] or ())


def _step(action: Mapping[str, Any]) -> Step:
    at = action["at"]
    return Step(
        action["position"],
        Action(
            kind=ActionKind(action["kind"]),
            subject=action["subject"],
            ok=action["ok"],
            exit_code=action["exit_code"],
            detail=action["detail"],
            at=None if at is None else datetime.fromisoformat(at),
        ),
    )
