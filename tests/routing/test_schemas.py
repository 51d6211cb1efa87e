"""Schemas: what is none is refused, and what is hostile takes no more than its time."""

from __future__ import annotations

import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hybrid_coordinator.errors import InvalidArgumentError
from hybrid_coordinator.routing.checking.schemas import compile_schema


def doubled(depth: int) -> dict[str, Any]:
    """A schema that asks for 2**depth looks at a value."""
    levels: dict[str, Any] = {"level0": {"type": "string"}}
    for level in range(1, depth + 1):
        levels[f"level{level}"] = {"anyOf": [{"$ref": f"#/$defs/level{level - 1}"}] * 2}
    return {"$defs": levels, "$ref": f"#/$defs/level{depth}"}


DRAFT = "https://json-schema.org/draft/2020-12/schema"


def named(schema: dict[str, Any]) -> dict[str, Any]:
    """A schema each part of which names its draft."""
    levels = {name: {"$schema": DRAFT, **part} for name, part in schema["$defs"].items()}
    return {**schema, "$defs": levels}


@pytest.mark.parametrize(
    ("schema", "said"),
    [
        ({"type": "nonsense"}, "not a JSON schema"),
        ({"properties": {"a": {"pattern": "("}}}, "not a JSON schema"),
        ({"$schema": 5}, "must be a string"),
        ({"properties": {"a": {"$ref": "http://127.0.0.1:1/x"}}}, "is not fetched"),
        ({"enum": ["x" * 300_000]}, "longer than 200000 characters"),
    ],
)
def test_what_is_no_schema_is_the_callers_error(schema: dict[str, Any], said: str):
    with pytest.raises(InvalidArgumentError, match=r"^json_schema: ") as caught:
        compile_schema(schema)
    assert said in str(caught.value)


def test_a_schema_that_is_nested_too_deep_is_the_callers_error():
    schema: dict[str, Any] = {}
    for _ in range(2_000):
        schema = {"not": schema}
    with pytest.raises(InvalidArgumentError, match="nested too deep"):
        compile_schema(schema)


def test_a_schema_of_an_older_draft_is_read_as_that_draft():
    schema = {"$schema": "http://json-schema.org/draft-04/schema#", "maximum": 3,
              "exclusiveMaximum": True}  # fmt: skip
    matches = compile_schema(schema)
    assert matches(2)
    assert not matches(3)


@pytest.mark.parametrize(
    ("schema", "good", "bad"),
    [
        ({"pattern": "^[a-z]+$"}, "abc", "a1"),
        ({"pattern": r"^(\d+,)*\d+$"}, "1,22,3", "1,,3"),
        ({"pattern": r"^(?:\d{4})-(?:\d{2})+$"}, "2024-0102", "2024-010"),
        ({"patternProperties": {"^(?:x|y)+$": {"type": "integer"}}}, {"xy": 1}, {"xy": "1"}),
        ({"uniqueItems": True}, [1, True, "1", [1], {"a": 1}, None], [1, "1", 1.0]),
        ({"uniqueItems": True}, [{"a": [1]}, {"a": [2]}], [{"a": [1], "b": 2}, {"b": 2, "a": [1]}]),
    ],
)
def test_keywords_that_are_ours_mean_what_the_standard_says(
    schema: dict[str, Any], good: Any, bad: Any
):
    matches = compile_schema(schema)
    assert matches(good)
    assert not matches(bad)


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        pytest.param({"pattern": "^(a+)+$"}, "a" * 40 + "b", id="nested repetition"),
        pytest.param({"pattern": "a*a*a*a*a*b"}, "a" * 5_000, id="many repetitions"),
        pytest.param({"pattern": "a?" * 30 + "a" * 30 + "$"}, "a" * 29, id="many options"),
        pytest.param({"pattern": "^" + "(a|a)" * 40 + "$"}, "a" * 39, id="many branches"),
        pytest.param(
            {"patternProperties": {"^(x+)+$": {}}, "additionalProperties": False},
            {"x" * 40 + "y": 1},
            id="in a name",
        ),
        pytest.param(doubled(40), 5, id="references that double"),
        pytest.param(named(doubled(40)), 5, id="references that double, to parts with a draft"),
        pytest.param({"$ref": "#"}, 1, id="a circle"),
        pytest.param({"items": {"$ref": "#/nowhere"}}, [1], id="a reference to nothing"),
        pytest.param({"uniqueItems": True}, [{}, 1] * 20_000, id="many items, each with each"),
        pytest.param(
            {"items": {"$schema": DRAFT, "uniqueItems": True}},
            [[{}, 1] * 20_000],
            id="many items, in a part with a draft",
        ),
    ],
)
def test_a_hostile_schema_takes_bounded_time_and_does_not_match(schema: dict[str, Any], value: Any):
    matches = compile_schema(schema)
    began = time.monotonic()
    assert not matches(value)
    assert time.monotonic() - began < 6


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.sampled_from(["", "a", "b", 1.0, 0.5]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("ab"), inner),
    max_leaves=5,
)


@given(st.lists(JSON, max_size=4))
def test_unique_items_are_those_that_no_two_are_equal(items: list[Any]):
    def equal(a: Any, b: Any) -> bool:
        if isinstance(a, bool) or isinstance(b, bool):
            return a is b
        if isinstance(a, list) and isinstance(b, list):
            return len(a) == len(b) and all(equal(x, y) for x, y in zip(a, b, strict=True))
        if isinstance(a, dict) and isinstance(b, dict):
            return a.keys() == b.keys() and all(equal(a[name], b[name]) for name in a)
        return bool(a == b)

    unique = not any(equal(a, b) for place, a in enumerate(items) for b in items[place + 1 :])
    assert compile_schema({"uniqueItems": True})(items) is unique
