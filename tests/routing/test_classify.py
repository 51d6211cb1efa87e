"""Classifying tasks: examples of every kind, several languages, bounds, and speed."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hybrid_coordinator.domain.route import Complexity, TaskType
from hybrid_coordinator.routing.classification.classify import classify

HARD = (
    "Design a multi-tenant billing platform with metering, invoicing, proration, tax rules, "
    "dunning, audit logs and a migration path from the old system"
)


@pytest.mark.parametrize(
    ("prompt", "task_type"),
    [
        ("What is a mutex?", TaskType.QUESTION),
        ("Wie hoch ist der Mont Blanc?", TaskType.QUESTION),
        ("\u4ec0\u4e48\u662f\u5411\u91cf\u6570\u636e\u5e93\uff1f", TaskType.QUESTION),
        ("Write a function that reverses a linked list", TaskType.GENERATION),
        ("\u041d\u0430\u043f\u0438\u0448\u0438 \u043a\u043e\u0434", TaskType.GENERATION),
        ("Fix the crash in parse()", TaskType.DEBUGGING),
        ("How do I find out why the worker hangs?", TaskType.DEBUGGING),
        ("KeyError: 'name' - what now?", TaskType.DEBUGGING),
        ("Rename foo to bar", TaskType.EDIT),
        ("Convert this to YAML", TaskType.FORMAT),
        ("Extract the names of all people from the text", TaskType.EXTRACTION),
        ("Classify this ticket: the app is slow", TaskType.CLASSIFICATION),
        ("Review this function for races", TaskType.ANALYSIS),
        ("Design a cache for our API", TaskType.PLANNING),
        ("Boilerplate for a FastAPI service", TaskType.TEMPLATE),
        ("Refactor a.py, b.py and c.py to use the new client", TaskType.MULTI_FILE),
        ("Implement logging across all modules of the codebase", TaskType.MULTI_FILE),
        ("", TaskType.QUESTION),
    ],
)  # fmt: skip
def test_task_types(prompt: str, task_type: TaskType):
    assert classify(prompt).task_type is task_type


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


def test_a_tool_history_makes_a_step_harder():
    asked = {"role": "user", "content": "Explain how the parser works"}
    openai = [asked, {"role": "assistant", "content": None, "tool_calls": [{"id": "1"}]}]
    anthropic = [
        {"role": "user", "content": [{"type": "text", "text": asked["content"]}]},
        {"role": "user", "content": [{"type": "tool_result", "content": "ok"}]},
    ]
    plain = classify([asked])
    assert plain.score == classify(asked["content"]).score
    for messages in (openai, anthropic):
        assert classify(messages).score > plain.score + 0.2
        assert "1 tool turns" in classify(messages).reason


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


MESSAGES = st.lists(
    st.dictionaries(
        st.sampled_from(["role", "content", "tool_calls"]),
        st.one_of(
            st.none(),
            st.text(max_size=20),
            st.sampled_from(["user", "tool"]),
            st.lists(
                st.one_of(
                    st.integers(),
                    st.dictionaries(st.sampled_from(["type", "text"]), st.text(max_size=9)),
                )
            ),
        ),
    )
)


@given(MESSAGES)
def test_any_messages_are_classified(messages: list[dict[str, object]]):
    assert 0 <= classify(messages).score <= 1


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
