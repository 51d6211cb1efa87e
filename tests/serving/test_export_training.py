"""`export training`: where a dataset is, what is in it and what is not."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.stdio import command, session

REFUSAL = "I'm sorry, but I can't help with that."


@pytest.fixture(scope="module")
def taught(shared_home: Path) -> Iterator[Path]:
    """A home with three successes, one of them a refusal, and a failure that one of them fixed."""
    with session(shared_home) as opened:
        for query, response, outcome in (
            ("fix the build", "Delete the lock file.", "failure"),
            ("fix the build", "Pin the version of the compiler.", "success"),
            ("explain the cache", "It keeps answers by their question.", "success"),
            ("open the door", REFUSAL, "success"),
        ):
            tracked = opened.tool(
                "track_interaction",
                query=query,
                response=response,
                agent_type="remote",
                model_used="qwen2.5-coder",
            )
            opened.tool("update_outcome", **tracked, outcome=outcome, evidence="make: exit code 0")
        yield shared_home


def shown(home: Path, *arguments: str) -> str:
    done = command(home, "export", "training", "--min-value", "0.1", *arguments)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_it_says_where_it_is_what_is_in_it_and_what_is_not(taught: Path, tmp_path: Path) -> None:
    folder, *table = shown(taught, "--output", str(tmp_path)).splitlines()
    assert Path(folder).parent == tmp_path
    assert {path.name for path in Path(folder).iterdir()} == {
        *("train.jsonl", "validation.jsonl", "test.jsonl"),
        *("provenance.jsonl", "manifest.json", "README.md"),
    }
    assert [row.split() for row in table] == [
        ["split", "examples"],
        # One session, so one split.
        ["train", "2"],
        ["validation", "0"],
        ["test", "0"],
        ["dropped", "interactions"],
        ["refusal", "1"],
    ]


def test_pairs_as_json_and_the_oldest_only(taught: Path, tmp_path: Path) -> None:
    made = json.loads(shown(taught, "--format", "dpo", "--json", "--output", str(tmp_path)))
    assert sum(made["counts"].values()) == 1
    assert made["dropped"] == {"no_pair": 1, "refusal": 1}
    (pair,) = Path(made["paths"]["train"]).read_text("utf-8").splitlines()
    assert json.loads(pair)["rejected"][0]["content"] == "Delete the lock file."
    made = json.loads(shown(taught, "--max", "1", "--json", "--output", str(tmp_path)))
    assert sum(made["counts"].values()) == 1
    assert made["dropped"] == {"over_max_examples": 1, "refusal": 1}


def test_without_a_place_it_goes_into_the_home(taught: Path) -> None:
    folder = Path(shown(taught).splitlines()[0])
    assert folder.parent == taught / "datasets"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--min-value", "2"), "min_value"),
        (("--output", "/proc/none"), "output_dir"),
        (("--max", "0"), "--max"),
        (("--format", "csv"), "openai"),
    ],
)
def test_bad_arguments_are_named(taught: Path, arguments: tuple[str, ...], said: str) -> None:
    done = command(taught, "export", "training", *arguments)
    assert done.returncode in (1, 2)
    assert said in done.stderr


def test_a_dataset_of_one_project_is_of_it_alone(taught: Path, tmp_path: Path) -> None:
    made = json.loads(
        shown(taught, "--output", str(tmp_path), "--project", "nowhere-1f3a9c2e", "--json")
    )
    assert sum(made["counts"].values()) == 0
    manifest = json.loads((Path(made["paths"]["train"]).parent / "manifest.json").read_text())
    assert (manifest["project"], manifest["candidates"]) == ("nowhere-1f3a9c2e", 0)
