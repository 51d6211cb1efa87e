"""Filling templates: strictly, in one pass, and material in a fence that it cannot leave."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hybrid_coordinator.domain.route import TaskType
from hybrid_coordinator.domain.templates import Template, TemplateArgument, fenced
from hybrid_coordinator.errors import InvalidArgumentError

TEMPLATE = Template(
    "fix",
    1,
    "Fix",
    "Fixes",
    TaskType.DEBUGGING,
    (
        TemplateArgument("what", "what to fix"),
        TemplateArgument("how", "the way", required=False),
        TemplateArgument("code", "the code", required=False, material=True),
    ),
    "Fix {{what}}.\n\nDo it by {{how}}.\n \nThe code:\n{{code}}\n\n{literal} {{ spaced }} End.\n",
)
END = "{literal} {{ spaced }} End."


def test_a_block_without_its_argument_is_left_out():
    assert TEMPLATE.render({"what": "it"}) == f"Fix it.\n\n{END}"
    assert TEMPLATE.render({"what": "it", "how": " "}) == f"Fix it.\n\n{END}"
    assert TEMPLATE.render({"what": "it", "how": "hand"}) == (f"Fix it.\n\nDo it by hand.\n\n{END}")


def test_what_an_argument_holds_is_not_filled_in_its_turn():
    filled = TEMPLATE.render({"what": "{{how}} \\1", "how": "{{code}}"})
    assert filled.startswith("Fix {{how}} \\1.\n\nDo it by {{code}}.\n\n{literal}")


@pytest.mark.parametrize(
    ("given_values", "field", "says"),
    [
        ({}, "what", "required: what to fix"),
        ({"what": "\n"}, "what", "required: what to fix"),
        ({"what": "x", "whom": "y"}, "whom", "fix has no such argument; it has: what, how, code"),
    ],
)
def test_missing_and_unknown_arguments_are_named(given_values, field, says):
    with pytest.raises(InvalidArgumentError) as caught:
        TEMPLATE.render(given_values)
    assert (caught.value.field, caught.value.problem) == (field, says)


@given(st.text(alphabet="`a\n ~", max_size=60))
def test_no_material_leaves_its_fence(text):
    opening, *_, closing = fenced(text).split("\n")
    assert re.fullmatch("`{3,}", opening)
    assert closing == opening
    assert opening not in text
