"""Training data from the record: what goes in, what is dropped and why, and determinism."""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from hybrid_coordinator.domain.secrets import Scrubber
from hybrid_coordinator.errors import InvalidArgumentError, StorageError
from hybrid_coordinator.learning.datasets import DatasetReport, TrainingData
from hybrid_coordinator.learning.examples import split_of
from hybrid_coordinator.storage.postgres.bookkeeping import Datasets
from hybrid_coordinator.storage.postgres.database import Database
from hybrid_coordinator.storage.postgres.interactions import InteractionRecords

EPOCH = datetime(2026, 1, 1, tzinfo=UTC)
Row = tuple[str, str, str, float]
"""query, response, outcome, value"""


@pytest.fixture
def training_data(records: InteractionRecords, database: Database) -> TrainingData:
    return TrainingData(records, Datasets(database), Scrubber())


async def fill(database: Database, rows: Iterable[Row], start: int = 0) -> None:
    """Write interactions with their outcomes, a second apart, in two round trips."""
    numbered = [
        (uuid.uuid5(uuid.NAMESPACE_OID, str(n)), n, row) for n, row in enumerate(rows, start)
    ]
    await database.execute(
        "INSERT INTO interactions (id, project, query, response, agent_type, model_used,"
        " tokens_used, latency_ms, created_at)"
        " SELECT id, 'app', query, response, 'remote', 'm', 0, 0, created_at"
        " FROM unnest($1::uuid[], $2::text[], $3::text[], $4::timestamptz[])"
        " AS t (id, query, response, created_at)",
        [key for key, _, _ in numbered],
        [row[0] for _, _, row in numbered],
        [row[1] for _, _, row in numbered],
        [EPOCH + timedelta(seconds=n) for _, n, _ in numbered],
    )
    await database.execute(
        "INSERT INTO outcomes (interaction_id, outcome, user_feedback, value_score, components)"
        " SELECT id, outcome, 0, value, '{}'"
        " FROM unnest($1::uuid[], $2::text[], $3::double precision[]) AS t (id, outcome, value)",
        [key for key, _, _ in numbered],
        [row[2] for _, _, row in numbered],
        [row[3] for _, _, row in numbered],
    )


def lines(report: DatasetReport) -> list[dict[str, list[dict[str, str]]]]:
    return [
        json.loads(line)
        for path in report.paths.values()
        for line in path.read_text("utf-8").splitlines()
    ]


def names(directory: Path) -> list[str]:
    return [path.name for path in directory.iterdir()]


def many(count: int) -> list[Row]:
    return [(f"task {n}", f"answer {n}", "success", 0.9) for n in range(count)]


async def test_successes_of_enough_value_become_messages(
    training_data: TrainingData, database: Database, tmp_path: Path
) -> None:
    rows = [
        ("good", "yes", "success", 0.7),
        ("poor", "meh", "success", 0.69),
        ("bad", "no", "failure", 0.9),
        ("half", "so so", "partial", 0.9),
    ]
    await fill(database, rows)
    report = await training_data.generate("openai", min_value=0.7, output_dir=tmp_path)
    assert lines(report) == [
        {"messages": [{"role": "user", "content": "good"}, {"role": "assistant", "content": "yes"}]}
    ]
    assert report.counts[split_of("good")] == 1
    assert sum(report.counts.values()) == 1
    assert report.dropped == {}


async def test_ten_thousand_rows_without_a_page_limit_and_every_drop_has_a_reason(
    training_data: TrainingData, database: Database, tmp_path: Path
) -> None:
    rows = many(10_500)
    rows[3:3] = [("task 1", " answer   1\n", "success", 0.9), ("no answer", " ", "success", 0.9)]
    await fill(database, rows)
    report = await training_data.generate("openai", min_value=0.5, output_dir=tmp_path)
    assert report.dropped == {"duplicate": 1, "empty_response": 1}
    assert sum(report.counts.values()) == 10_500
    for split, path in report.paths.items():
        written = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
        assert len(written) == report.counts[split] > 900
        tasks = [example["messages"][0]["content"] for example in written]
        assert {split_of(task) for task in tasks} == {split}
        assert tasks == sorted(tasks, key=lambda task: int(task.split()[1]))


async def test_two_runs_give_the_same_bytes_and_new_rows_move_no_old_one(
    training_data: TrainingData, database: Database, tmp_path: Path
) -> None:
    await fill(database, many(300))
    first = await training_data.generate("sharegpt", min_value=0.7, output_dir=tmp_path / "a")
    again = await training_data.generate("sharegpt", min_value=0.7, output_dir=tmp_path / "b")
    assert first.sha256 == again.sha256
    content = b"".join(path.read_bytes() for path in first.paths.values())
    assert hashlib.sha256(content).hexdigest() == first.sha256
    assert again.paths["train"].parent.name == f"sharegpt-{first.sha256[:12]}"

    await fill(database, [(f"new {n}", "x", "success", 0.9) for n in range(100)], start=300)
    grown = await training_data.generate("sharegpt", min_value=0.7, output_dir=tmp_path / "a")
    assert grown.sha256 != first.sha256
    for split, path in first.paths.items():
        assert grown.paths[split].read_bytes().startswith(path.read_bytes())


