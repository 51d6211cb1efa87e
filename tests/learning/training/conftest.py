"""A record with interactions as training data wants them."""

from __future__ import annotations

import json
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from hybrid_coordinator.domain.secrets import Scrubber
from hybrid_coordinator.learning.training.generating import DatasetReport, TrainingData
from hybrid_coordinator.storage.postgres.bookkeeping import Datasets
from hybrid_coordinator.storage.postgres.database import Database
from hybrid_coordinator.storage.postgres.training import TrainingRecords
from tests.support.llama_server import llama_server, tiny_model

__all__ = ["llama_server", "tiny_model"]  # fixtures

EPOCH = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Row:
    """An interaction; ``steps`` are (position, kind, subject, exit code, detail)."""

    query: str
    response: str = "done"
    outcome: str = "success"
    value: float = 0.9
    session: str | None = None
    model: str = "m"
    project: str = "app"
    source: str = "stated"
    confidence: float = 1.0
    steps: tuple[tuple[int, str, str, int | None, str], ...] = ()


@pytest.fixture
def training_data(database: Database) -> TrainingData:
    return TrainingData(TrainingRecords(database), Datasets(database), Scrubber())


async def fill(database: Database, rows: Sequence[Row], start: int = 0) -> list[str]:
    """Write interactions a second apart; returns their ids."""
    ids = [uuid.uuid5(uuid.NAMESPACE_OID, str(n)) for n in range(start, start + len(rows))]
    await database.execute(
        "INSERT INTO interactions (id, project, session_id, query, response, agent_type,"
        " model_used, tokens_used, latency_ms, created_at)"
        " SELECT id, project, session, query, response, 'remote', model, 0, 0, created_at"
        " FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[],"
        " $7::timestamptz[]) AS t (id, project, session, query, response, model, created_at)",
        ids,
        [row.project for row in rows],
        [row.session for row in rows],
        [row.query for row in rows],
        [row.response for row in rows],
        [row.model for row in rows],
        [EPOCH + timedelta(seconds=start + n) for n in range(len(rows))],
    )
    await database.execute(
        "INSERT INTO outcomes (interaction_id, outcome, user_feedback, value_score, components,"
        " source, confidence)"
        " SELECT id, outcome, 0, value, '{}', source, confidence"
        " FROM unnest($1::uuid[], $2::text[], $3::float8[], $4::text[], $5::float8[])"
        " AS t (id, outcome, value, source, confidence)",
        ids,
        [row.outcome for row in rows],
        [row.value for row in rows],
        [row.source for row in rows],
        [row.confidence for row in rows],
    )
    await database.execute_many(
        "INSERT INTO actions (interaction_id, position, kind, subject, exit_code, ok, detail)"
        " VALUES ($1, $2, $3, $4, $5, $6, $7)",
        [
            (key, position, kind, subject, code, not code, detail)
            for key, row in zip(ids, rows, strict=True)
            for position, kind, subject, code, detail in row.steps
        ],
    )
    return [str(key) for key in ids]


def lines(report: DatasetReport) -> list[dict[str, Any]]:
    """All examples, split after split."""
    return [line for split in report.paths for line in split_lines(report, split)]


def split_lines(report: DatasetReport, split: str) -> list[dict[str, Any]]:
    """The examples of one split."""
    return [json.loads(line) for line in report.paths[split].read_text("utf-8").splitlines()]


def provenance(report: DatasetReport) -> list[dict[str, Any]]:
    """Where the examples come from."""
    file = report.paths["train"].parent / "provenance.jsonl"
    return [json.loads(line) for line in file.read_text("utf-8").splitlines()]


def names(directory: Path) -> list[str]:
    """What a directory holds."""
    return [path.name for path in directory.iterdir()]
