"""Novelty, recurrence, generality and what they make of realistic tasks."""

from __future__ import annotations

import time
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hybrid_coordinator.domain.estimates import estimate, generality
from hybrid_coordinator.domain.recurrence import (
    RECURRENCE_THRESHOLD,
    novelty,
    recurrence,
    similarities,
    similarity,
)
from hybrid_coordinator.domain.value import ValueComponents, value_score
from tests.domain.task_examples import FIXES, TRIFLES

texts = st.text(max_size=300)
THRESHOLD = 0.7


def score(query: str, response: str, earlier: list[str], outcome: float, feedback: float) -> float:
    guessed = estimate(query, response, earlier)
    return value_score(
        ValueComponents(outcome, feedback, guessed.reusability, guessed.complexity, guessed.novelty)
    )


@pytest.mark.parametrize("name", FIXES)
def test_a_verified_fix_is_worth_learning_from_without_a_thumb_up(name: str) -> None:
    query, response = FIXES[name]
    others = [task for other, (task, _) in FIXES.items() if other != name]
    rephrased = " ".join(reversed(query.split(" ", 2)))
    assert score(query, response, [], 1, 0.5) >= THRESHOLD
    assert score(query, response, others, 1, 0.5) >= THRESHOLD
    assert score(query, response, [rephrased], 1, 0.5) >= THRESHOLD
    assert score(query, response, [query], 1, 0.5) >= THRESHOLD
    assert score(query, response, [query] * 20, 1, 0.5) >= THRESHOLD


@pytest.mark.parametrize("name", TRIFLES)
def test_a_trivial_success_is_not(name: str) -> None:
    query, response = TRIFLES[name]
    for earlier in ([], [query], [query] * 20):
        assert score(query, response, earlier, 1, 0.5) < THRESHOLD


@pytest.mark.parametrize("name", FIXES)
def test_a_failure_never_is_nor_a_partial_success_without_a_thumb_up(name: str) -> None:
    query, response = FIXES[name]
    assert score(query, response, [], 0, 1) < THRESHOLD
    assert score(query, response, [], 0.5, 0.5) < THRESHOLD


def test_different_tasks_are_not_taken_for_the_same() -> None:
    for (_, (a, _)), (_, (b, _)) in combinations(FIXES.items(), 2):
        assert similarity(a, b) < RECURRENCE_THRESHOLD


@pytest.mark.parametrize(
    ("a", "b"),
    [
        (
            "Add a unit test for the parse_date function in src/dates.py",
            "Add a unit test for the parseAmount function in lib/money.py",
        ),
        (
            "Bump the version to 2.4.1 and update the changelog for the release",
            "Bump the version to 3.0.0 and update the changelog for the release",
        ),
        (
            "Behebe den Tippfehler in der Überschrift der Startseite",
            "Behebe den Tippfehler in der Überschrift der Kontaktseite",
        ),
        ("修复订单页面的分页错误并补充测试", "修复用户页面的分页错误并补充测试"),
        ("주문 페이지의 정렬 오류를 수정해 주세요", "회원 페이지의 정렬 오류를 수정해 주세요"),
    ],
)
def test_the_same_kind_of_task_recurs(a: str, b: str) -> None:
    alike = similarities(a, [b])
    assert alike[0] >= RECURRENCE_THRESHOLD
    assert recurrence(alike) >= 0.9
    assert novelty(alike) <= 1 - RECURRENCE_THRESHOLD


@given(texts, texts)
def test_similarity_is_a_symmetric_fraction(a: str, b: str) -> None:
    assert 0 <= similarity(a, b) <= 1
    assert similarity(a, b) == similarity(b, a)


@given(texts)
def test_a_text_is_like_itself(text: str) -> None:
    assert similarity(text, text) == pytest.approx(1.0) or similarity(text, text) == 0
    assert similarity(f"word {text}", f"word {text}") == pytest.approx(1.0)


@given(texts, st.lists(texts, max_size=4), texts)
def test_another_earlier_task_never_adds_novelty_nor_takes_recurrence(
    task: str, earlier: list[str], more: str
) -> None:
    before, after = similarities(task, earlier), similarities(task, [*earlier, more])
    assert novelty(after) <= novelty(before)
    assert recurrence(after) >= recurrence(before)


def test_nothing_earlier_is_all_new() -> None:
    assert novelty([]) == 1
    assert recurrence([]) == 0


@given(texts, texts, st.lists(texts, max_size=3))
def test_estimates_are_fractions(query: str, response: str, earlier: list[str]) -> None:
    guessed = estimate(query, response, earlier)
    assert 0 <= guessed.reusability <= 1
    assert 0 <= guessed.complexity <= 1
    assert 0 <= guessed.novelty <= 1


@given(texts, st.integers(1, 5))
def test_repeating_a_task_does_not_make_it_general(text: str, times: int) -> None:
    repeated = "\n".join([text] * times)
    assert generality(f"{repeated}\nfix it") <= generality(f"{text}\nfix it") + 0.15


def test_what_belongs_to_one_instance_is_not_general() -> None:
    plain = generality("rename the configuration module and update every import of it")
    assert plain >= 0.8
    for instance in (
        "/srv/app/config/main.yaml",
        "https://example.org/issues/77",
        "42",
        "9f86d081884c7d659a2feaa0c55ad015",
        '"Order number missing"',
        "`handle_order`",
        "calculateQuarterlyRevenueByRegion",
        "ops@example.org",
        r"C:\work\config.ini",
    ):
        specific = " ".join(f"rename the configuration module {instance}".split())
        assert generality(specific) < plain - 0.05
        assert generality(f"{specific} {instance}") < generality(specific)


def test_words_with_a_slash_or_a_dot_stay_words() -> None:
    assert generality("read and/or write self.name once more") == pytest.approx(
        generality("read and or write self name once more")
    )


@pytest.mark.parametrize(
    "pattern",
    ["a", "/a", '"', "1.", "的", "`", "(", "a:", "\u0301", "'a ", "-f", "x\n", "- a b c\n"],
)
def test_hostile_texts_cost_bounded_work(pattern: str) -> None:
    text = pattern * (200_000 // len(pattern))
    begin = time.process_time()
    estimate(text, text, [text] * 20)
    assert time.process_time() - begin < 2
