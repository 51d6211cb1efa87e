"""The benchmark of the answer check: its measures, its held-out fit, and its plot."""

from __future__ import annotations

import gzip
import json
import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
import pytest

from benchmarks.routing.__main__ import main
from benchmarks.routing.fitting import (
    Bin,
    auc,
    bins,
    calibration_error,
    fit,
    folds,
    probabilities,
)
from benchmarks.routing.reliability_plot import draw
from benchmarks.routing.report import write


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Twenty sums, of which the weak model gets those wrong that do not hold."""
    rows = []
    for number in range(20):
        right = number % 2 == 0
        prompt = (
            f"Ann has {number + 30} pears and buys {number + 60} more pears at the market in the "
            "town. How many pears has she got then?"
        )
        total = 2 * number + 90 + (0 if right else 7)
        working = f"She has {number + 30} + {number + 60} = {total} pears."
        rows.append(
            {
                "prompt": prompt,
                "weak_correct": right,
                "strong_correct": number != 1,
                "weak_response": working,
                "strong_response": working,
            }
        )
    folder = tmp_path / "routing"
    folder.mkdir()
    with gzip.open(folder / "gsm8k_dev.jsonl.gz", "wt") as file:
        file.writelines(f"{json.dumps(row)}\n" for row in rows)
    return tmp_path


def test_auc_is_the_share_of_pairs_in_order():
    right = np.array([1.0, 1.0, 0.0, 0.0])
    assert auc([0.9, 0.8, 0.2, 0.1], right) == 1.0
    assert auc([0.5] * 4, right) == 0.5
    assert auc([0.9, 0.1, 0.5, 0.1], right) == pytest.approx(2.5 / 4)


def test_a_fit_finds_the_odds_that_made_the_data():
    draws = np.random.default_rng(0)
    features = draws.integers(0, 2, (20_000, 2)).astype(float)
    chance = 1 / (1 + np.exp(-(1.0 - 2.0 * features[:, 0])))
    weights = fit(features, (draws.random(len(chance)) < chance).astype(float))
    assert weights == pytest.approx([1.0, -2.0, 0.0], abs=0.1)
    assert probabilities(features, weights) == pytest.approx(chance, abs=0.03)


def test_each_row_is_held_out_once():
    masks = list(folds(11, 5, seed=1))
    assert np.sum(masks, axis=0).tolist() == [1] * 11


def test_the_calibration_error_is_the_mean_distance():
    found = bins(np.array([0.25, 0.25, 0.85, 1.0]), np.array([0.0, 1.0, 1.0, 1.0]))
    assert found == [Bin(0.2, 2, 0.25, 0.5), Bin(0.8, 1, 0.85, 1.0), Bin(0.9, 1, 1.0, 1.0)]
    assert calibration_error(found) == pytest.approx((2 * 0.25 + 0.15) / 4)


def test_a_check_that_sees_slips_is_measured_to_see_them(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    main(["--data", str(data), "--only", "answers", "reliability"])
    told = capsys.readouterr().out
    (ours,) = (line for line in told.splitlines() if line.startswith("| **ours**"))
    assert ours.split("|")[2].strip() == "1.000"
    assert "always strong" in told
    assert "share right" in told
    write(tmp_path, data, ["## A table\n"])
    assert "## A table" in (tmp_path / "routing.md").read_text()
    plot = ET.parse(tmp_path / "routing-reliability.svg")
    assert len(plot.findall(".//{*}circle")) >= 2


def test_a_plot_has_a_point_for_each_tenth():
    drawn = ET.fromstring(draw([Bin(0.2, 4, 0.25, 0.5), Bin(0.8, 1, 0.85, 1.0)]))
    assert len(drawn.findall(".//{*}circle")) == 2


def test_data_that_is_not_there_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    with pytest.raises(SystemExit):
        main(["--data", str(tmp_path), "--only", "answers"])
    assert "lm-sys/RouteLLM" in capsys.readouterr().err
