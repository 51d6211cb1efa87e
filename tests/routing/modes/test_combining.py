"""Making one answer of several: by fields, syntax, votes and likeness; in any order the same."""

from __future__ import annotations

import json
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hybrid_coordinator.domain.ask import AskRequest
from hybrid_coordinator.domain.route import TaskType
from hybrid_coordinator.routing.modes.combining.combined import Combined, Said
from hybrid_coordinator.routing.modes.combining.votes import final_answer
from hybrid_coordinator.routing.modes.ensemble import combine, ensemble
from hybrid_coordinator.templating import voices
from tests.support.asking import Server, answering

SCHEMA = {
    "type": "object",
    "properties": {
        "status": {"type": "string"},
        "count": {"type": "integer"},
        "tags": {"type": "array", "items": {"type": "string"}},
        "place": {"type": "object", "properties": {"file": {"type": "string"}}},
    },
    "required": ["status"],
    "additionalProperties": False,
}
VOICES = ("anna", "ben", "cleo", "dan", "eve")


def said(*texts: str, weights: Sequence[float] = ()) -> list[Said]:
    given_weights = weights or [0.9] * len(texts)
    return [Said(*each) for each in zip(VOICES, texts, given_weights, strict=False)]


def as_json(**values: object) -> str:
    return json.dumps(values)


def combined(*texts: str, prompt: str = "", schema: dict | None = None, **more) -> Combined:
    return combine(said(*texts, **more), prompt, schema)


OBJECTS = st.fixed_dictionaries(
    {"status": st.sampled_from(["open", "closed", "Open "])},
    optional={
        "count": st.integers(0, 5),
        "tags": st.lists(st.sampled_from("abc"), max_size=3),
        "place": st.fixed_dictionaries({}, optional={"file": st.sampled_from("xy")}),
    },
).map(json.dumps)
SHORT = st.sampled_from(["18", "18.0", "$18", "(B)", "b) because", "yes", "No.", "so #### 20"])
CODE = st.sampled_from(
    [
        "```python\ndef f(a):\n    return a + 1\n```",
        '```python\ndef f(b):\n    """Adds."""\n    return b + 1  # one\n```',
        "```python\ndef f(a):\n    return a - 1\n```",
        "```python\ndef f(a:\n```",
        "```js\nconst f = (a) => a + 1;\n```",
        "Nothing to change.",
    ]
)
PROSE = st.lists(
    st.sampled_from(
        [
            "The cache is shared between requests without any lock.",
            "Every request opens a database connection of its own.",
            "Retries make the outage worse since nothing limits them.",
            "The parser accepts numbers with a trailing comma.",
        ]
    ),
    min_size=1,
    max_size=4,
).map(" ".join)


@given(st.data())
@settings(max_examples=300)
def test_the_order_of_the_answers_does_not_count(data):
    kind, schema = data.draw(
        st.sampled_from([(OBJECTS, SCHEMA), (SHORT, None), (CODE, None), (PROSE, None)])
    )
    mixed = st.one_of(kind, st.sampled_from(["", "I am not sure.", "{"]))
    answers = [
        Said(voice, data.draw(mixed), data.draw(st.sampled_from([0.2, 0.7, 0.9])))
        for voice in data.draw(st.lists(st.sampled_from(VOICES), min_size=1, unique=True))
    ]
    first = combine(answers, "How many?", schema)
    assert combine(data.draw(st.permutations(answers)), "How many?", schema) == first
    assert 0 <= first.agreement <= 1
    assert first.best in {one.voice for one in answers}


@given(st.one_of(OBJECTS, SHORT, CODE, PROSE), st.integers(1, 5), st.booleans())
def test_one_answer_is_itself_and_equal_ones_agree_fully(text, count, with_schema):
    schema = SCHEMA if with_schema else None
    one = combined(*[text] * count, schema=schema)
    assert one.text == text
    assert set(one.agreeing) == set(VOICES[:count])
    assert (one.agreement, one.dissent) == (1.0, ())


def test_fields_are_decided_one_by_one():
    whole = combined(
        as_json(status="open", count=3, tags=["a", "b"], place={"file": "x.py"}),
        as_json(status="Open.", count=9, tags=["b", "c"], place={"file": "y.py"}),
        as_json(status="closed", count=4, tags=["b", "a"], place={"file": "y.py"}),
        schema=SCHEMA,
    )
    value = json.loads(whole.text)
    assert value["status"] in ("open", "Open.")
    assert value["count"] == 4  # the middle one
    assert set(value["tags"]) == {"a", "b"}
    assert value["place"] == {"file": "y.py"}
    assert 0 < whole.agreement < 1
    assert any(line.startswith('status: "open", but "closed" (cleo)') for line in whole.dissent)
    assert any(line.startswith("count: 4, but 3 (anna); 9 (ben)") for line in whole.dissent)


