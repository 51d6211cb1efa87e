"""Classifying tasks: examples of every kind, several languages, bounds, and speed."""

from __future__ import annotations

import time
from array import array
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from hybrid_coordinator.domain.route import Complexity, TaskType
from hybrid_coordinator.routing.classification.classify import classify
from hybrid_coordinator.routing.classification.kinds import KINDS_FILE
from hybrid_coordinator.routing.classification.prior import Judge, Question, load_prior
from scripts import train_task_types

HARD = (
    "Design a multi-tenant billing platform with metering, invoicing, proration, tax rules, "
    "dunning, audit logs and a migration path from the old system"
)


UNSEEN: dict[str, list[str]] = yaml.safe_load(
    Path(__file__).with_name("unseen_prompts.yaml").read_text(encoding="utf-8")
)


def test_most_prompts_that_nothing_was_fitted_to_get_their_type():
    fitted = yaml.safe_load(train_task_types.PROMPTS.read_text(encoding="utf-8"))
    known = {prompt for prompts in fitted.values() for prompt in prompts}
    asked = [(wanted, prompt) for wanted, prompts in UNSEEN.items() for prompt in prompts]
    assert known.isdisjoint(prompt for _, prompt in asked)
    right = sum(classify(prompt).task_type == wanted for wanted, prompt in asked)
    assert len(asked) >= 60
    assert right >= 0.75 * len(asked)


def test_the_shipped_weights_are_those_of_the_labelled_prompts(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    train_task_types.main(["--target", str(tmp_path)])
    fitted, shipped = (
        array("b", (folder / KINDS_FILE).read_bytes())
        for folder in (tmp_path, train_task_types.TARGET)
    )
    # Another processor may round another way.
    assert all(abs(one - other) <= 1 for one, other in zip(fitted, shipped, strict=True))
    assert float(capsys.readouterr().out.split()[-1]) >= 0.75


@pytest.mark.parametrize(
    ("prompt", "complexity"),
    [
        ("What is a mutex?", Complexity.SIMPLE),
        ("hi", Complexity.SIMPLE),
        ("Translate 'good morning' to Polish", Complexity.SIMPLE),
        ("Write a Python function that merges two sorted lists", Complexity.MODERATE),
        ("Explain how TCP slow start works", Complexity.MODERATE),
        (HARD, Complexity.COMPLEX),
        ("Prove that every finite integral domain is a field", Complexity.COMPLEX),
    ],
)
def test_complexity(prompt: str, complexity: Complexity):
    assert classify(prompt).complexity is complexity


ASKED = {"role": "user", "content": "Fix the bug in the parser of this repository"}
CALLS_OPENAI = [
    {"role": "assistant", "content": None, "tool_calls": [{"id": "1"}]},
    {"role": "tool", "tool_call_id": "1", "content": "parser.py"},
]
CALLS_ANTHROPIC = [
    {"role": "assistant", "content": [{"type": "tool_use", "id": "1", "name": "ls", "input": {}}]},
    {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "1", "content": "a.py"}]},
]


def test_messages_without_history_are_judged_by_their_request():
    parts = [{"type": "text", "text": ASKED["content"]}]
    alone = classify(ASKED["content"])
    assert classify([ASKED]) == alone
    assert classify([{"role": "user", "content": parts}]) == alone


@pytest.mark.parametrize("calls", [CALLS_OPENAI, CALLS_ANTHROPIC], ids=["openai", "anthropic"])
def test_work_on_code_with_tools_needs_the_strongest(calls: list[dict[str, object]]):
    seen = classify([ASKED, *calls])
    assert seen.complexity is Complexity.COMPLEX
    assert seen.tool_turns == 2
    assert seen.task_type is TaskType.DEBUGGING
    assert "2 tool turns" in seen.reason


def test_a_chore_with_tools_and_the_first_look_around_do_not():
    chore = {"role": "user", "content": "Put the meeting on Tuesday at three into my calendar"}
    system = {"role": "system", "content": "You may run commands in a shell."}
    assert classify([chore, *CALLS_OPENAI]).complexity is Complexity.SIMPLE
    assert classify([system, ASKED]).complexity is Complexity.SIMPLE
    assert classify([system, ASKED, *CALLS_OPENAI]).complexity is Complexity.COMPLEX


def test_what_is_given_to_read_is_no_request_and_makes_reading_simple():
    said = "Ann: we must design and prove the distributed platform, and fix the crash.\n" * 40
    seen = classify(f"## Transcript\n{said}\n\nSummarize it.\n\nUse only the text above.")
    assert seen.task_type is TaskType.EXTRACTION
    assert seen.complexity is Complexity.SIMPLE
    assert "given" in seen.reason


def test_a_follow_up_is_read_with_what_it_follows():
    chat = [
        {"role": "user", "content": "Design a cache for our API"},
        {"role": "assistant", "content": "Shall I go into detail?"},
        {"role": "user", "content": "yes please"},
    ]
    assert classify(chat).task_type is TaskType.PLANNING


