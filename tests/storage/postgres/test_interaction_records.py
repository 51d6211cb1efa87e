"""The ledger of interactions, on a real Postgres."""

from __future__ import annotations

import asyncio
import uuid
from dataclasses import asdict, replace

import pytest

from hybrid_coordinator.domain.interactions import (
    AgentType,
    Exposure,
    NewInteraction,
    Outcome,
    OutcomeKind,
    OutcomeSource,
)
from hybrid_coordinator.domain.reply import AnswerChecks, Attempt, AttemptLog
from hybrid_coordinator.domain.route import Complexity, TaskType, Tier
from hybrid_coordinator.errors import InvalidArgumentError, NotFoundError
from hybrid_coordinator.storage.postgres.attempts import RouteAttempts
from hybrid_coordinator.storage.postgres.database import Database
from hybrid_coordinator.storage.postgres.failures import FailureRecords
from hybrid_coordinator.storage.postgres.interactions import (
    InteractionRecords,
    Standing,
)

A, B, C = (str(uuid.uuid5(uuid.NAMESPACE_OID, name)) for name in "abc")
SUCCESS = Outcome(OutcomeKind.SUCCESS)
UNKNOWN_ID = "0198c5a2-7b1e-7c3d-8f00-0123456789ab"


def new(**changes: object) -> NewInteraction:
    values: dict[str, object] = {
        "project": "shop",
        "query": "why does the login fail?",
        "response": "the clock is off",
        "agent_type": AgentType.REMOTE,
        "model_used": "claude",
    }
    return NewInteraction(**(values | changes))  # type: ignore[arg-type]


@pytest.fixture
def records(database: Database) -> InteractionRecords:
    return InteractionRecords(database)


async def test_an_interaction_comes_back_as_it_was_stored(records: InteractionRecords) -> None:
    offered = new(
        query='naïve 🙂 "quoted" \\ line\nbreak',
        context_ids=(B, A),
        tokens_used=1234,
        latency_ms=56,
        session_id="s-1",
    )
    stored = await records.get(await records.add(offered))
    assert (stored.query, stored.response) == (offered.query, offered.response)
    assert (stored.project, stored.session_id) == ("shop", "s-1")
    assert (stored.agent_type, stored.model_used) == (AgentType.REMOTE, "claude")
    assert (stored.tokens_used, stored.latency_ms) == (1234, 56)
    assert stored.context_provided == 2
    assert stored.outcome is None
    assert stored.value_score is None
    assert stored.created_at.tzinfo is not None
    assert await records.exposures(stored.id) == [Exposure(B, 1), Exposure(A, 2)]


async def test_an_item_shown_twice_counts_once_at_its_better_rank(
    records: InteractionRecords,
) -> None:
    stored = await records.add(new(context_ids=(A, B, A.upper(), C)))
    assert await records.exposures(stored) == [Exposure(A, 1), Exposure(B, 2), Exposure(C, 3)]


async def test_ids_are_time_ordered_uuids(records: InteractionRecords) -> None:
    ids = [await records.add(new()) for _ in range(20)]
    assert ids == sorted(ids)
    assert {uuid.UUID(text).version for text in ids} == {7}


