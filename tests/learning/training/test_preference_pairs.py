"""Preference pairs: which failed answer a good one is preferred to."""

from __future__ import annotations

import json
from pathlib import Path

from hybrid_coordinator.learning.training.generating import TrainingData
from hybrid_coordinator.storage.postgres.database import Database
from tests.learning.training.conftest import Row, fill, lines, provenance

TASK = "Why does the nightly import of invoices stop after the third file on the new server?"
NEARLY = f"Please tell: {TASK}"


async def pairs(
    training_data: TrainingData, database: Database, folder: Path, rows: list[Row]
) -> tuple[list[tuple[str, str, str]], dict[str, int]]:
    """(prompt, chosen, rejected) of every pair, and what was dropped."""
    await fill(database, rows)
    report = await training_data.generate("dpo", min_value=0.7, output_dir=folder)
    found = [
        (
            pair["prompt"][0]["content"],
            pair["chosen"][-1]["content"],
            pair["rejected"][-1]["content"],
        )
        for pair in lines(report)
    ]
    return found, dict(report.dropped)


def failed(query: str, response: str, **more: object) -> Row:
    return Row(query, response, "failure", 0.1, **more)


async def test_the_latest_failed_answer_to_the_same_task(
    training_data: TrainingData, database: Database, tmp_path: Path
) -> None:
    rows = [
        failed("Fix  the build", "delete it"),
        Row("fix the build", "pin the version"),
        failed("fix the build", "ignore it"),
        Row("never failed", "fine"),
        failed("same", "try again"),
        Row("same", "try  again"),
    ]
    found, dropped = await pairs(training_data, database, tmp_path, rows)
    assert found == [("fix the build", "pin the version", "ignore it")]
    assert dropped == {"no_pair": 1, "same_answer": 1}


async def test_a_failed_answer_to_nearly_the_same_task(
    training_data: TrainingData, database: Database, tmp_path: Path
) -> None:
    rows = [failed(NEARLY, "The disk is full."), Row(TASK, "It runs out of file handles.")]
    found, dropped = await pairs(training_data, database, tmp_path, rows)
    assert found == [(TASK, "It runs out of file handles.", "The disk is full.")]
    assert dropped == {}


async def test_the_same_task_comes_before_nearly_the_same(
    training_data: TrainingData, database: Database, tmp_path: Path
) -> None:
    rows = [failed(TASK, "same"), failed(NEARLY, "nearly"), Row(TASK, "good")]
    found, _ = await pairs(training_data, database, tmp_path, rows)
    assert found == [(TASK, "good", "same")]


async def test_the_attempt_before_it_in_the_same_session(
    training_data: TrainingData, database: Database, tmp_path: Path
) -> None:
    asked = "make the login test pass"
    again = "please make the login test pass on CI too"
    rows = [
        failed(asked, "I skipped it.", session="s"),
        failed("rename the button", "Renamed it to null.", session="s"),
        failed(asked, "I deleted it.", session="other"),
        Row(again, "I waited for the redirect.", session="s"),
        failed("now make the login test pass, at last", "Later than that.", session="s"),
    ]
    found, _ = await pairs(training_data, database, tmp_path, rows)
    assert found == [(again, "I waited for the redirect.", "I skipped it.")]


async def test_a_failed_answer_that_is_no_text_is_passed_over(
    training_data: TrainingData, database: Database, tmp_path: Path
) -> None:
    rows = [
        failed("fix the build", "words, at least"),
        failed("fix the build now", "\ufffd\ufffd\x01\x02"),
        failed("fix the build", " "),
        failed("guess", "maybe", source="inferred", confidence=0.5),
        Row("fix the build", "pin the version"),
        Row("guess", "surely"),
    ]
    found, dropped = await pairs(training_data, database, tmp_path, rows)
    # Of one task only the latest failure is known by name; the others are near it.
    assert found == [("fix the build", "pin the version", "words, at least")]
    assert dropped == {"no_pair": 1}


async def test_what_was_done_stands_on_both_sides(
    training_data: TrainingData, database: Database, tmp_path: Path
) -> None:
    rows = [
        failed(
            "fix it", "Fixed.", model="llama3.2", steps=((1, "command", "pytest", 1, "1 failed"),)
        ),
        Row("fix it", "Fixed it.", steps=((1, "edit", "a.py", None, "+1"),)),
    ]
    bad, _ = await fill(database, rows)
    report = await training_data.generate("dpo", min_value=0.7, output_dir=tmp_path)
    (pair,) = lines(report)
    assert pair["rejected"][1]["content"] == "1 failed\nexit code 1"
    assert pair["chosen"][1]["content"] == "+1\ndone"
    assert [tool["function"]["name"] for tool in pair["tools"]] == ["run_command", "edit_file"]
    (told,) = provenance(report)
    assert (told["rejected_interaction_id"], told["rejected_model"]) == (bad, "llama3.2")
    manifest = json.loads((report.paths["train"].parent / "manifest.json").read_text("utf-8"))
    assert [(each["model"], each["examples"]) for each in manifest["models"]] == [
        ("llama3.2", 1),
        ("m", 1),
    ]
