"""Conditions: what they may say, that they are held against the facts' types, and their bounds."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hybrid_coordinator.domain.route import TaskType
from hybrid_coordinator.routing.rules.conditions import ConditionError, holding, read_condition
from hybrid_coordinator.routing.rules.facts import FACTS, Facts, Kind, named

FACTS_OF_A_TASK = Facts(
    task_type=TaskType.DEBUGGING,
    complexity="moderate",
    score=5.5,
    tokens=1200,
    files=2,
    keywords=("security",),
    tool_turns=0,
    quality_critical=False,
    prefer_local=True,
    local_fast_ready=True,
    local_quality_ready=False,
    remote_ready=False,
    free_memory_gb=3.5,
    cores=2.0,
    budget_left_usd=0.0,
)
VALUES = named(FACTS_OF_A_TASK)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('task_type == "debugging"', True),
        ("task_type != 'debugging'", False),
        ('task_type in ["edit", "debugging"]', True),
        ('task_type not in ("edit", "format")', True),
        ('"security" in keywords', True),
        ('"performance" not in keywords', True),
        ("1000 < tokens <= 1200", True),
        ("tokens > 1200 or files > 1", True),
        ("not quality_critical and prefer_local", True),
        ("local_fast_ready == true and local_quality_ready == False", True),
        ("budget_left_usd > -1", True),
        ("free_memory_gb < 3.5", False),
        ("  true  ", True),
        ("files == 2 and (score > 9 or not (cores >= 4))", True),
    ],
)
def test_conditions_are_held_against_the_facts(text: str, expected: bool):
    assert read_condition(text).holds(VALUES) is expected


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("tokenz > 3", "there is no fact `tokenz`; did you mean tokens?"),
        ("zzz", "there is no fact `zzz`; allowed: task_type, complexity, score,"),
        ('tokens > "a"', "`>` compares two numbers, not a number with text"),
        ('task_type == "debuging"', '"debuging" never occurs; did you mean debugging?'),
        ('task_type in ["edit", "wash"]', '"wash" never occurs; allowed: template, format'),
        ('"securty" in keywords', '"securty" never occurs; did you mean security?'),
        ('"bug" in task_type', "`in` compares text in a list of words, not text with text"),
        ("task_type == 3", "`==` compares two values of one type, not text with a number"),
        ("score", "is a number, not true or false; compare it with something"),
        ("tokens and prefer_local", "`tokens` is a number, where true or false is needed"),
        ("not files", "`files` is a number, where true or false is needed"),
        ("keywords == keywords", "`==` compares two values of one type, not a list of words"),
        ("prefer_local is True", "`is` is not allowed; write =="),
        ("tokens >", "not an expression: invalid syntax"),
        ("", "not an expression"),
        ("tokens > 1; tokens > 2", "not an expression"),
        ("tokens = 3", "not an expression"),
        ("-task_type == 3", "`-task_type` is not allowed"),
        ("-'a' == 'a'", "-'a' is no number"),
        ("None == 3", "None is neither text nor a number nor true or false"),
        ("tokens in [1, 2]", "a list holds texts in quotes"),
        ("task_type in [complexity]", "a list holds texts in quotes"),
        ("true " + "and true " * 200, "longer than 1000 characters"),
        ("not " * 60 + "true", "nested too deeply"),
        ("(" * 300 + "true" + ")" * 300, "not an expression"),
        ("prefer_local == 1_0if 1else 2", "not an expression"),
        ("task_type == '\\d'", "not an expression: invalid escape sequence"),
    ],
)
def test_what_a_condition_may_not_say_is_named(text: str, problem: str):
    with pytest.raises(ConditionError) as raised:
        read_condition(text)
    assert problem in str(raised.value)


HOSTILE = [
    "9 ** 9 ** 9 ** 9 > 1",
    "'a' * 10 ** 10 == 'a'",
    "1 << 10 ** 10 > 1",
    "[x for x in keywords] == keywords",
    "().__class__.__bases__[0].__subclasses__() == 1",
    "task_type.__class__ == 1",
    "__import__('os').system('true') == 0",
    "eval('1') == 1",
    "(lambda: 1)() == 1",
    "keywords[0] == 'a'",
    "f'{task_type}' == 'a'",
    "(x := 1) == 1",
    "print(1)",
    "1 if true else 2",
    "{1: 2} == {}",
    "{**VALUES}",
    "[*keywords] == keywords",
    "await x",
    "...",
    "b'a' == b'a'",
    "1j == 1j",
    "tokens % 2 == 0",
    "~tokens > 1",
    "import os",
    "\0",
    "\ud800",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_there_is_nothing_in_the_language_to_do_harm_with(text: str):
    with pytest.raises(ConditionError):
        read_condition(text)


SIGNS = "true|1|-2.5|1e999|(|)|[|]|,|not|and|or|in|not in|is|==|<|>=|**|*|.|__class__|lambda"
PIECES = st.sampled_from([*FACTS, *HOSTILE, *SIGNS.split("|"), '"edit"'])


@given(st.one_of(st.text(max_size=200), st.lists(PIECES, max_size=40).map(" ".join)))
def test_any_text_is_refused_or_evaluates_quickly_to_true_or_false(text: str):
    began = time.perf_counter()
    try:
        condition = read_condition(text)
    except ConditionError as error:
        assert str(error)
    else:
        assert condition.holds(VALUES) in (True, False)
    assert time.perf_counter() - began < 0.5


NUMBERS = st.sampled_from([name for name, fact in FACTS.items() if fact.kind is Kind.NUMBER])
TRUTHS = st.sampled_from([name for name, fact in FACTS.items() if fact.kind is Kind.TRUTH])
SIMPLE = st.one_of(
    TRUTHS,
    st.tuples(NUMBERS, st.sampled_from(["<", "<=", ">", ">=", "==", "!="]), st.integers(0, 9)).map(
        lambda parts: " ".join(map(str, parts))
    ),
    st.sampled_from(TaskType).map(lambda kind: f'task_type in ["{kind}", "edit"]'),
)
CONDITIONS = st.recursive(
    SIMPLE,
    lambda inner: st.one_of(
        inner.map(lambda text: f"not ({text})"),
        st.tuples(inner, st.sampled_from(["and", "or"]), inner).map(
            lambda parts: f"({parts[0]}) {parts[1]} ({parts[2]})"
        ),
    ),
    max_leaves=6,
)


@given(CONDITIONS)
def test_evaluation_is_that_of_python(text: str):
    spelled = eval(text, {"__builtins__": {}}, VALUES)
    assert read_condition(text).holds(VALUES) is spelled


def test_the_first_that_holds_is_found():
    conditions = [read_condition(text) for text in ("files > 5", "files > 1", "true")]
    assert holding(conditions, VALUES) == 1
    assert holding(conditions[:1], VALUES) is None


def test_conditions_are_equal_by_what_they_say():
    assert read_condition("files>1") == read_condition(" files  > 1")
    assert read_condition("files>1") != read_condition("files>2")
    assert read_condition("true or false").always
    assert not read_condition("false").always
    assert not read_condition("true or files > 1").always


def test_every_fact_has_a_meaning():
    assert list(VALUES) == list(FACTS)
    assert all(fact.meaning for fact in FACTS.values())