async def test_attempts_are_stored_with_the_interaction(
    records: InteractionRecords, database: Database
) -> None:
    checks = AnswerChecks(format=1.0, completeness=0.3, coherence=1.0)
    tried = AttemptLog(
        TaskType.EDIT,
        Complexity.SIMPLE,
        (
            Attempt(
                "small",
                "http://127.0.0.1:8080",
                Tier.LOCAL_FAST,
                40,
                0.2,
                "low_confidence",
                tokens_in=10,
                tokens_out=5,
                first_token_ms=7,
                tokens_per_second=12.5,
                checks=checks,
                reason="it is cut",
                rule="simple tasks",
            ),
            Attempt(
                "big",
                "https://api.example",
                Tier.API_FALLBACK,
                900,
                None,
                "ok",
                tokens_in=10,
                tokens_out=50,
                cost_usd=None,
                remote=True,
            ),
        ),
    )
    stored = await records.add(new(), tried)
    rows = await database.fetch(
        "SELECT * FROM route_attempts WHERE interaction_id = $1 ORDER BY position",
        uuid.UUID(stored),
    )
    kept = ("position", "model", "tier", "latency_ms", "confidence", "outcome", "cost_usd")
    assert [tuple(row[name] for name in kept) for row in rows] == [
        (1, "small", "LOCAL_FAST", 40, 0.2, "low_confidence", 0.0),
        (2, "big", "API_FALLBACK", 900, None, "ok", None),
    ]
    assert [(row["tokens_in"], row["tokens_out"]) for row in rows] == [(10, 5), (10, 50)]
    assert {(row["project"], row["task_type"], row["complexity"]) for row in rows} == {
        ("shop", "edit", "simple")
    }
    kept = ("remote", "first_token_ms", "tokens_per_second", "checks", "reason", "rule")
    assert [tuple(row[name] for name in kept) for row in rows] == [
        (False, 7, 12.5, asdict(checks), "it is cut", "simple tasks"),
        (True, None, None, None, "", ""),
    ]


async def test_attempts_are_stored_without_an_interaction(database: Database) -> None:
    failed = Attempt("small", "e", Tier.LOCAL_FAST, 40, None, "ModelReplyError", reason="gone")
    log = AttemptLog(TaskType.EDIT, Complexity.SIMPLE, (failed, failed))

    await RouteAttempts(database).add("shop", log)

    rows = await database.fetch("SELECT * FROM route_attempts ORDER BY position")
    assert [(row["position"], row["project"], row["reason"]) for row in rows] == [
        (1, "shop", "gone"),
        (2, "shop", "gone"),
    ]
    assert [row["interaction_id"] for row in rows] == [None, None]


async def test_nothing_is_stored_of_an_interaction_with_a_bad_part(
    records: InteractionRecords, database: Database
) -> None:
    bad = Attempt("m", "e", Tier.LOCAL_FAST, -1, None, "ok")
    log = AttemptLog(TaskType.EDIT, Complexity.SIMPLE, (bad,))
    with pytest.raises(InvalidArgumentError, match="latency_ms"):
        await records.add(new(context_ids=(A,)), log)
    assert await database.fetch_value("SELECT count(*) FROM interactions") == 0
    assert await database.fetch_value("SELECT count(*) FROM exposures") == 0


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"context_ids": ("nonsense",)}, "context_ids.*nonsense"),
        ({"tokens_used": -1}, "tokens_used"),
        ({"tokens_used": 2**40}, "value"),
        ({"response": "a\0b"}, "NUL"),
        ({"response": "half a \ud83d pair"}, "value"),
    ],
)
async def test_a_bad_value_is_named(
    records: InteractionRecords, changes: dict[str, object], named: str
) -> None:
    with pytest.raises(InvalidArgumentError, match=named):
        await records.add(new(**changes))


async def test_many_come_in_the_order_asked_for(records: InteractionRecords) -> None:
    first, second = await records.add(new()), await records.add(new())
    found = await records.get_many([second, UNKNOWN_ID, first])
    assert [interaction.id for interaction in found] == [second, first]


async def test_unknown_ids_are_errors(records: InteractionRecords) -> None:
    with pytest.raises(NotFoundError, match=UNKNOWN_ID):
        await records.get(UNKNOWN_ID)
    with pytest.raises(NotFoundError, match=UNKNOWN_ID):
        await records.set_outcome(UNKNOWN_ID, SUCCESS, 0.5, {})
    with pytest.raises(InvalidArgumentError, match="interaction_id"):
        await records.get("17")


async def test_the_latest_outcome_is_the_outcome(records: InteractionRecords) -> None:
    stored = await records.add(new())
    failure = Outcome(OutcomeKind.FAILURE, -1, "pytest exited with 1")
    assert await records.set_outcome(stored, failure, 0.1, {"outcome": 0.0})
    assert await records.set_outcome(stored, SUCCESS, 0.9, {"outcome": 1.0})
    interaction = await records.get(stored)
    assert (interaction.outcome, interaction.value_score) == (SUCCESS, 0.9)
    assert await records.set_outcome(stored, failure, 0.1, {})
    assert (await records.get(stored)).outcome == failure