async def test_pairs_of_a_failed_and_a_good_answer_to_the_same_task(
    training_data: TrainingData, database: Database, tmp_path: Path
) -> None:
    rows = [
        ("Fix  the build", "delete it", "failure", 0.1),
        ("fix the build", "pin the version", "success", 0.8),
        ("fix the build", "ignore it", "failure", 0.0),
        ("never failed", "fine", "success", 0.9),
        ("same", "try again", "failure", 0.0),
        ("same", "try  again", "success", 0.9),
    ]
    await fill(database, rows)
    report = await training_data.generate("dpo", min_value=0.7, output_dir=tmp_path)
    assert lines(report) == [
        {
            "prompt": [{"role": "user", "content": "fix the build"}],
            "chosen": [{"role": "assistant", "content": "pin the version"}],
            "rejected": [{"role": "assistant", "content": "ignore it"}],
        }
    ]
    assert report.dropped == {"no_pair": 1, "same_answer": 1}


async def test_max_examples_keeps_the_oldest_and_counts_the_rest(
    training_data: TrainingData, database: Database, tmp_path: Path
) -> None:
    await fill(database, many(50))
    report = await training_data.generate(
        "openai", min_value=0.7, output_dir=tmp_path, max_examples=20
    )
    assert sum(report.counts.values()) == 20
    assert report.dropped == {"over_max_examples": 30}
    tasks = {example["messages"][0]["content"] for example in lines(report)}
    assert tasks == {f"task {n}" for n in range(20)}


async def test_secrets_that_came_into_the_record_do_not_leave_it(
    training_data: TrainingData, database: Database, tmp_path: Path
) -> None:
    key = "AKIA" + "QWERTYUIOPASDFGH"
    rows = [
        (f"use {key}", "denied", "failure", 0.0),
        (f"use {key}", f'{{"id": "{key}", "url": "https://u:p4ssw0rd@h/"}}', "success", 0.9),
    ]
    await fill(database, rows)
    for layout in ("openai", "sharegpt", "dpo"):
        report = await training_data.generate(layout, min_value=0.7, output_dir=tmp_path)
        assert sum(report.counts.values()) == 1
        text = "".join(path.read_text("utf-8") for path in report.paths.values())
        assert key not in text
        assert "p4ssw0rd" not in text
        assert "use <SECRET:aws-access-key>" in text


async def test_the_export_is_noted(
    training_data: TrainingData, database: Database, tmp_path: Path
) -> None:
    await fill(database, many(10))
    report = await training_data.generate("openai", min_value=0.7, output_dir=tmp_path)
    (noted,) = await database.fetch("SELECT format, directory, examples, manifest FROM datasets")
    assert noted["format"] == "openai"
    assert Path(noted["directory"]) == report.paths["train"].parent
    assert noted["examples"] == 10
    assert noted["manifest"]["sha256"] == report.sha256
    assert noted["manifest"]["min_value"] == 0.7


async def test_nothing_to_export_is_an_empty_set(
    training_data: TrainingData, tmp_path: Path
) -> None:
    report = await training_data.generate("openai", min_value=0.7, output_dir=tmp_path)
    assert dict(report.counts) == {"train": 0, "validation": 0, "test": 0}
    assert lines(report) == []


async def test_bad_arguments_are_named_and_leave_nothing(
    training_data: TrainingData, database: Database, tmp_path: Path
) -> None:
    with pytest.raises(InvalidArgumentError, match=r"format: 'csv'.*openai, sharegpt, dpo"):
        await training_data.generate("csv", min_value=0.7, output_dir=tmp_path)
    (tmp_path / "file").write_text("")
    with pytest.raises(InvalidArgumentError, match=r"output_dir: .*file"):
        await training_data.generate("openai", min_value=0.7, output_dir=tmp_path / "file")
    assert names(tmp_path) == ["file"]
    assert await database.fetch_value("SELECT count(*) FROM datasets") == 0


async def test_a_record_that_refuses_leaves_no_files(
    training_data: TrainingData, database: Database, tmp_path: Path
) -> None:
    await fill(database, many(2000))
    await database.execute("DROP VIEW current_interactions")
    with pytest.raises(StorageError, match="current_interactions"):
        await training_data.generate("openai", min_value=0.7, output_dir=tmp_path)
    assert names(tmp_path) == []
