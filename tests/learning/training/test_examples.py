"""Formats of examples, what counts as the same, and splits that follow from a hash."""

from __future__ import annotations

import json
from collections import Counter

import pytest
from hypothesis import assume, given
from hypothesis import example as hypothesis_example
from hypothesis import strategies as st

from hybrid_coordinator.domain.training import SPLITS, Answer, Step
from hybrid_coordinator.domain.turns import Action, ActionKind
from hybrid_coordinator.learning.training.examples import (
    DatasetFormat,
    Example,
    example_key,
    render,
    split_of,
    task_key,
)

# What the record can hold: no NUL, no unpaired surrogate.
texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=80)
actions = st.builds(
    Action,
    st.sampled_from(ActionKind),
    texts,
    st.booleans(),
    st.none() | st.integers(0, 255),
    texts,
)
answers = st.builds(
    Answer,
    texts,
    st.lists(actions, max_size=3).map(
        lambda done: tuple(Step(number, each) for number, each in enumerate(done, 1))
    ),
)
examples = st.builds(Example, texts, answers, answers)
PAIR = Example("add 2 and 2", Answer("4"), Answer("5"))
STEPS = (
    Step(1, Action(ActionKind.COMMAND, "pytest -x", False, 1, "1 failed")),
    Step(2, Action(ActionKind.EDIT, "src/add.py", True, None, "+    return a + b")),
    Step(3, Action(ActionKind.COMMAND, "pytest -x", True, 0)),
)
WORK = Example("fix add", Answer("Fixed.", STEPS))


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


def test_what_was_done_becomes_calls_with_their_results_in_order() -> None:
    record = json.loads(render(WORK, DatasetFormat.OPENAI))
    messages = record["messages"]
    assert [message["role"] for message in messages] == [
        *("user", "assistant", "tool", "assistant", "tool", "assistant", "tool", "assistant")
    ]
    calls = [message["tool_calls"][0] for message in messages[1:-1:2]]
    assert [call["function"]["name"] for call in calls] == [
        *("run_command", "edit_file", "run_command")
    ]
    assert json.loads(calls[0]["function"]["arguments"]) == {"input": "pytest -x"}
    results = messages[2:-1:2]
    assert [each["tool_call_id"] for each in results] == [call["id"] for call in calls]
    assert [each["content"] for each in results] == [
        *("1 failed\nexit code 1", "+    return a + b\ndone", "exit code 0")
    ]
    assert messages[-1] == {"role": "assistant", "content": "Fixed."}
    assert [tool["function"]["name"] for tool in record["tools"]] == ["run_command", "edit_file"]


def test_calls_are_turns_of_their_own_in_sharegpt_and_part_of_what_is_preferred() -> None:
    record = json.loads(render(WORK, DatasetFormat.SHAREGPT))
    turns = [turn["from"] for turn in record["conversations"]]
    assert turns == ["human", *("function_call", "observation") * 3, "gpt"]
    assert json.loads(record["conversations"][1]["value"]) == {
        "name": "run_command",
        "arguments": {"input": "pytest -x"},
    }
    assert json.loads(record["tools"])[1]["function"]["name"] == "edit_file"
    pair = json.loads(render(Example("fix add", WORK.answer, Answer("No.")), DatasetFormat.DPO))
    assert [message["role"] for message in pair["chosen"]].count("tool") == 3
    assert pair["rejected"] == [{"role": "assistant", "content": "No."}]


@given(examples, st.sampled_from(DatasetFormat))
@hypothesis_example(
    Example("a\u2028b\u2029c\x85d\x1ce", Answer("f"), Answer("g")), DatasetFormat.OPENAI
)
def test_an_example_is_one_line_that_reads_back(example: Example, layout: DatasetFormat) -> None:
    line = render(example, layout)
    assert line.splitlines() == [line]
    record = json.loads(line)
    if layout is DatasetFormat.OPENAI:
        assert record["messages"][0]["content"] == example.task
        assert record["messages"][-1]["content"] == example.answer.text


@given(texts)
def test_case_width_and_spacing_do_not_make_another_task(task: str) -> None:
    assert task_key(f"  {task}\n\t") == task_key(task)
    assert task_key(f"fix {task} now".upper()) == task_key(f"FIX   {task.upper()}\nnow")
    assert task_key("\uff26\uff29\uff38 it") == task_key("fix it")


def test_splits_are_known_and_about_eighty_ten_ten() -> None:
    counts = Counter(split_of(task_key(f"task {number}")) for number in range(5000))
    assert set(counts) == set(SPLITS)
    assert counts["train"] / 5000 == pytest.approx(0.8, abs=0.02)
    assert counts["validation"] / 5000 == pytest.approx(0.1, abs=0.015)
    assert counts["test"] / 5000 == pytest.approx(0.1, abs=0.015)
    # Fixed for all time: a test set that moves into training is worth nothing.
    assert {number: split_of(task_key(f"task {number}")) for number in (0, 4, 14, 17)} == {
        0: "train",
        4: "validation",
        14: "test",
        17: "test",
    }


@given(examples, examples)
def test_only_spacing_makes_two_texts_one_example(a: Example, b: Example) -> None:
    spaced = Example(
        f" {a.task} ", Answer(a.answer.text.replace(" ", "  "), a.answer.steps), a.rejected
    )
    assert example_key(spaced) == example_key(a)
    assume([text.split() for text in a.texts()] != [text.split() for text in b.texts()])
    assert example_key(a) != example_key(b)