async def test_the_same_outcome_again_changes_nothing(
    records: InteractionRecords, database: Database
) -> None:
    stored = await records.add(new())
    assert await records.set_outcome(stored, SUCCESS, 0.9, {})
    await records.mark_projected([(stored, 2)], 1)
    assert not await records.set_outcome(stored, SUCCESS, 0.8, {"other": 1.0})
    assert (await records.get(stored)).value_score == 0.9
    assert await records.count_unprojected() == 0
    for changed in (
        Outcome(OutcomeKind.PARTIAL),
        Outcome(OutcomeKind.PARTIAL, 1),
        Outcome(OutcomeKind.PARTIAL, 1, "exit 0"),
    ):
        assert await records.set_outcome(stored, changed, 0.9, {})
    assert await database.fetch_value("SELECT count(*) FROM outcomes") == 4


async def test_an_outcome_repeated_without_evidence_changes_nothing(
    records: InteractionRecords, database: Database
) -> None:
    stored = await records.add(new())
    proven = Outcome(OutcomeKind.SUCCESS, 1, "exit 0")
    assert await records.set_outcome(stored, proven, 0.9, {})
    assert not await records.set_outcome(stored, Outcome(OutcomeKind.SUCCESS, 1), 0.9, {})
    assert (await records.get(stored)).outcome == proven
    assert await records.set_outcome(stored, SUCCESS, 0.9, {})  # other feedback
    assert await records.set_outcome(stored, Outcome(OutcomeKind.SUCCESS, 0, "exit 0"), 0.9, {})
    assert await database.fetch_value("SELECT count(*) FROM outcomes") == 3


async def test_the_same_outcome_from_many_callers_at_once_is_appended_once(
    records: InteractionRecords, database: Database
) -> None:
    stored = await records.add(new())
    appended = await asyncio.gather(
        *(records.set_outcome(stored, SUCCESS, 0.9, {}) for _ in range(10))
    )
    assert sum(appended) == 1
    assert await database.fetch_value("SELECT count(*) FROM outcomes") == 1


@pytest.mark.parametrize(
    ("outcome", "value"), [(Outcome(OutcomeKind.SUCCESS, 2), 0.5), (SUCCESS, 1.5)]
)
async def test_an_outcome_out_of_bounds_is_refused(
    records: InteractionRecords, outcome: Outcome, value: float
) -> None:
    stored = await records.add(new())
    with pytest.raises(InvalidArgumentError):
        await records.set_outcome(stored, outcome, value, {})
    assert (await records.get(stored)).outcome is None


async def test_the_value_of_the_latest_outcome_comes_with_its_components(
    records: InteractionRecords,
) -> None:
    stored = await records.add(new())
    assert await records.standing(stored, 5) == Standing(await records.get(stored), None, {})
    await records.set_outcome(stored, SUCCESS, 0.9, {"outcome": 1.0, "novelty": 0.25})
    await records.set_outcome(stored, Outcome(OutcomeKind.FAILURE), 0.1, {"outcome": 0.0})
    standing = await records.standing(stored, 5)
    assert standing == Standing(await records.get(stored), {"outcome": 0.0}, {})
    assert standing.interaction.value_score == 0.1
    with pytest.raises(NotFoundError, match=A):
        await records.standing(A, 5)


async def test_recent_queries_are_of_the_same_project_and_before(
    records: InteractionRecords,
) -> None:
    first, second = await records.add(new(query="one")), await records.add(new(query="two"))
    await records.add(new(project="other", query="elsewhere"))
    third = await records.add(new(query="three"))
    await records.add(new(query="four"))
    assert list((await records.standing(third, 10)).recent.items()) == [
        (second, "two"),
        (first, "one"),
    ]
    assert (await records.standing(third, 1)).recent == {second: "two"}
    assert (await records.standing(third, 0)).recent == {}
    assert (await records.standing(first, 10)).recent == {}


