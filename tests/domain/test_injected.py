"""Taking out of a text what the coordinator itself put into a prompt."""

from __future__ import annotations

import html
import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hybrid_coordinator.domain.injected import CLOSING, OPENING, prompt, without_injected

CONTEXT = f"{OPENING}\nReference data.\n\n[1] a.py:1-2 | why\n```\nsecret_sauce()\n```\n{CLOSING}\n"
PLAIN = st.text(st.sampled_from("ab <>/\\`[]\n\tTask:")).filter(
    lambda text: not text.lstrip().startswith("Task:") and not text.startswith("\\")
)


def test_a_prompt_gives_its_query_back() -> None:
    assert without_injected(prompt(CONTEXT, "why is it slow?")) == "why is it slow?"


@given(PLAIN)
def test_any_query_comes_back_and_any_text_without_marks_stays(query: str) -> None:
    assert without_injected(query) == query
    assert without_injected(prompt(CONTEXT, query)).strip() == query.strip()


@given(st.lists(PLAIN, max_size=4), st.data())
def test_what_stands_around_contexts_stays_and_nothing_else(
    pieces: list[str], data: st.DataObject
) -> None:
    text = "".join(f"{piece}\n{CONTEXT}" for piece in pieces)
    assert without_injected(text) == "".join(f"{piece}\n" for piece in pieces)
    # Cut off at either end, nothing of a context is left.
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, len(text)))
    assert "secret_sauce()" not in without_injected(text[start:end]) or not (
        OPENING in text[start:end] or CLOSING in text[start:end]
    )


@given(st.lists(st.sampled_from([OPENING, CLOSING, "kept", "\n", " ", "Task:"])))
def test_once_is_enough_and_lines_keep_their_numbers(parts: list[str]) -> None:
    text = "".join(parts)
    cleaned = without_injected(text)
    assert OPENING not in cleaned
    assert CLOSING not in cleaned
    assert without_injected(cleaned) == cleaned
    assert without_injected(text, keep_lines=True).count("\n") == text.count("\n")


def test_kept_lines_stand_where_they_stood() -> None:
    text = f"first\n{prompt(CONTEXT, 'second')}\nthird\n"
    lines = without_injected(text, keep_lines=True).split("\n")
    for word in ("first", "second", "third"):
        assert lines.index(word) == text.split("\n").index(word)


@pytest.mark.parametrize(
    "quoted",
    [
        lambda text: text.replace("\n", "\n    "),
        lambda text: text.replace("\n", "\n> "),
        lambda text: text.replace("\n", "\r\n"),
        json.dumps,
        lambda text: json.dumps(json.dumps(text)),
        lambda text: json.dumps(text).replace("/", "\\/"),
        lambda text: json.dumps(text).replace("<", "\\u003c").replace(">", "\\u003e"),
        html.escape,
    ],
)
def test_it_is_known_however_it_is_quoted(quoted) -> None:
    text = quoted(f"before\n{prompt(CONTEXT, 'the query')}\nafter")

    cleaned = without_injected(text)

    assert "secret_sauce" not in cleaned
    assert all(word in cleaned for word in ("before", "the query", "after"))


@pytest.mark.parametrize(
    "text", [OPENING, CLOSING, OPENING + CLOSING, f"{CLOSING}\n", f"{CLOSING}{' ' * 50}", "<" * 9]
)
def test_it_takes_time_in_proportion_to_the_text(text: str) -> None:
    def seconds(times: int) -> float:
        began = time.perf_counter()
        without_injected(text * times)
        return time.perf_counter() - began

    assert seconds(20_000) < 2.0
