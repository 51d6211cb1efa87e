"""Schemas as remote providers take them: whatever comes in, and never narrower than it was."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from hybrid_coordinator.inference.clients.closed_schemas import (
    closed_for_anthropic,
    strict_at_openai,
)

KEYWORDS = st.sampled_from(
    [
        *("type", "properties", "required", "additionalProperties", "items", "anyOf", "oneOf"),
        *("$defs", "$ref", "enum", "const", "format", "minimum", "description", "a"),
    ]
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.sampled_from(["object", "array", "string", "a"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYWORDS, inner, max_size=4),
)


@given(st.dictionaries(KEYWORDS, JSON))
def test_any_json_is_judged_without_an_error(schema: dict[str, Any]):
    strict_at_openai(schema)
    closed = closed_for_anthropic(schema)
    assert closed is None or isinstance(closed, dict)


def test_a_schema_nested_too_deep_is_left_to_the_prompt():
    schema: dict[str, Any] = {"type": "string"}
    for _ in range(20_000):
        schema = {"type": "array", "items": schema}
    wrapped = {
        "type": "object",
        "properties": {"a": schema},
        "required": ["a"],
        "additionalProperties": False,
    }
    assert closed_for_anthropic(wrapped) is None
    assert strict_at_openai(wrapped) is False


LEAVES = st.sampled_from(
    [
        {"type": "string", "maxLength": 2},
        {"type": "integer", "minimum": 0},
        {"type": ["boolean", "null"]},
        {"enum": ["x", 1, None]},
        {"const": "x"},
    ]
)


def objects(inner: st.SearchStrategy[dict[str, Any]]) -> st.SearchStrategy[dict[str, Any]]:
    return st.dictionaries(st.sampled_from("abc"), inner, min_size=1, max_size=3).map(
        lambda members: {"type": "object", "properties": members, "required": [min(members)]}
    )


SCHEMAS = st.recursive(
    LEAVES,
    lambda inner: (
        objects(inner)
        | inner.map(lambda items: {"type": "array", "items": items, "maxItems": 1})
        | st.lists(inner, min_size=1, max_size=2).map(lambda each: {"oneOf": each})
    ),
    max_leaves=5,
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-1, 2) | st.sampled_from(["x", "longer"]),
    lambda inner: (
        st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3)
    ),
)


@given(SCHEMAS, VALUES)
def test_an_answer_without_other_members_that_was_valid_stays_valid(
    schema: dict[str, Any], value: object
):
    closed = closed_for_anthropic(schema)
    assert closed is not None
    Draft202012Validator.check_schema(closed)
    if Draft202012Validator(_without_more(schema)).is_valid(value):
        assert Draft202012Validator(closed).is_valid(value)


def _without_more(schema: Any) -> Any:
    """The schema with every object in it closed, and nothing else changed."""
    if isinstance(schema, list):
        return [_without_more(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    closed = {name: _without_more(value) for name, value in schema.items()}
    return {**closed, "additionalProperties": False} if schema.get("type") == "object" else closed


@pytest.mark.parametrize("kind", [1, None, {}, ["object", 2]])
def test_a_type_that_is_none_is_left_to_the_prompt(kind: object):
    assert closed_for_anthropic({"type": kind}) is None