def test_what_most_leave_out_is_left_out():
    whole = combined(
        as_json(status="open"),
        as_json(status="open"),
        as_json(status="open", count=1),
        schema=SCHEMA,
    )
    assert whole.text == as_json(status="open")
    assert whole.agreeing == ("anna", "ben")
    assert whole.dissent == ("count: left out, but 1 (cleo)",)


def test_what_only_one_of_three_says_is_left_out_where_all_differ():
    whole = combined(
        as_json(status="open", count=1),
        as_json(status="closed"),
        as_json(status="lost"),
        schema=SCHEMA,
        weights=[0.5, 0.9, 0.7],
    )
    assert json.loads(whole.text) == {"status": "closed"}


def test_a_mixture_that_is_off_the_schema_is_not_made():
    rows = [{"a": 1, "b": 1, "c": 0}, {"a": 1, "b": 0, "c": 1}, {"a": 0, "b": 1, "c": 1}]
    whole = combined(*map(json.dumps, rows), schema={"enum": rows})
    assert json.loads(whole.text) in rows
    assert 0 < whole.agreement < 1


def test_answers_off_the_schema_have_no_vote_and_are_named():
    whole = combined("{}", '```json\n{"status": "open"}\n```', "open", schema=SCHEMA)
    assert whole.text == '```json\n{"status": "open"}\n```'
    assert whole.agreement == 0
    assert whole.dissent == ("anna: not in the form asked for", "cleo: not in the form asked for")


@pytest.mark.parametrize(
    ("text", "prompt", "final"),
    [
        ("18", "", "18"),
        ("It is 6 * 3.\n#### 1,018", "", "1018"),
        ("So we get \\boxed{18.50}.", "", "18.5"),
        ("Long reasoning about it here.\nThe answer is (B).", "", "b"),
        ("**Answer:** C) Paris", "", "c"),
        ("Yes, it does.", "", "yes"),
        (
            "She has 20 eggs and sells 2 of them for cash.\nShe keeps 18 eggs now.",
            "How many?",
            "18",
        ),
        ("She has 20 eggs and sells 2 of them for cash. She keeps 18 eggs.", "Tell me.", None),
        ("The truck carries 1245 / 15 = 83 boxes.\nSo it can take 83 of them.", "Find it.", "83"),
        ("The final answer is negative because what is missed is more than that.", "", None),
        ("", "", None),
    ],
)
def test_what_an_answer_comes_down_to(text, prompt, final):
    assert final_answer(text, prompt) == final


def test_short_answers_are_voted_on():
    whole = combined("I count. The answer is 18.", "#### 20", "18", prompt="How many?")
    assert final_answer(whole.text) == "18"
    assert whole.agreement == 0.5
    assert whole.agreeing == ("anna", "cleo")
    assert whole.dissent == ("ben: 20 (not 18)",)


def test_code_that_parses_and_that_most_agree_with_is_chosen():
    same = "```python\ndef f(x: int) -> int:\n    return x + 1\n```"
    renamed = '```py\ndef f(number):\n    """One more."""\n    return number + 1\n```'
    other = "```python\ndef f(x):\n    return [x][0] - 1\n```"
    whole = combined(other, same, renamed)
    assert whole.text in (same, renamed)
    assert whole.agreeing == ("ben", "cleo")
    assert 0.5 < whole.agreement < 1
    assert whole.dissent[0].startswith("anna: other code (")
    broken = "```python\ndef f(x:\n    return x + 1\n```"
    kept = combined(broken, broken, same, weights=[0.9, 0.9, 0.3])
    assert kept.text == same
    assert "anna: code that does not parse" in kept.dissent
    swapped = "```python\ndef f(a, b):\n    return a - b\n```"
    assert combined(swapped, swapped.replace("a - b", "b - a")).agreement < 1


def test_of_prose_the_middle_is_taken_and_what_others_add_is_told():
    lock = "The cache is shared between requests without any lock, so updates are lost."
    also = f"{lock} The connection pool leaks handles whenever queries raise exceptions."
    whole = combined(also, lock, f"{lock} That is all.")
    assert whole.text == lock
    assert whole.agreement > 0.9
    (line,) = whole.dissent
    assert line.startswith("anna: The connection pool leaks handles")