async def test_pages_cover_every_interaction_once(records: InteractionRecords) -> None:
    stored = [await records.add(new()) for _ in range(5)]
    first = await records.page(None, 3)
    second = await records.page(first[-1].id, 3)
    assert [interaction.id for interaction in [*first, *second]] == stored
    assert await records.page(stored[-1], 3) == []


async def test_what_changed_waits_to_be_projected(records: InteractionRecords) -> None:
    first, second = await records.add(new()), await records.add(new())
    waiting = await records.unprojected(10)
    assert [(interaction.id, revision) for interaction, revision in waiting] == [
        (first, 1),
        (second, 1),
    ]
    assert [interaction.id for interaction, _ in await records.unprojected(1)] == [first]
    await records.mark_projected([(first, 1), (second, 1)], 1)
    assert await records.count_unprojected() == 0
    await records.set_outcome(first, SUCCESS, 0.9, {})
    ((interaction, revision),) = await records.unprojected(10)
    assert (interaction.id, interaction.outcome, revision) == (first, SUCCESS, 2)


async def test_a_projection_of_an_old_revision_does_not_hide_a_new_one(
    records: InteractionRecords,
) -> None:
    stored = await records.add(new())
    await records.set_outcome(stored, SUCCESS, 0.9, {})
    await records.mark_projected([(stored, 1)], 1)
    assert await records.count_unprojected() == 1
    await records.mark_projected([(stored, 2)], 1)
    await records.mark_projected([(stored, 1)], 1)
    assert await records.count_unprojected() == 0


async def test_a_reindex_is_not_undone_by_a_projection_under_way(
    records: InteractionRecords,
) -> None:
    stored = await records.add(new())
    ((_, revision),) = await records.unprojected(1)
    await records.mark_all_unprojected()
    await records.mark_projected([(stored, revision)], 1)
    assert await records.count_unprojected() == 1


async def test_item_stats_follow_the_latest_outcomes(records: InteractionRecords) -> None:
    async def seen(*items: str) -> dict[str, tuple[int, float | None]]:
        stats = await records.item_stats(items)
        return {item: (one.uses, one.success_rate) for item, one in stats.items()}

    shown = [await records.add(new(context_ids=(A, B))) for _ in range(3)]
    shown.append(await records.add(new(context_ids=(A,))))
    assert await seen(A, B, C) == {A: (4, None), B: (3, None)}
    kinds = (OutcomeKind.SUCCESS, OutcomeKind.PARTIAL, OutcomeKind.UNKNOWN, OutcomeKind.FAILURE)
    for interaction, kind in zip(shown, kinds, strict=True):
        await records.set_outcome(interaction, Outcome(kind), 0.5, {})
    assert await seen(A, B) == {A: (4, 0.5), B: (3, 0.75)}
    await records.set_outcome(shown[0], Outcome(OutcomeKind.FAILURE), 0.5, {})
    assert await seen(B) == {B: (3, 0.25)}
    assert await seen() == {}


async def test_what_was_inferred_never_takes_the_place_of_what_was_stated(
    records: InteractionRecords,
) -> None:
    stored = await records.add(new())
    guess = Outcome(OutcomeKind.FAILURE, 0, "exit 1", OutcomeSource.INFERRED, 0.6)
    assert await records.set_outcome(stored, guess, 0.1, {})
    assert (await records.get(stored)).outcome == guess
    surer = replace(guess, confidence=0.9)
    assert await records.set_outcome(stored, surer, 0.1, {})
    said = Outcome(OutcomeKind.FAILURE)
    assert await records.set_outcome(stored, said, 0.1, {})
    assert not await records.set_outcome(stored, guess, 0.1, {})
    assert (await records.get(stored)).outcome == said


async def test_a_mark_that_can_be_made_again_does_not_wait_for_the_disk(
    records: InteractionRecords, database: Database
) -> None:
    stored = uuid.UUID(await records.add(new()))
    show = "SHOW synchronous_commit"
    for sql, *more in (
        (records._queries.mark_projected, 1),
        (FailureRecords(database)._queries.mark_examined,),
    ):
        async with database.session() as session:
            async with session.transaction():
                await session.execute(sql, [stored], [1], *more)
                assert await session.fetch_value(show) == "off"
            assert await session.fetch_value(show) == "on"
