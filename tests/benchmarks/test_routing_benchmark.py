"""The benchmark of the routing: its measures are right, and the prior can be fitted again."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from zlib import crc32

import numpy as np
import pytest

from benchmarks.routing import agent_steps, apgr
from benchmarks.routing.__main__ import main
from benchmarks.routing.data import DataMissingError, load
from hybrid_coordinator.routing.classification.classify import classify
from hybrid_coordinator.routing.classification.features import Form, shape
from hybrid_coordinator.routing.classification.grams import BUCKETS, buckets
from hybrid_coordinator.routing.classification.prior import Question, load_prior
from scripts import train_router
from scripts.router_training.examples import near_duplicates
from scripts.router_training.fitting import Sparse, ridge
from scripts.router_training.judges import RECIPES, cross_validated, fit, judged, read

TIERS = {
    "SIMPLE": "What is {}?",
    "MEDIUM": "Explain how {} works and write a short example of it",
    "COMPLEX": "Design a distributed, multi-tenant platform around {}, with audits and backups",
    "REASONING": "Prove by induction the theorem about the correctness of {} that was stated",
}
SUBJECTS = ("sorting", "hashing", "TCP", "caching", "parsing", "paging", "locks", "trees", "DNS")


def write(folder: Path, name: str, rows: list[dict[str, object]]) -> None:
    path = folder / "routing" / f"{name}.jsonl.gz"
    path.parent.mkdir(exist_ok=True)
    with gzip.open(path, "wt", encoding="utf-8") as file:
        file.writelines(f"{json.dumps(row)}\n" for row in rows)


@pytest.fixture
def toy_data(tmp_path: Path) -> Path:
    """A few rows of each set, with the answers in the words."""
    labels = [
        {"prompt": text.format(subject), "expected_tier": tier, "lang": "en"}
        for tier, text in TIERS.items()
        for subject in SUBJECTS
    ]
    write(tmp_path, "tier_labels_train", labels[::2])
    write(tmp_path, "tier_labels_dev", labels[1::2])
    asked = [
        {
            "prompt": f"Question {n} on {'topology' if n % 2 else 'cooking'}?\nA. 1\nB. 2\nC. 3",
            "domain": "mathematics" if n % 2 else "food",
            "weak_correct": n % 2 == 0,
            "strong_correct": True,
        }
        for n in range(40)
    ]
    write(tmp_path, "mmlu_dev", asked)
    problems = [
        {
            "prompt": f"Ann has 3 apples and {n} pears{', and a plum' * (n % 2) * 6}. How many?",
            "weak_correct": n % 2 == 0,
            "strong_correct": True,
        }
        for n in range(40)
    ]
    write(tmp_path, "gsm8k_dev", problems)
    step = {"benchmark": "b", "target_tier_id": 0, "messages": [{"role": "user", "content": "hi"}]}
    write(tmp_path, "agent_steps_dev", [{**step, "instance_id": "one"}])
    return tmp_path


def test_apgr_is_that_of_the_curve():
    gains = np.array([1.0, 1.0, *[0.0] * 8])
    seen = apgr.Outcomes(weak=1 - gains, strong=np.ones(10))
    best = apgr.quality(gains + np.linspace(0, 0.1, 10), seen)
    # The whole gap is closed at 20% of the calls, so the area lacks the triangle before it.
    assert best.apgr == pytest.approx(0.9)
    assert best.cpt50 == pytest.approx(0.1)
    assert best.cpt80 == pytest.approx(0.16)
    assert apgr.quality(-gains - np.linspace(0, 0.1, 10), seen).apgr == pytest.approx(0.1)
    assert apgr.chance(seen).apgr == pytest.approx(0.5, abs=0.05)


def step(instance: str, tier: int, size: int = 4000) -> dict[str, object]:
    messages = [{"role": "user", "content": "x" * size}]
    return {
        "benchmark": "b",
        "instance_id": instance,
        "target_tier_id": tier,
        "messages": messages,
    }


def test_the_scores_of_steps():
    steps = [step("one", 0), step("one", 3), step("two", 1)]
    strongest = agent_steps.scores(steps, [3, 3, 3])
    assert strongest.cells == ["100.0", "33.3", "100.0", "0.0", "58.3"]
    exact = agent_steps.scores(steps, [0, 3, 1])
    most, least, middle = 0.0175, 0.00051, 0.0013
    assert exact.saving == pytest.approx((2 * most - least - middle) / (3 * most))
    failed = agent_steps.scores(steps, [0, 2, 1])
    assert (failed.passed, failed.trajectory) == (pytest.approx(2 / 3), pytest.approx(1 / 3))
    lost = -least - 0.003
    assert failed.saving == pytest.approx((lost + most - middle) / (3 * most))


@pytest.mark.parametrize(("score", "tier"), [(0.3, 0), (0.4, 1), (0.6, 2), (0.67, 3)])
def test_the_tier_of_a_score(score: float, tier: int):
    assert agent_steps.tier_of(score) == tier


def test_near_duplicates_are_one_group():
    groups = near_duplicates(
        ["How do I sort a list in Python?", "Design a bank", "How do I sort a list in Python 3?"]
    )
    assert groups == [0, 1, 0]


def test_ridge_is_the_closed_form():
    rng = np.random.default_rng(0)
    dense = rng.normal(size=(30, 5))
    wanted, penalty = rng.normal(size=30), np.array([0.1, 1.0, 2.0, 3.0, 0.01])
    data = Sparse.of([dict(enumerate(row)) for row in dense.tolist()], 5)
    direct = np.linalg.solve(dense.T @ dense + np.diag(penalty), dense.T @ wanted)
    assert ridge(data, wanted, penalty) == pytest.approx(direct, abs=1e-4)


def test_a_judge_learns_from_words_and_is_asked_without_its_fold():
    recipe = RECIPES[Question.TASK]
    texts = [read(f"tell me of {'topology' if n % 2 else 'soup'}", recipe) for n in range(40)]
    wanted = np.array([float(n % 2) for n in range(40)])
    answers = judged(fit(texts, wanted, recipe), texts)
    assert answers[1::2].min() > 0.6 > 0.4 > answers[::2].max()
    apart = cross_validated(texts, wanted, recipe, np.arange(40) % 2)
    assert apart[1] < 0.5 < apart[0]


def test_the_shipped_prior_is_whole_and_small():
    prior = load_prior()
    assert set(prior) == set(Question)
    assert [len(prior[question].grams) for question in Question] == [BUCKETS] * 3 + [0]
    assert all(judge.measures for judge in prior.values())
    grams = ("some", "words", "some words", "words some")
    assert set(buckets("Some words " * 500)) == {crc32(each.encode()) % BUCKETS for each in grams}


@pytest.mark.parametrize(
    ("text", "form"),
    [
        ("Pick one:\nA. a\nB. b\nC. c\nD. d\nAnswer:", Form.CHOICE),
        ("Sam has 3 dogs and buys 4 more for 20 dollars each. How much does he pay?", Form.PROBLEM),
        ("Write a function that takes 3 lists of 10 items and says how many are equal", Form.TASK),
        ("What is a mutex?", Form.TASK),
    ],
)
def test_forms(text: str, form: Form):
    assert shape(text).form is form


@pytest.mark.parametrize("section", ["prompts", "history", "labels", "agent-steps", "decision"])
def test_every_section_runs(section: str, toy_data: Path, capsys: pytest.CaptureFixture[str]):
    main(["--data", str(toy_data), "--only", section])
    said = capsys.readouterr().out
    assert said.lstrip().startswith("## ")
    assert "nan" not in said


def test_data_that_is_missing_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    with pytest.raises(DataMissingError, match="RouteLLM"):
        load(tmp_path, "mmlu_dev")
    with pytest.raises(SystemExit) as ended:
        main(["--data", str(tmp_path)])
    assert ended.value.code == 2
    assert "mmlu_dev.jsonl.gz" in capsys.readouterr().err


def test_training_writes_the_same_prior_again(toy_data: Path, tmp_path: Path):
    written = []
    for name in ("first", "second"):
        target = tmp_path / name
        target.mkdir()
        train_router.main(["--data", str(toy_data), "--target", str(target)])
        written.append({path.name: path.read_bytes() for path in target.iterdir()})
    assert written[0] == written[1]
    assert set(written[0]) == {"prior.json", "prior.bin", "PRIOR.md"}
    assert len(written[0]["prior.bin"]) == 3 * BUCKETS
    assert b"| APGR, mmlu_dev |" in written[0]["PRIOR.md"]


def test_a_prompt_is_judged_alike_with_and_without_what_trains_it():
    prompt = "Design a distributed, multi-tenant platform for billing"
    recipe = RECIPES[Question.TASK]
    need = judged(load_prior()[Question.TASK], [read(prompt, recipe)])[0]
    assert classify(prompt).score == pytest.approx(min(1.0, 1 / 6 + need * 2 / 3))