LOCKING = "The writer takes care of the cache on its own."


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("The endpoint is vulnerable.", "The endpoint is not vulnerable."),
        ("The endpoint is safe to call.", "The endpoint isn't safe to call."),
        ("The number of retries is 3 here.", "The number of retries is 5 here."),
        ("Delete the lock before the write.", "Delete the write before the lock."),
    ],
)
def test_prose_that_contradicts_is_dissent(one, other):
    whole = combined(f"{one} {LOCKING}", f"{other} {LOCKING}")
    assert whole.agreement == 0
    assert len(whole.agreeing) == 1
    assert any(line.endswith((one, other)) for line in whole.dissent)


def test_prose_that_is_only_worded_alike_does_not_agree_fully():
    text = "The parser accepts numbers with a trailing comma and every {} request is logged."
    whole = combined(text.format("incoming"), text.format("outgoing"))
    assert 0.9 < whole.agreement < 1
    assert len(whole.agreeing) == 1


async def test_prose_worded_alike_makes_no_answer_surer_than_its_own_check(ask_to):
    prose = f"I am not sure, but I think the retry limit is three. {LOCKING}"
    async with answering(lambda _, __: prose) as server:
        request = AskRequest("Explain how it is kept.", task_type=TaskType.QUESTION)
        answer = await ensemble(ask_to(Server(server.url)), request, voices())
    own = [attempt.confidence for attempt in answer.attempts]
    assert len(own) == 3
    assert max(own) < 1
    assert answer.confidence <= max(own)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("O(n^2)", "O(2^n)"),
        ("SHA-256", "AES-256"),
        ("int32", "float32"),
        ("5 km", "5 miles"),
        ("x > 5", "x < 5"),
        ("at least 3", "at most 3"),
        ("false positive", "false negative"),
        ("a.out", "a.py"),
        ("C++", "C#"),
        ("1,2,3", "123"),
        ("12345678901", "12345678902"),
        ("A, B", "A, C"),
        ("No. 5", "No. 6"),
        ("__init__", "init"),
    ],
)
def test_different_short_answers_are_not_equal(one, other):
    prompt = "Which one is it?"
    assert final_answer(one, prompt) != final_answer(other, prompt)
    assert combined(one, other, prompt=prompt).agreement == 0


def test_symbols_count_in_prose():
    text = "The whole service with all of its parts is written in {} and nothing else."
    assert combined(text.format("C++"), text.format("C#")).agreement < 1


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("The answer is 42 because 6*7=42.", "42"),
        ("**Answer: $1,018.00**", "1018"),
        ("The answer is **18**.", "\\(18\\)"),
        ("50 %", "50%"),
        ("18 eggs", "18"),
        ("\"Paris\".", "paris"),
        ("Option B", "(b)."),
        ("Yes, it does.", "yes"),
        ("`O(n  log n)`", "O(n log n)"),
    ],
)  # fmt: skip
def test_the_same_short_answers_are_equal(one, other):
    prompt = "How many eggs are left?"
    assert final_answer(one, prompt) == final_answer(other, prompt) is not None


def fenced(language: str, code: str) -> str:
    return f"```{language}\n{code}\n```"


@pytest.mark.parametrize(
    ("language", "one", "other"),
    [
        ("js", 'get("http://one.org");', 'get("http://two.org");'),
        ("go", "x := `/* a */`", "x := `/* b */`"),
        ("css", "#top { color: red }", "#low { color: red }\n"),
        ("c", "#pragma once", "#pragma pack"),
        ("bash", "echo 'one\n# two'", "echo 'one\n# three'"),
        ("ruby", 'x = "a #{b} # c"', 'x = "a #{b} # d"'),
        ("js", "i--; go(1)", "i--; go(2)"),
        ("sql", "select '-- a'", "select '-- b'"),
        ("", "#top { color: red }", "#low { color: red }"),
    ],
)
def test_what_only_looks_like_a_comment_is_compared(language, one, other):
    assert combined(fenced(language, one), fenced(language, other)).agreement < 1


@pytest.mark.parametrize(
    ("language", "one", "other"),
    [
        ("js", 'f("a"); // it\'s "one"', 'f("a"); /* two */'),
        ("css", "a { color: red } /* one */", "a { color: red }"),
        ("bash", "ls -l # what's here", "ls -l"),
        ("yaml", "a: 1 # one", "# two\na: 1"),
        ("sql", "select 1 -- one", "select 1 /* two */"),
        ("lua", "x = 1 --[[ one\ntwo ]]", "x = 1 -- three"),
        ("haskell", "x = 1 -- one", "x = 1 {- two -}"),
    ],
)
def test_comments_do_not_count(language, one, other):
    assert combined(fenced(language, one), fenced(language, other)).agreement == 1
