"""Members of a JSON text are set and removed; the rest stays as it is, byte for byte."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hybrid_coordinator.serving.hooks.json_edit import members, with_member, without_member

NAMES = st.sampled_from(["a", "b", "ours", "enabled", 'quo"te', "é\\", ""])
VALUES = st.recursive(
    st.sampled_from([None, True, 0, 1.5, "", "x{", '"', "ü\n"]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(NAMES, inner, max_size=2),
    max_leaves=4,
)
STYLES = st.sampled_from(
    [
        {"indent": 2},
        {"indent": 4, "separators": (",", " : ")},
        {"indent": "\t"},
        {"indent": None},
        {"indent": None, "separators": (",", ":")},
    ]
)
ROOTS = st.dictionaries(NAMES, st.dictionaries(NAMES, VALUES, max_size=3) | VALUES, max_size=4)


@settings(deadline=None)
@given(ROOTS, STYLES, st.sampled_from(["", "\n", "\r\n"]), st.booleans(), VALUES)
def test_a_member_is_set_and_nothing_else_changes(
    root: dict[str, Any], style: dict[str, Any], tail: str, ascii_only: bool, value: Any
) -> None:
    if not isinstance(root.get("enabled", {}), dict):
        del root["enabled"]
    before = json.dumps(root, ensure_ascii=ascii_only, **style) + tail
    if tail == "\r\n":
        before = before.replace("\n", tail).replace("\r\r", "\r")
    after = with_member(before, "enabled", "ours", value)
    expected = {**root, "enabled": {**root.get("enabled", {}), "ours": value}}
    assert list(json.loads(after).items()) == list(expected.items())
    assert with_member(after, "enabled", "ours", value) == after
    assert after.endswith(tail)
    if "ours" not in root.get("enabled", {}):
        made = "enabled" not in root
        assert without_member(after, "enabled", "ours", prune=made) == before


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("{}\n", '{\n  "s": {\n    "n": true\n  }\n}\n'),
        ('{"a": 1}', '{"a": 1, "s": {"n": true}}'.replace(", ", ",").replace('1,"s', '1,"s')),
        ('{\n    "a": 1\n}', '{\n    "a": 1,\n    "s": {\n        "n": true\n    }\n}'),
        ('{\n\t"s": {}\n}', '{\n\t"s": {\n\t\t"n": true\n\t}\n}'),
        ('{"s": {"n": false, "m": 1}}', '{"s": {"n": true, "m": 1}}'),
        ('{"s": {"n": 1}, "s": {"m": 2}}', '{"s": {"n": 1}, "s": {"m": 2,"n": true}}'),
    ],
)
def test_it_is_written_as_its_neighbours_are(before: str, after: str) -> None:
    assert with_member(before, "s", "n", True) == after


def test_a_section_that_was_there_stays_when_it_is_empty() -> None:
    assert without_member('{"s": {"n": 1}}', "s", "n", prune=False) == '{"s": {}}'
    assert without_member('{"s": {"n": 1}}', "s", "n", prune=True) == "{}"


def test_what_is_not_there_is_not_removed() -> None:
    for text in ('{"s": {"m": 1}}', '{"s": null}', "{}"):
        assert without_member(text, "s", "n", prune=True) == text


@pytest.mark.parametrize(
    "text", ["", "[]", '{"a" 1}', '{"a": 1', '{"a": 1,}', "{a: 1}", '// x\n{"a": 1}', "{} {}"]
)
def test_what_is_no_json_object_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        members(text)
