"""Formats of examples, what counts as the same, and splits that never move."""

from __future__ import annotations

import json
from collections import Counter

import pytest
from hypothesis import assume, given
from hypothesis import example as hypothesis_example
from hypothesis import strategies as st

from hybrid_coordinator.learning.examples import (
    SPLITS,
    DatasetFormat,
    Example,
    example_key,
    render,
    split_of,
    task_key,
)

# What the record can hold: no NUL, no unpaired surrogate.
texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=80)
examples = st.builds(Example, texts, texts, texts)
PAIR = Example("add 2 and 2", "4", "5")


def test_the_formats_are_what_trainers_read() -> None:
    assert json.loads(render(PAIR, DatasetFormat.OPENAI)) == {
        "messages": [
            {"role": "user", "content": "add 2 and 2"},
            {"role": "assistant", "content": "4"},
        ]
    }
    assert json.loads(render(PAIR, DatasetFormat.SHAREGPT)) == {
        "conversations": [
            {"from": "human", "value": "add 2 and 2"},
            {"from": "gpt", "value": "4"},
        ]
    }
    assert json.loads(render(PAIR, DatasetFormat.DPO)) == {
        "prompt": [{"role": "user", "content": "add 2 and 2"}],
        "chosen": [{"role": "assistant", "content": "4"}],
        "rejected": [{"role": "assistant", "content": "5"}],
    }


@given(examples, st.sampled_from(DatasetFormat))
@hypothesis_example(Example("a\u2028b\u2029c\x85d\x1ce", "f", "g"), DatasetFormat.OPENAI)
def test_an_example_is_one_line_that_reads_back(example: Example, layout: DatasetFormat) -> None:
    line = render(example, layout)
    assert line.splitlines() == [line]
    record = json.loads(line)
    if layout is DatasetFormat.OPENAI:
        assert [message["content"] for message in record["messages"]] == [
            example.task,
            example.answer,
        ]


@given(texts, st.lists(texts))
def test_the_split_of_a_task_depends_on_nothing_else(task: str, others: list[str]) -> None:
    before = split_of(task)
    for other in others:
        split_of(other)
    assert split_of(task) == before
    assert before in SPLITS


@given(texts)
def test_case_width_and_spacing_do_not_move_a_task(task: str) -> None:
    assert split_of(f"  {task}\n\t") == split_of(task)
    assert split_of(f"fix {task} now".upper()) == split_of(f"FIX   {task.upper()}\nnow")
    assert task_key("\uff26\uff29\uff38 it") == task_key("fix it")


def test_splits_are_known_and_about_eighty_ten_ten() -> None:
    counts = Counter(split_of(f"task {number}") for number in range(5000))
    assert counts["train"] / 5000 == pytest.approx(0.8, abs=0.02)
    assert counts["validation"] / 5000 == pytest.approx(0.1, abs=0.015)
    assert counts["test"] / 5000 == pytest.approx(0.1, abs=0.015)
    # Fixed for all time: a test set that moves into training is worth nothing.
    assert {number: split_of(f"task {number}") for number in (0, 4, 14, 17)} == {
        0: "train",
        4: "validation",
        14: "test",
        17: "test",
    }


@given(examples, examples)
def test_only_spacing_makes_two_texts_one_example(a: Example, b: Example) -> None:
    spaced = Example(f" {a.task} ", a.answer.replace(" ", "  "), a.rejected)
    assert example_key(spaced) == example_key(a)
    assume([a.task.split(), a.answer.split()] != [b.task.split(), b.answer.split()])
    assert example_key(a) != example_key(b)
