"""Small ledgers and totals, on a real Postgres."""

from __future__ import annotations

import json
import uuid

from hybrid_coordinator.domain.insights import ModelTotals, Totals
from hybrid_coordinator.domain.interactions import (
    AgentType,
    NewInteraction,
    Outcome,
    OutcomeKind,
)
from hybrid_coordinator.domain.items import CollectionName
from hybrid_coordinator.domain.knowledge import NewKnowledge
from hybrid_coordinator.domain.reply import Attempt, AttemptLog
from hybrid_coordinator.domain.route import Complexity, TaskType, Tier
from hybrid_coordinator.storage.postgres.bookkeeping import Datasets, Statistics
from hybrid_coordinator.storage.postgres.database import Database
from hybrid_coordinator.storage.postgres.interactions import InteractionRecords
from hybrid_coordinator.storage.postgres.knowledge import KnowledgeRecords
from hybrid_coordinator.storage.postgres.source_files import SourceFile, SourceFiles

CHUNK = str(uuid.uuid4())


async def test_a_dataset_keeps_its_manifest(database: Database) -> None:
    await Datasets(database).add("openai", "/d", 3, {"sha256": {"train": "x"}, "seed": [1]})
    (row,) = await database.fetch("SELECT format, directory, examples, manifest FROM datasets")
    assert tuple(row) == ("openai", "/d", 3, {"sha256": {"train": "x"}, "seed": [1]})
    stored = await database.fetch_value("SELECT manifest::text FROM datasets")
    assert json.loads(stored) == row["manifest"]


async def test_an_empty_record_has_no_rates(database: Database) -> None:
    assert await Statistics(database).totals(high_value=0.7) == Totals(
        interactions=0,
        outcomes=dict.fromkeys(OutcomeKind, 0),
        success_rate=None,
        high_value=0,
        tokens_local=0,
        tokens_remote=0,
        latency_p50_ms=None,
        latency_p95_ms=None,
        models=(),
        knowledge={},
        files=0,
        chunks=0,
        unprojected=0,
    )


async def fill(database: Database) -> None:
    """Two projects; the first with five interactions, one attempted locally."""
    interactions = InteractionRecords(database)
    attempts = AttemptLog(
        TaskType.QUESTION,
        Complexity.SIMPLE,
        (
            Attempt("small", "e", Tier.LOCAL_FAST, 10, 0.1, "low_confidence", 5, 6),
            Attempt("small", "e", Tier.LOCAL_FAST, 30, 0.9, "ok", 7, 8, cost_usd=None),
        ),
    )
    for latency, (kind, value) in enumerate(
        [
            (OutcomeKind.SUCCESS, 0.9),
            (OutcomeKind.SUCCESS, 0.7),
            (OutcomeKind.PARTIAL, 0.5),
            (OutcomeKind.UNKNOWN, 0.2),
        ]
    ):
        new = NewInteraction("shop", "q", "r", AgentType.REMOTE, "m", (), 100, latency * 100)
        stored = await interactions.add(new)
        await interactions.set_outcome(stored, Outcome(OutcomeKind.FAILURE), 0.0, {})
        await interactions.set_outcome(stored, Outcome(kind), value, {})
    local = NewInteraction("shop", "q", "r", AgentType.LOCAL, "small", (), 30, 0)
    done = await interactions.add(local, attempts)
    await interactions.mark_projected([(done, 1)], 1)
    await interactions.add(NewInteraction("till", "q", "r", AgentType.LOCAL, "m", (), 1, 1000))

    knowledge = KnowledgeRecords(database)
    for project in ("shop", "till"):
        new_entry = NewKnowledge(CollectionName.ERROR_SOLUTIONS, project, "t", "c")
        await knowledge.store(new_entry)
    await SourceFiles(database).put("shop", "/r", [SourceFile("a.py", "1", (CHUNK,))])


async def test_totals_of_a_project(database: Database) -> None:
    await fill(database)
    assert await Statistics(database).totals("shop", high_value=0.7) == Totals(
        interactions=5,
        outcomes={
            OutcomeKind.SUCCESS: 2,
            OutcomeKind.PARTIAL: 1,
            OutcomeKind.FAILURE: 0,
            OutcomeKind.UNKNOWN: 1,
        },
        success_rate=2.5 / 3,
        high_value=2,
        tokens_local=30,
        tokens_remote=400,
        latency_p50_ms=200,
        latency_p95_ms=300,
        models=(ModelTotals("small", "LOCAL_FAST", 2, 1, 12, 14, 0.0, 10, 30),),
        knowledge={"error-solutions": 1},
        files=1,
        chunks=1,
        unprojected=5,
    )


async def test_totals_of_everything(database: Database) -> None:
    await fill(database)
    totals = await Statistics(database).totals(high_value=0.95)
    assert (totals.interactions, totals.tokens_local, totals.high_value) == (6, 31, 0)
    assert (totals.latency_p95_ms, totals.knowledge) == (1000, {"error-solutions": 2})
    assert totals.unprojected == 7
