"""What is the same task, and what only looks like it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hybrid_coordinator.domain.recurrence import (
    RECURRENCE_THRESHOLD,
    recurrence,
    same_task,
    similarity,
)

texts = st.text(max_size=200)


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ("Fix the failing test in tests/test_api.py", "fix failing tests in tests/test_api.py"),
        ("Please add a retry to the upload.", "Add retry to upload"),
        ('Rename "old name" to "new name"', "rename “old name” to “new name”"),
        ("修复订单页面的分页错误", "修复订单页面的分页错误。"),
    ],
)
def test_case_articles_punctuation_and_plurals_make_no_other_task(a: str, b: str) -> None:
    assert same_task(a, b)


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ("Turn the cache on for the product page", "Turn the cache off for the product page"),
        ("Drop the old table", "Do not drop the old table"),
        (
            "Copy the settings from staging to production",
            "Copy settings from production to staging",
        ),
        ("Bump the version to 2.4.1", "Bump the version to 2.4.2"),
        ("Fix the import in src/app.py", "Fix the import in src/web.py"),
        ('Rename the field to "total"', 'Rename the field to "sum"'),
        ("Print a - b", "Print a + b"),
        ("Alert when load > 5", "Alert when load < 5"),
        ("Fix the log page", "Fix the login page"),
        ("Fix the date column", "Fix the data column"),
        ("修复订单页面的分页错误", "修复用户页面的分页错误"),
        ("", ""),
        ("...", "!!!"),
    ],
)
def test_one_word_number_or_sign_makes_another_task_however_alike_the_texts(a: str, b: str) -> None:
    assert not same_task(a, b)
    assert not same_task(b, a)


def test_what_lies_in_the_middle_of_long_texts_counts() -> None:
    long = "word " * 4_000
    assert same_task(f"{long} first {long}", f"{long} first {long}")
    assert not same_task(f"{long} first {long}", f"{long} second {long}")


@given(texts, texts)
def test_being_the_same_is_symmetric(a: str, b: str) -> None:
    assert same_task(a, b) == same_task(b, a)


@given(texts)
def test_a_text_that_says_something_is_the_same_as_itself(text: str) -> None:
    assert same_task(f"word {text}", f"word {text}")


@given(st.lists(st.floats(0, 1), max_size=6), st.integers(0, 5), st.floats(0, 1))
def test_more_likeness_is_never_less_recurrence(
    alike: list[float], place: int, more: float
) -> None:
    raised = [max(each, more) if at == place else each for at, each in enumerate(alike)]
    assert recurrence(raised) >= recurrence(alike)


def test_the_same_needs_more_than_to_be_of_one_kind() -> None:
    kind = ("Bump the version to 2.4.1 and tag it", "Bump the version to 3.0.0 and tag it")
    assert similarity(*kind) >= RECURRENCE_THRESHOLD
    assert not same_task(*kind)
