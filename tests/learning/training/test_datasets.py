"""Training data from the record: what goes in, that it adds up, and determinism."""

from __future__ import annotations

import asyncio
import hashlib
import json
from pathlib import Path

import pytest

from hybrid_coordinator.errors import InvalidArgumentError, StorageError
from hybrid_coordinator.learning.training.examples import split_of, task_key
from hybrid_coordinator.learning.training.generating import TrainingData
from hybrid_coordinator.storage.postgres.database import Database
from tests.learning.training.conftest import Row, fill, lines, names, provenance, split_lines

SPLITS = ("train", "validation", "test")


def many(count: int) -> list[Row]:
    return [Row(f"task {n}", f"answer {n}") for n in range(count)]


async def test_successes_of_enough_value_become_messages(
    training_data: TrainingData, database: Database, tmp_path: Path
) -> None:
    rows = [
        Row("good", "yes", value=0.7),
        Row("poor", "meh", value=0.69),
        Row("bad", "no", "failure"),
        Row("half", "so so", "partial"),
    ]
    await fill(database, rows)
    report = await training_data.generate("openai", min_value=0.7, output_dir=tmp_path)
    assert lines(report) == [
        {"messages": [{"role": "user", "content": "good"}, {"role": "assistant", "content": "yes"}]}
    ]
    assert dict(report.counts) == {"train": 1, "validation": 0, "test": 0}
    assert report.dropped == {}


async def test_a_dataset_of_one_project_has_nothing_of_others(
    training_data: TrainingData, database: Database, tmp_path: Path
) -> None:
    rows = [
        Row("good", "yes", project="shop"),
        Row("good", "yes", project="site"),  # a duplicate of what is not in it
        Row("empty", " ", project="site"),
        Row("other", " ", project="shop"),
        Row("other", "no", "failure", project="shop"),
    ]
    await fill(database, rows)
    found = [
        await training_data.generate("openai", min_value=0.5, output_dir=tmp_path, project=each)
        for each in (None, "site", "shop", "nowhere")
    ]
    assert [sum(report.counts.values()) for report in found] == [1, 1, 1, 0]
    assert [dict(report.dropped) for report in found] == [
        {"duplicate": 1, "empty_response": 2},
        {"empty_response": 1},
        {"empty_response": 1},
        {},
    ]
    manifests = [
        json.loads((report.paths["train"].parent / "manifest.json").read_text()) for report in found
    ]
    assert [each["project"] for each in manifests] == [None, "site", "shop", "nowhere"]
    assert [each["projects"] for each in manifests] == [{"shop": 1}, {"site": 1}, {"shop": 1}, {}]
    assert [each["candidates"] for each in manifests] == [4, 2, 2, 0]
    card = (found[1].paths["train"].parent / "README.md").read_text()
    assert "Candidates are interactions of project site," in card


async def test_preferences_of_one_project_are_to_its_own_failures(
    training_data: TrainingData, database: Database, tmp_path: Path
) -> None:
    rows = [
        Row("fix the build", "Delete the lock file.", "failure", project="shop"),
        Row("fix the build", "Pin the version.", project="site"),
    ]
    await fill(database, rows)
    report = await training_data.generate("dpo", min_value=0.5, output_dir=tmp_path, project="site")
    assert dict(report.dropped) == {"no_pair": 1}


async def test_ten_thousand_rows_without_a_page_limit_and_every_drop_has_a_reason(
    training_data: TrainingData, database: Database, tmp_path: Path
) -> None:
    rows = many(10_500)
    rows[3:3] = [Row("task 1", " answer   1\n"), Row("no answer", " ")]
    await fill(database, rows)
    report = await training_data.generate("openai", min_value=0.5, output_dir=tmp_path)
    assert report.dropped == {"duplicate": 1, "empty_response": 1}
    assert sum(report.counts.values()) == 10_500
    for split in SPLITS:
        written = split_lines(report, split)
        assert len(written) == report.counts[split] > 900
        tasks = [example["messages"][0]["content"] for example in written]
        # "task 0" is the first of all, and so in training.
        assert {split_of(task_key(task)) for task in tasks if task != "task 0"} == {split}
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

    await fill(database, [Row(f"new {n}", "x") for n in range(100)], start=300)
    grown = await training_data.generate("sharegpt", min_value=0.7, output_dir=tmp_path / "a")
    assert grown.sha256 != first.sha256
    for split, path in first.paths.items():
        assert grown.paths[split].read_bytes().startswith(path.read_bytes())


