"""The benchmark of learning: its worlds are what it says, and its parts run."""

from __future__ import annotations

from pathlib import Path
from statistics import fmean

import pytest

from benchmarks.learning import feedback, stream
from benchmarks.learning.__main__ import main
from benchmarks.learning.desk import desk


def test_the_effects_are_what_the_goals_are_for():
    assert fmean(stream.EFFECTS[:3]) == pytest.approx(0.5)
    assert fmean(sorted(stream.EFFECTS)[-3:]) == pytest.approx(0.87)


def test_an_item_goes_bad_half_way():
    world = stream.World([str(n) for n in range(10)], 0, turns=True)
    best = max(world.effects, key=world.effects.__getitem__)
    assert world.chance([best], 149) == 0.97
    assert world.chance([best], 150) == 0.05
    assert world.chance([], 0) == pytest.approx(fmean(stream.EFFECTS))


def test_the_oracle_and_the_rankers_are_where_they_should_be():
    assert stream._simulated(None)[0] == "0.87 ± 0.00"
    by_wilson = float(stream._simulated(stream._by_wilson)[0].split()[0])
    assert by_wilson < 0.6


def test_a_stream_runs_through_the_tools(capsys: pytest.CaptureFixture[str]):
    with desk(seed=1) as made:
        chances = stream.run(made, 0, turns=False, uses=6)
    assert len(chances) == 6
    assert chances[0] == pytest.approx(0.5), "what relevance alone shows"


def test_what_is_missing_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    main(["--only", "feedback"])
    assert "Not measured: say where the questions are, by --data." in capsys.readouterr().out
    main(["--only", "feedback", "--data", str(tmp_path)])
    assert "dev.json is missing" in capsys.readouterr().out


@pytest.mark.parametrize("change", feedback._REWORDINGS.values())
def test_rewordings_are_other_words_for_the_same(change):
    question = "how does dependency injection work"
    reworded = change(question)
    assert reworded != question
    assert "inject" in reworded or "depend" in reworded
