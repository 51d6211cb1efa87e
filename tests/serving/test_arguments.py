"""Bad arguments: an error that names the field and what is allowed, for every tool."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hybrid_coordinator.errors import InvalidArgumentError
from hybrid_coordinator.serving.mcp import arguments as args
from hybrid_coordinator.serving.mcp.contract import TOOLS

GOOD: dict[str, dict[str, Any]] = {
    "augment_query": {"query": "q"},
    "ask_local_llm": {"prompt": "p"},
    "track_interaction": {
        "query": "q",
        "response": "r",
        "agent_type": "remote",
        "model_used": "m",
    },
    "update_outcome": {"interaction_id": "i", "outcome": "success"},
    "generate_training_data": {},
    "search_knowledge": {"query": "q"},
    "store_knowledge": {"collection": "best-practices", "title": "t", "content": "c"},
    "index_codebase": {"path": "."},
}
WRONG = [None, True, 17, 1.5, [], {}, ["x"], {"a": 1}, "no such value", "", "a\0b", -5, 10**12]


@pytest.mark.parametrize("name", GOOD)
def test_good_arguments_pass(name: str) -> None:
    args.validated(TOOLS[name].arguments, GOOD[name])


@pytest.mark.parametrize("name", GOOD)
def test_an_unknown_name_is_refused_with_the_names_there_are(name: str) -> None:
    with pytest.raises(
        InvalidArgumentError, match="nonsense: unknown parameter; allowed: "
    ) as error:
        args.validated(TOOLS[name].arguments, GOOD[name] | {"nonsense": 1})
    assert all(known in str(error.value) for known in TOOLS[name].arguments.model_fields)


@pytest.mark.parametrize("name", GOOD)
def test_a_missing_required_field_is_named(name: str) -> None:
    for field in GOOD[name]:
        rest = {key: value for key, value in GOOD[name].items() if key != field}
        with pytest.raises(InvalidArgumentError, match=f"^{field}: is required"):
            args.validated(TOOLS[name].arguments, rest)


@pytest.mark.parametrize("name", GOOD)
@pytest.mark.parametrize("wrong", WRONG, ids=repr)
def test_a_wrong_value_passes_validation_or_names_its_field(name: str, wrong: object) -> None:
    """Whatever the value, the outcome is a valid model or an error on that very field."""
    for field in TOOLS[name].arguments.model_fields:
        try:
            args.validated(TOOLS[name].arguments, GOOD[name] | {field: wrong})
        except InvalidArgumentError as error:
            assert error.field.split(".")[0] == field
            assert error.problem


@pytest.mark.parametrize("blank", ["", " ", "\n\t "])
def test_blank_text_is_refused(blank: str) -> None:
    with pytest.raises(InvalidArgumentError, match="^query: "):
        args.validated(args.AugmentQuery, {"query": blank})


def test_nothing_is_coerced() -> None:
    for field, value in {"query": 5, "max_tokens": "5", "collections": "codebase-context"}.items():
        with pytest.raises(InvalidArgumentError, match=f"^{field}: "):
            args.validated(args.AugmentQuery, {"query": "q"} | {field: value})


def test_allowed_values_are_listed() -> None:
    with pytest.raises(InvalidArgumentError, match="'success', 'partial', 'failure' or 'unknown'"):
        args.validated(args.UpdateOutcome, {"interaction_id": "i", "outcome": "great"})
    with pytest.raises(InvalidArgumentError, match="collections.0: .*'codebase-context'"):
        args.validated(args.AugmentQuery, {"query": "q", "collections": ["code"]})


@given(st.text(max_size=50))
def test_any_text_is_taken_or_refused_by_name(text: str) -> None:
    try:
        assert args.validated(args.AugmentQuery, {"query": text}).query == text
    except InvalidArgumentError as error:
        assert error.field == "query"
        assert not text.strip() or "\0" in text
