"""Reading a model's pattern: what it must hold, and what says nothing."""

from __future__ import annotations

import json
from typing import Any

import pytest

from hybrid_coordinator.domain.secrets import Scrubber
from hybrid_coordinator.errors import ModelReplyError
from hybrid_coordinator.learning.patterns.pattern import SCHEMA, Pattern, read_pattern
from tests.domain.task_examples import FIXES
from tests.support.patterns import PAGINATION, TASK, WORK


def read(answer: str) -> Pattern:
    return read_pattern(answer, Scrubber().scrub, TASK, WORK)


def said(**changed: Any) -> str:
    return json.dumps({**PAGINATION, **changed})


@pytest.mark.parametrize("form", ["{}", "```json\n{}\n```", "Here it is:\n```\n{}\n```"])
def test_a_pattern_is_read_bare_or_from_a_fence(form: str) -> None:
    pattern = read(form.replace("{}", said()))
    assert pattern.problem_type == PAGINATION["problem_type"]
    assert pattern.skills_used == ("ceiling division", "pytest")


def test_the_schema_asks_for_what_is_read() -> None:
    assert SCHEMA["required"] == list(PAGINATION)
    assert set(Pattern.model_fields) == set(PAGINATION)


def test_secrets_are_not_kept() -> None:
    token = "ghp_" + "a1B2c3D4e5" * 3 + "f6G7h8"
    pattern = read(said(when_to_use=f"Items are paged with the token {token}."))
    assert token not in pattern.when_to_use
    assert "<SECRET:" in pattern.when_to_use


def test_a_poor_list_of_names_is_made_good() -> None:
    names = ["pytest", " pytest ", "n/a", "", "x" * 99, *(f"tool {n}" for n in range(20))]
    assert read(said(skills_used=names)).skills_used == (
        "pytest",
        *(f"tool {n}" for n in range(7)),
    )


def test_what_the_record_cannot_hold_is_replaced() -> None:
    text = "Items are split\0 into pages \ud83d of a fixed size."
    assert read(said(when_to_use=text)).when_to_use == (
        "Items are split  into pages ? of a fixed size."
    )


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        ("", "no JSON"),
        ("It worked because of ceiling division.", "no JSON"),
        ("[1, 2]", "no JSON"),
        ("{}", "problem_type"),
        (said(solution_approach=""), "solution_approach"),
        (said(generalisable_pattern=None), "generalisable_pattern"),
        (said(skills_used="pytest"), "skills_used"),
        (said(when_to_use="x" * 5000), "when_to_use"),
        (said(problem_type="N/A"), "problem_type is left blank"),
        (said(solution_approach="string"), "solution_approach is left blank"),
        (said(when_not_to_use="..."), "when_not_to_use is left blank"),
        (said(generalisable_pattern="<the rule>"), "generalisable_pattern is left blank"),
        (said(generalisable_pattern="Round up."), "generalisable_pattern is too short"),
        (
            said(solution_approach="As an AI language model, I cannot see the pages."),
            "speaks of the model",
        ),
        (said(when_to_use="I'm sorry, but I can't help with pages."), "speaks of the model"),
        (said(generalisable_pattern=TASK), "it repeats the task"),
        (said(when_to_use=PAGINATION["when_not_to_use"]), "two fields say the same"),
        (said(problem_type="}{;; 77 $$ ,,"), "no language"),
    ],
)
def test_what_says_nothing_is_refused_with_its_reason(answer: str, why: str) -> None:
    with pytest.raises(ModelReplyError, match=why):
        read(answer)


def test_what_has_nothing_to_do_with_the_work_is_refused() -> None:
    made_up = {
        "problem_type": "Slow start of a web browser",
        "solution_approach": "Remove every extension that nobody has opened for months.",
        "skills_used": ["profiling"],
        "generalisable_pattern": "Measure before you change anything about speed.",
        "when_to_use": "An application feels slower than it did.",
        "when_not_to_use": "Nobody complains about speed.",
    }
    with pytest.raises(ModelReplyError, match="nothing of the task"):
        read(json.dumps(made_up))


def test_words_without_spaces_are_language_too() -> None:
    task, work = FIXES["chinese"]
    pattern = {
        "problem_type": "刷新页面后会话丢失",
        "solution_approach": "把刷新后的令牌写回存储,并为令牌刷新逻辑补充单元测试。",
        "skills_used": ["单元测试"],
        "generalisable_pattern": "凡是在内存里更新的登录状态,都要写回存储,否则刷新页面会丢失。",
        "when_to_use": "用户刷新页面以后需要重新登录。",
        "when_not_to_use": "会话本来就应该在刷新以后结束。",
    }
    read = read_pattern(json.dumps(pattern, ensure_ascii=False), str, task, work)
    assert read.problem_type == pattern["problem_type"]
