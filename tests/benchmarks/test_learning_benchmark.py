"""The benchmark of learning: its measures are right, and every section says what it measured."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import adjusted_rand_score

from benchmarks.learning import datasets
from benchmarks.learning.__main__ import main
from benchmarks.learning.clusters import adjusted_rand_index, alone, components
from benchmarks.learning.secret_kinds import BARE, CARRIERS, KINDS, recall
from benchmarks.learning.sections import SECTIONS

labels = st.lists(st.integers(0, 4), min_size=2, max_size=30)
TEMPLATES = (
    "Add a column for the {} to the users table",
    "Explain how {} is cached by the proxy",
    "Write unit tests that cover every branch of {}",
)
THINGS = ("parser", "tokens", "orders", "colours", "sessions")


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Fifteen tasks from three templates."""
    rows = [
        {"intent": template.format(thing), "template_id": number}
        for thing in THINGS
        for number, template in enumerate(TEMPLATES)
    ]
    (tmp_path / "recurrence").mkdir()
    (tmp_path / "recurrence" / "webarena_intents.json").write_text(json.dumps(rows))
    return tmp_path


@given(labels, st.randoms(use_true_random=False))
def test_the_rand_index_is_scikit_learns(truth: list[int], random) -> None:
    found = [random.choice(truth) for _ in truth]
    assert adjusted_rand_index(truth, found) == pytest.approx(adjusted_rand_score(truth, found))
    assert adjusted_rand_index(truth, truth) == pytest.approx(1.0)


def test_what_is_in_no_cluster_counts_as_one_of_its_own() -> None:
    numbers = alone(np.array([0, -1, 0, -1, 1], np.intp))
    assert [numbers[0] == numbers[2], len(set(numbers))] == [True, 4]


def test_components_are_what_steps_within_the_cut_lead_to() -> None:
    places = np.array([0.0, 1.0, 2.0, 5.0, 5.5, 9.0], np.float32)
    apart = abs(places[:, None] - places[None])
    assert components(apart, 1.0).tolist() == [0, 0, 0, 3, 3, 5]


def test_recurrence_and_clusters_of_plain_templates_are_found(data: Path) -> None:
    recurring = SECTIONS["recurrence"](data)
    ours = recurring.rows[0]
    assert ours[1:5] == ["1.000"] * 4
    assert len(recurring.rows) == 3
    ours, *others = (row for row in SECTIONS["clusters"](data).rows)
    assert ours[1:] == ["1.000", "1.000", "0%", "3"]
    assert len(others) == 4
    same = SECTIONS["same"](data)
    assert same.rows[0][1:] == ["0", "0", "0"]


def test_nothing_is_lost_in_thirty_rounds(tmp_path: Path) -> None:
    figures = dict(SECTIONS["collapse"](tmp_path).rows)
    assert figures["added"] == "240"
    assert figures["not deprecated"] == figures["of those, the same to the last byte"] == "211"
    assert figures["in use beside them"] == "0"
    assert figures["deprecated, kept as tombstones"] == "29"
    assert "240 ADD, 29 DEPRECATE" in figures["deltas"]


def test_the_command_prints_what_was_asked_for_and_says_where_missing_data_is_from(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["--data", str(data), "--only", "same"])
    assert "## Is a task the same?" in capsys.readouterr().out
    with pytest.raises(SystemExit) as left:
        main(["--data", str(tmp_path / "none"), "--only", "recurrence"])
    assert left.value.code == 2
    assert "google-research/reasoning-bank (Apache-2.0)" in capsys.readouterr().err


async def test_a_dataset_is_made_and_timed() -> None:
    made = await datasets.measured((300,))
    (first, again) = (dict(zip(made.header, row, strict=True)) for row in made.rows)
    assert (first["interactions"], first["export"], again["export"]) == ("300", "first", "again")
    assert first["examples"] == again["examples"]
    assert int(first["examples"]) > 200
    assert float(again["rows/s of its processor time"].replace(",", "")) > 0


@pytest.mark.parametrize("kind", KINDS)
def test_secrets_of_each_kind_are_found_in_each_carrier(kind: str) -> None:
    by_its_looks = kind not in {"hex token", "client secret", "password"}
    for carrier in CARRIERS:
        if carrier != BARE or by_its_looks:
            # One in thirty random strings of letters looks like a name.
            assert recall(kind, carrier, 100) >= 0.95, carrier


def test_what_is_found_is_said_beside_what_is_not(tmp_path: Path) -> None:
    found = SECTIONS["secrets"](tmp_path)
    assert [row[0] for row in found.rows] == list(KINDS)
    said = re.search(r"package (\d+) were taken for secrets and (\d+) for personal", found.note)
    assert said is not None
    assert max(map(int, said.groups())) < 10
