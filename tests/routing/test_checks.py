"""Checking answers: what each check finds, and that none raises on any text."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from hybrid_coordinator.domain.reply import AnswerChecks
from hybrid_coordinator.routing.checking.checks import Schema, Verdict, confidence, judge
from hybrid_coordinator.routing.checking.fences import find_fences
from hybrid_coordinator.routing.checking.parsing import fault
from hybrid_coordinator.routing.checking.schemas import compile_schema

PERSON: dict[str, Any] = {
    "type": "object",
    "properties": {"name": {"type": "string"}, "age": {"type": "integer"}},
    "required": ["name", "age"],
}
THRESHOLD = 0.7

GOOD = "Use a set: membership tests take constant time, and duplicates vanish."
LOOP = "The answer is that the answer is that " * 30
NOISE = (
    "$3jkQ!z8@Lm#0pX%5vR^2wT&7yU*9iO(1aS)4dF_6gH+K~b{N}c|V:x;Z<e>r?B[q]M"
    "n/t=Y-u`o8P.lW,fJ2E!sA@5D#hG$1C%k"
)


USUAL: dict[str, list[dict[str, Any]]] = yaml.safe_load(
    Path(__file__).with_name("usual_answers.yaml").read_text(encoding="utf-8")
)


@pytest.mark.parametrize("kind", ["good", "bad"])
def test_usual_answers_pass_and_useless_ones_do_not(kind: str):
    for case in USUAL[kind]:
        finish = "length" if case.get("cut") else "stop"
        seen = judge(case["answer"], prompt=case["prompt"], finish_reason=finish)
        assert (seen.confidence >= THRESHOLD) == (kind == "good"), (case, seen)


def judged(answer: str, *, prompt: str = "How do I drop duplicates?", **more: Any) -> Verdict:
    return judge(answer, prompt=prompt, **more)


def check(answer: str, **more: Any) -> AnswerChecks:
    return judged(answer, **more).checks


def person() -> Schema:
    return Schema.of(PERSON, compile_schema(PERSON))


def test_a_good_answer_passes_every_check():
    checks = check(GOOD)
    assert checks == AnswerChecks(format=1.0, completeness=1.0, coherence=1.0)
    assert confidence(checks) == 1.0


def test_good_code_passes():
    answer = 'Here:\n\n```python\ndef f(xs):\n    return re.findall("\\d", xs)\n```\n'
    assert confidence(check(answer)) == 1.0


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param("```python\ndef f(:\n```", id="python that does not parse"),
        pytest.param('```json\n{"a": 1,}\n```', id="json that does not parse"),
        pytest.param("```js\nif (x) { y(\n```", id="brackets that do not close"),
        pytest.param("```python\nprint(1)\n", id="a fence that does not close"),
        pytest.param(LOOP, id="a loop of words"),
        pytest.param("ab, cd; " * 60, id="a loop at the end"),
        pytest.param(NOISE, id="noise"),
        pytest.param("I'm sorry, but I can't help with that.", id="a bare refusal"),
        pytest.param("How do I drop duplicates? Please tell me now", id="an echo"),
        pytest.param("\ufffd\ufffda\ufffdb\ufffd c \ufffd\ufffd", id="broken text"),
        pytest.param("", id="nothing"),
    ],
)
def test_a_bad_answer_is_below_the_threshold(answer: str):
    prompt = "How do I drop duplicates? Please tell me"
    assert confidence(check(answer, prompt=prompt)) < THRESHOLD


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param("42", id="a number"),
        pytest.param("Yes", id="a word"),
        pytest.param("def f(x):\n    return x", id="bare code"),
        pytest.param("```\nanything ( at all\n```", id="a fence without a language"),
        pytest.param("```python\n>>> f(1)\n1\n>>> f(2)\n2\n```", id="a Python session"),
        pytest.param("```python\n    return x\n```", id="an indented piece of Python"),
        pytest.param("```ts\nconst s = '(';  // :-(\n```", id="brackets in literals"),
        pytest.param("- one\n- two\n- three", id="a list"),
        pytest.param("Sorry is a card game; here are its rules: draw, move, bump.", id="sorry"),
        pytest.param("| a | b |\n|---|---|\n| 1 | 2 |\n" + "-" * 300, id="a table and a rule"),
        pytest.param("\u96c6\u5408\u4f1a\u53bb\u6389\u91cd\u590d\u9879\u3002", id="Chinese"),
        pytest.param(f"See https://example.com/{NOISE.replace('<', '')}", id="a long URL"),
        pytest.param(
            "for i in range(3):\n    print(i)\n" * 3 + "done()", id="code that repeats itself"
        ),
    ],
)
def test_an_odd_but_sound_answer_is_not_below_the_threshold(answer: str):
    assert confidence(check(answer)) >= THRESHOLD


def test_a_loop_at_the_end_of_a_long_answer_is_seen():
    words = " ".join(f"word{number}" for number in range(400))
    assert check(words).coherence == 1.0
    assert check(f"{words} {'and on ' * 40}").coherence == 0.0


def test_a_paragraph_that_comes_again_and_again_is_seen():
    paragraph = " ".join(f"word{number}" for number in range(60))
    assert check("\n\n".join([paragraph] * 6)).coherence < 0.1


def test_hedging_lowers_coherence():
    assert check("It cannot be determined from this.").coherence == 0.5


def test_an_opening_mark_of_emphasis_hangs_and_a_closing_one_does_not():
    assert check("The total is **40**").completeness == 1.0
    assert check("**40**").completeness == 1.0
    assert check("The total is **").completeness < 0.5


@pytest.mark.parametrize(
    "answer",
    [
        "Dear Ann,\n\nCould you please share the slides by Friday?\n\nThanks,\nBen",
        "Use `strict: true`; I'm not sure that older compilers know it.",
        "Sure: run `make todo`, and the list of open tasks is printed.",
    ],
)
def test_what_only_looks_like_no_answer_passes(answer: str):
    assert judged(answer).confidence >= THRESHOLD


def test_a_cut_answer_is_incomplete():
    assert check(GOOD, finish_reason="length").completeness < 0.5
    assert check("First, open the file, then call the method on").completeness == 0.5
    assert check("The code is:").completeness < 0.5


def test_a_quantity_that_is_asked_for_must_be_there():
    asked = "How many days are in a leap year?"
    assert check("There are many days in it.", prompt=asked).completeness == 0.5
    assert check("There are 366 days in it.", prompt=asked).completeness == 1.0


def test_json_that_matches_the_schema_passes():
    assert confidence(check('{"name": "Ada", "age": 36}', schema=person())) == 1.0


@pytest.mark.parametrize(
    ("answer", "form", "completeness"),
    [
        ('{"name": "Ada", "age": "old"}', 0.1, 1.0),
        ('{"name": "Ada"}', 0.1, 0.5),
        ("[1, 2]", 0.1, 0.0),
        ("Ada is 36.", 0.0, 0.0),
        ('```json\n{"name": "Ada", "age": 36}\n```', 0.0, 0.0),
        ("[" * 100_000, 0.0, 0.0),
    ],
    ids=["wrong type", "field missing", "not an object", "prose", "fenced", "too deep"],
)
def test_json_that_does_not_match_is_below_the_threshold(
    answer: str, form: float, completeness: float
):
    checks = check(answer, schema=person())
    assert (checks.format, checks.completeness) == (form, completeness)
    assert confidence(checks) < THRESHOLD


def test_self_critique_weighs_a_fifth_where_it_ran():
    checks = AnswerChecks(format=1.0, completeness=1.0, coherence=1.0, self_critique=0.0)
    assert confidence(checks) == pytest.approx(0.8)


SCHEMAS = st.sampled_from([None, {}, PERSON, {"$ref": "#"}, {"$ref": "#/nowhere"}])
ANSWERS = st.one_of(
    st.text(max_size=2000),
    st.text(alphabet="`~\n pyjson{}[]()\"'.,\\#", max_size=400),
    st.recursive(
        st.none() | st.integers() | st.text(max_size=5),
        lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(["name", "age"]), inner),
    ).map(json.dumps),
)


@given(ANSWERS, st.text(max_size=200), st.sampled_from(["stop", "length", ""]), SCHEMAS)
def test_any_answer_is_checked_within_bounds(
    answer: str, prompt: str, reason: str, given_schema: dict[str, Any] | None
):
    schema = None
    if given_schema is not None:
        schema = Schema.of(given_schema, compile_schema(given_schema))
    verdict = judge(answer, prompt=prompt, finish_reason=reason, schema=schema)
    checks = verdict.checks
    assert 0 <= checks.format <= 1
    assert 0 <= checks.completeness <= 1
    assert 0 <= checks.coherence <= 1
    assert 0 <= verdict.confidence <= 1
    assert verdict.reasons or verdict.confidence > THRESHOLD


SHARES = st.floats(0, 1)


@given(SHARES, SHARES, SHARES, st.none() | SHARES)
def test_confidence_is_between_its_checks(a: float, b: float, c: float, d: float | None):
    shares = [a, b, c] if d is None else [a, b, c, d]
    sure = confidence(AnswerChecks(a, b, c, d))
    assert min(shares) - 1e-4 <= sure <= max(shares) + 1e-4
    assert sure == round(sure, 4)


@given(st.one_of(ANSWERS, st.sampled_from([GOOD, NOISE])), st.text(max_size=50), SCHEMAS)
def test_a_cut_answer_is_below_the_threshold(
    answer: str, prompt: str, given_schema: dict[str, Any] | None
):
    schema = None
    if given_schema is not None:
        schema = Schema.of(given_schema, compile_schema(given_schema))
    verdict = judge(answer, prompt=prompt, finish_reason="length", schema=schema)
    checks = verdict.checks
    assert verdict.confidence < THRESHOLD
    assert confidence(checks) < THRESHOLD
    assert confidence(replace(checks, self_critique=1.0)) < THRESHOLD


@given(st.lists(SHARES, min_size=4, max_size=4), st.integers(0, 3), SHARES, st.booleans())
def test_a_better_check_never_lowers_the_confidence(
    values: list[float], which: int, other: float, critical: bool
):
    if not critical:
        values[3] = None
        which = min(which, 2)
    better = list(values)
    better[which] = max(values[which], other)
    assert confidence(AnswerChecks(*values)) <= confidence(AnswerChecks(*better))


@given(st.text(alphabet="ab`~ \n#", max_size=200))
def test_fences_are_taken_from_the_text(text: str):
    for fence in find_fences(text):
        assert fence.text in text


@pytest.mark.parametrize(
    "code", ["-" * 100_000 + "1", "a" + ".b" * 50_000, "(" * 10_000, "\0", "\ud800", "f'{" * 999]
)
def test_code_that_breaks_parsers_does_not_parse(code: str):
    (fence,) = find_fences(f"```python\n{code}\n```")
    assert fault(fence) is not None


def test_fences_of_other_marks_and_lengths_nest():
    text = "~~~md\n```py\nx\n```\n~~~\n````\n```\n````"
    assert [(fence.language, fence.text) for fence in find_fences(text)] == [
        ("md", "```py\nx\n```"),
        ("", "```"),
    ]


OFF_TOPIC = (
    "The orchestra played three symphonies that evening, and the audience stayed until the last "
    "violin had fallen silent; critics praised the conductor."
)


@pytest.mark.parametrize(
    ("prompt", "answer", "beside"),
    [
        ("Design a distributed rate limiter for several regions.", OFF_TOPIC, True),
        ("What did critics write about the orchestra's symphonies?", OFF_TOPIC, False),
        ("Hi there?", OFF_TOPIC, False),
        ("Translate into English: le concert a duré longtemps, hier soir", OFF_TOPIC, False),
        ("Design a distributed rate limiter for several regions.", "Yes, with Redis.", False),
        (
            "Write something that computes fibonacci numbers quickly.",
            "def fib(n):\n    a, b = 0, 1\n    for _ in range(n): a, b = b, a + b\n    return a",
            False,
        ),
    ],
)
def test_an_answer_beside_the_question_is_told(prompt: str, answer: str, beside: bool):
    verdict = judge(answer, prompt=prompt)
    assert ("nothing of the question is in it" in verdict.reasons) is beside
    assert (verdict.confidence < 0.7) is beside