async def test_what_was_left_out_of_its_split_makes_no_duplicate_of_the_next(
    training_data: TrainingData, database: Database, tmp_path: Path
) -> None:
    testing = next(f"task {n}" for n in range(99) if split_of(task_key(f"task {n}")) == "test")
    answer = " ".join(f"word{n}" for n in range(60))
    rows = [
        Row("opening", "yes"),
        Row(testing, "one", session="s"),
        Row("opening", answer, session="s"),  # of a training task, in a session of the test split
        Row("opening", answer),
        Row("opening", answer),
    ]
    ids = await fill(database, rows)
    report = await training_data.generate("openai", min_value=0.7, output_dir=tmp_path)
    assert [each["interaction_id"] for each in provenance(report)] == [ids[0], ids[1], ids[3]]
    assert report.dropped == {"duplicate": 1, "bridges_splits": 1}


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


@pytest.mark.parametrize("layout", ["openai", "sharegpt", "dpo"])
async def test_secrets_and_personal_data_that_came_into_the_record_do_not_leave_it(
    training_data: TrainingData, database: Database, tmp_path: Path, layout: str
) -> None:
    key = "AKIA" + "QWERTYUIOPASDFGH"
    step = (1, "command", f"AWS_ID={key} make /home/alice/app", 0, "mailed jane.doe@acme.io")
    rows = [
        Row(f"use {key}", "denied for bob@acme.io", "failure", 0.0),
        Row(f"use {key}", f'{{"id": "{key}", "url": "https://u:p4ssw0rd@h/"}}', steps=(step,)),
    ]
    await fill(database, rows)
    report = await training_data.generate(layout, min_value=0.7, output_dir=tmp_path)
    assert sum(report.counts.values()) == 1
    folder = report.paths["train"].parent
    text = "".join(path.read_text("utf-8") for path in folder.iterdir())
    for secret in (key, "p4ssw0rd", "alice", "jane", "bob@"):
        assert secret not in text
    assert "use <SECRET:aws-access-key>" in text
    assert "/home/<PERSONAL:user>/app" in text


async def test_the_export_is_noted(
    training_data: TrainingData, database: Database, tmp_path: Path
) -> None:
    await fill(database, [*many(10), Row("sorry", "I'm sorry, but I can't help with that.")])
    report = await training_data.generate("openai", min_value=0.7, output_dir=tmp_path)
    (noted,) = await database.fetch("SELECT format, directory, examples, manifest FROM datasets")
    directory = report.paths["train"].parent
    assert noted["format"] == "openai"
    assert Path(noted["directory"]) == directory
    assert noted["examples"] == 10
    assert noted["manifest"] == json.loads((directory / "manifest.json").read_text("utf-8"))
    assert noted["manifest"]["sha256"] == report.sha256
    assert noted["manifest"]["candidates"] == 11
    assert noted["manifest"]["dropped"] == {"refusal": 1}


async def test_each_example_says_where_it_comes_from_beside_the_files(
    training_data: TrainingData, database: Database, tmp_path: Path
) -> None:
    rows = [Row("one", model="qwen3", project="shop"), Row("two", " "), Row("three", value=0.75)]
    first, _, third = await fill(database, rows)
    report = await training_data.generate("openai", min_value=0.7, output_dir=tmp_path)
    told = provenance(report)
    assert [(each["interaction_id"], each["model"], each["value"]) for each in told] == [
        (first, "qwen3", 0.9),
        (third, "m", 0.75),
    ]
    assert told[0]["project"] == "shop"
    for each, task in zip(told, ("one", "three"), strict=True):
        example = split_lines(report, each["split"])[each["line"] - 1]
        assert example["messages"][0]["content"] == task
        assert set(example) == {"messages"}


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
    await database.execute(
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS"
        " $$ BEGIN RAISE EXCEPTION 'no more'; END $$;"
        " CREATE TRIGGER refuse BEFORE INSERT ON training_groups EXECUTE FUNCTION refuse()"
    )
    with pytest.raises(StorageError, match="no more"):
        await training_data.generate("openai", min_value=0.7, output_dir=tmp_path)
    assert names(tmp_path) == []


async def test_an_export_broken_off_leaves_no_files_and_the_next_one_is_whole(
    training_data: TrainingData, database: Database, tmp_path: Path
) -> None:
    await fill(database, many(500))
    export = asyncio.create_task(
        training_data.generate("openai", min_value=0.7, output_dir=tmp_path, progress=cancelling)
    )
    with pytest.raises(asyncio.CancelledError):
        await export
    assert names(tmp_path) == []
    # Some places were given by then, and hold.
    given = await database.fetch("SELECT interaction_id::text, split FROM training_groups")
    assert 0 < len(given) < 500
    report = await training_data.generate("openai", min_value=0.7, output_dir=tmp_path)
    assert sum(report.counts.values()) == 500
    told = {each["interaction_id"]: each["split"] for each in provenance(report)}
    assert {row["interaction_id"]: row["split"] for row in given}.items() <= told.items()


async def cancelling(read: int) -> None:
    """Progress that ends the task it is told in, once the places of a batch were given."""
    task = asyncio.current_task()
    assert task is not None
    if read > 200:
        task.cancel()
