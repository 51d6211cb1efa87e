"""What recorded attempts and outcomes tell about models, on a real Postgres."""

from __future__ import annotations

import pytest

from hybrid_coordinator.domain.evidence import Observation
from hybrid_coordinator.domain.interactions import (
    AgentType,
    NewInteraction,
    Outcome,
    OutcomeKind,
)
from hybrid_coordinator.domain.reply import Attempt, AttemptLog
from hybrid_coordinator.domain.route import Complexity, TaskType, Tier
from hybrid_coordinator.storage.postgres.attempts import RouteAttempts
from hybrid_coordinator.storage.postgres.database import Database
from hybrid_coordinator.storage.postgres.interactions import InteractionRecords

QUESTION = (TaskType.QUESTION, Complexity.SIMPLE)


def attempt(model: str, confidence: float | None, outcome: str = "ok") -> Attempt:
    return Attempt(model, "e", Tier.LOCAL_FAST, 10, confidence, outcome)


def log(*attempts: Attempt) -> AttemptLog:
    return AttemptLog(*QUESTION, attempts)


def new(model: str) -> NewInteraction:
    return NewInteraction("shop", "q", "r", AgentType.LOCAL, model)


async def test_a_check_is_evidence_in_part_and_the_newest_comes_first(database: Database) -> None:
    records = InteractionRecords(database)
    await records.add(new("b"), log(attempt("a", 0.25, "low_confidence"), attempt("b", 0.75)))
    await records.add(new("a"), log(attempt("a", 0.5)))
    await records.add(new("claude"))
    assert await RouteAttempts(database).evidence(10) == [
        Observation("a", *QUESTION, 0.5, 0.3),
        Observation("b", *QUESTION, 0.75, 0.3),
        Observation("a", *QUESTION, 0.25, 0.3),
    ]
    assert await RouteAttempts(database).evidence(1) == [Observation("a", *QUESTION, 0.5, 0.3)]


@pytest.mark.parametrize(
    ("outcome", "success"),
    [
        (Outcome(OutcomeKind.SUCCESS), 1.0),
        (Outcome(OutcomeKind.PARTIAL), 0.5),
        (Outcome(OutcomeKind.FAILURE, 1), 0.0),
        (Outcome(OutcomeKind.UNKNOWN, 1), 1.0),
        (Outcome(OutcomeKind.UNKNOWN, -1), 0.0),
    ],
)
async def test_the_latest_outcome_counts_in_full_for_the_attempt_that_answered(
    database: Database, outcome: Outcome, success: float
) -> None:
    records = InteractionRecords(database)
    stored = await records.add(
        new("b"), log(attempt("a", 0.9), attempt("b", 0.4, "low_confidence"), attempt("b", 0.8))
    )
    await records.set_outcome(stored, Outcome(OutcomeKind.PARTIAL, -1), 0.5, {})
    await records.set_outcome(stored, outcome, 0.5, {})
    assert await RouteAttempts(database).evidence(10) == [
        Observation("b", *QUESTION, success, 1.0),
        Observation("b", *QUESTION, 0.4, 0.3),
        Observation("a", *QUESTION, 0.9, 0.3),
    ]


async def test_an_unknown_outcome_tells_nothing_more_than_the_check(database: Database) -> None:
    records = InteractionRecords(database)
    stored = await records.add(new("a"), log(attempt("a", 0.8)))
    await records.set_outcome(stored, Outcome(OutcomeKind.UNKNOWN), 0.5, {})
    assert await RouteAttempts(database).evidence(10) == [Observation("a", *QUESTION, 0.8, 0.3)]


async def test_being_away_is_no_failure_of_quality_but_an_unusable_reply_is(
    database: Database,
) -> None:
    attempts = RouteAttempts(database)
    failed = log(
        attempt("a", None, "ModelUnavailableError"),
        attempt("b", None, "ModelReplyError"),
        attempt("c", None, "BudgetExceededError"),
    )
    await attempts.add("shop", failed)
    assert await attempts.evidence(10) == [Observation("b", *QUESTION, 0.0, 0.3)]