def test_size_files_keywords_and_points():
    seen = classify("Review auth.py and login.ts for SQL injection and slow queries")
    assert seen.files == 2
    assert seen.keywords == {"security", "performance"}
    assert classify("Redesign the architecture").keywords == {"architecture"}
    assert seen.points == round(10 * seen.score, 1)
    chat = [{"role": "user", "content": "x" * 400}, {"role": "assistant", "content": "y" * 3600}]
    assert classify(chat).tokens == 1000
    result = [{"type": "tool_result", "content": [{"type": "text", "text": "z" * 4000}]}]
    assert classify([{"role": "user", "content": result}]).tokens == 1000


def test_a_proof_wants_reasoning():
    assert classify("Prove by induction that 2^n > n for all n").reasoning
    assert not classify("Write a proof of concept page in HTML").reasoning


CHOICE = "{}\nA. {}\nB. {}\nC. {}\nD. {}\nAnswer:"


def test_the_form_of_a_choice_does_not_decide():
    easy = CHOICE.format("What is the capital of France?", "Paris", "Rome", "Oslo", "Bern")
    hard = CHOICE.format(
        "Statement 1 | Every subgroup of an abelian group is normal. Statement 2 | If H is normal "
        "in G and G/H is cyclic, then G is abelian.",
        *("True, True", "False, False", "True, False", "False, True"),
    )
    assert classify(hard).score - classify(easy).score > 0.1
    assert "right answer" in classify(hard).reason


def test_a_problem_in_words_is_harder_the_more_it_says():
    short = "Tom has 3 boxes of 12 eggs and drops 5 of them. How many eggs are left?"
    long = (
        "Tom, who runs a farm, has 3 boxes of 12 eggs, 4 boxes of 30, and, in the barn, twice as "
        "many eggs more than in all of these together, of which a third are brown, a quarter are "
        "spoilt, and the rest, less 5 that he keeps, are sold. How many eggs does Tom sell?"
    )
    assert classify(long).score > classify(short).score


def test_a_measure_may_matter_from_a_threshold_on():
    judge = Judge(0.5, {"length": 1.0}, 1.0, [], {"length": [(0.2, 0.1), (0.6, -0.3)]})
    needs = [judge.judge({"length": length}, []) for length in (0.2, 0.4, 0.8)]
    assert needs == pytest.approx([0.7, 1.0, 1.1])
    assert judge.judge({}, []) == 0.5
    assert load_prior()[Question.CHOICE].steps


def test_code_in_a_fence_holds_no_cues():
    code = "```python\n# Design, prove, migrate: a distributed platform\n```"
    assert classify(f"Rename x\n{code}").score == classify("Rename x\n").score


def test_the_words_of_a_pasted_log_do_not_decide():
    log = "\n".join(f"line {number}: design prove derive platform" for number in range(2000))
    assert classify(f"hello {'x ' * 700}{log}{'x ' * 700}").task_type is TaskType.QUESTION


@given(st.text(max_size=3000))
def test_any_text_is_classified_within_bounds(text: str):
    seen = classify(text)
    assert 0 <= seen.score <= 1
    assert 0.5 <= seen.confidence <= 1
    assert "\n" not in seen.reason


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["role", "content", "tool_calls", "type", "text", "x"]),
            inner,
            max_size=5,
        )
    ),
    max_leaves=12,
)
PART = st.fixed_dictionaries(
    {},
    optional={
        "type": st.sampled_from(["text", "tool_use", "tool_result", "image"]) | JSON,
        "text": JSON,
        "content": JSON,
    },
)
MESSAGE = st.fixed_dictionaries(
    {},
    optional={
        "role": st.sampled_from(["user", "assistant", "system", "tool"]) | JSON,
        "content": JSON | st.lists(PART, max_size=4),
        "tool_calls": JSON,
    },
)


@given(JSON | st.lists(MESSAGE | JSON, max_size=6))
def test_anything_is_classified(prompt: Any):
    seen = classify(prompt)
    assert 0 <= seen.score <= 1
    assert seen.tokens >= 0
    assert "\n" not in seen.reason


@pytest.mark.parametrize(
    "prompt",
    [
        "Write a function that parses ISO dates and returns None on bad input",
        "word, " * 200_000,
        " \n" * 500_000,
        "a" * 1_000_000,
        "a/" * 500_000,
        "```x\n" * 200_000,
    ],
    ids=["usual", "words", "blank", "one word", "path", "fences"],
)
def test_it_takes_under_a_millisecond_or_a_few_for_the_oddest_text(prompt: str):
    classify(prompt)
    times = []
    for _ in range(5):
        began = time.perf_counter()
        classify(prompt)
        times.append(time.perf_counter() - began)
    assert min(times) < 0.003


@pytest.mark.parametrize(
    "messages",
    [
        [{"role": "user", "content": "word, " * 200}] * 100,
        [{"role": "user", "content": [{"type": "text", "text": "word"}]}] * 100_000,
        [{"role": "user", "content": [{"type": "text", "text": "a/" * 500}] * 5_000}],
        [{"role": "system", "content": "based on the " * 90_000}, {"role": "user", "content": "x"}],
    ],
    ids=["usual", "many", "many parts", "large system prompt"],
)
def test_chats_take_as_long_however_large(messages: list[dict[str, object]]):
    times = []
    for _ in range(5):
        began = time.perf_counter()
        classify(messages)
        times.append(time.perf_counter() - began)
    assert min(times) < 0.01
