"""Lines of shared knowledge: written by us, read as if by anybody."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hybrid_coordinator.domain.histories import Elsewhere
from hybrid_coordinator.domain.ids import knowledge_id
from hybrid_coordinator.domain.items import CollectionName
from hybrid_coordinator.domain.knowledge import NewKnowledge
from hybrid_coordinator.domain.sharing import SharedEntry
from hybrid_coordinator.errors import InvalidArgumentError
from hybrid_coordinator.learning.sharing.lines import MOST_CHARACTERS, parse, render

MACHINE = "0198c5a2-7b1e-4c3d-8f00-0123456789ab"
NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
ENTRY = SharedEntry(
    NewKnowledge(
        CollectionName.SKILLS_PATTERNS, "shop", "Retry", "Back off 🙂\n\twith jitter.",
        {"value_score": 0.5, "prerequisites": ["naïve"]},
    ),
    NOW,
    NOW,
    "1.2.3",
    (Elsewhere(MACHINE, 2, "pattern", 3, 1, 9, 4.5, 7),),
)  # fmt: skip


def signed(**changes: Any) -> str:
    """The line with these members changed (None: left out), its id and digest made to fit."""
    line = {**render(ENTRY), **changes}
    line = {name: value for name, value in line.items() if value is not None and name != "sha256"}
    if "id" not in changes and {"collection", "project", "title"} <= line.keys():
        parts = (str(line[name]) for name in ("collection", "project", "title"))
        line["id"] = knowledge_id(*parts)
    text = json.dumps(line, sort_keys=True, separators=(",", ":"))
    return json.dumps({**line, "sha256": hashlib.sha256(text.encode()).hexdigest()})


def known(**changes: Any) -> list[dict[str, Any]]:
    return [{**render(ENTRY)["provenance"][0], **changes}]


def test_a_line_comes_back_as_it_was_written() -> None:
    text = json.dumps(render(ENTRY))
    assert parse(text) == ENTRY
    assert parse(signed()) == ENTRY
    assert parse(json.dumps(json.loads(text), indent=1, ensure_ascii=False)) == ENTRY


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "line: "),
        ("[]", "line: "),
        ("{" * 5000, "line: "),
        ('{"a":' * 500 + "1" + "}" * 500, "line: |type: is missing|a: "),
        (signed(schema=2), "schema: is unknown; this version reads schema 1"),
        (signed(schema=None), "schema: is missing"),
        (signed(type="interaction"), "type: "),
        (signed(more=1), "more: is unknown to schema 1"),
        (signed(collection="codebase"), "collection: "),
        (signed(title=""), "title: "),
        (signed(title="x" * 1001), "title: .*1000"),
        (signed(content="x" * 100_001), "content: .*100000"),
        (signed(content=5), "content: "),
        (signed(content="a\x00b"), r"content: holds the control character U\+0000"),
        (signed(content="a\x1b[2Jb"), r"content: holds the control character U\+001B"),
        (signed(title="a\u202eb"), r"title: holds the control character U\+202E"),
        (signed(project="a\nb"), r"project: holds the control character U\+000A"),
        (signed(project="x" * 201), "project: "),
        (signed(fields=[]), "fields: "),
        (signed(fields={"usage_pattern": "x" * 200_001}), "fields: take more than"),
        (signed(fields={"usage_pattern": "\x07"}), r"fields: .*U\+0007"),
        (signed(fields={"a": {"\x07": 1}}), r"fields: .*U\+0007"),
        (signed(created_at="yesterday"), "created_at: "),
        (signed(updated_at="2026-01-01T00:00:00"), "updated_at: .*timezone"),
        (signed(provenance=[]), "provenance: "),
        (signed(provenance=known() * 65), "provenance: "),
        (signed(provenance=known(machine="me")), r"provenance\.0\.machine: "),
        (signed(provenance=known(version=0)), r"provenance\.0\.version: "),
        (signed(provenance=known(origin="god")), r"provenance\.0\.origin: "),
        (signed(provenance=known(uses=-1)), r"provenance\.0\.uses: "),
        (signed(provenance=known(uses=10**10)), r"provenance\.0\.uses: "),
        (signed(provenance=known(successes=float("nan"))), r"provenance\.0\.successes: "),
        (signed(provenance=known(successes=float("inf"))), r"provenance\.0\.successes: "),
        (signed(provenance=known(successes=8.0)), r"provenance\.0: successes are judged uses"),
        (signed(provenance=known(judged=10)), r"provenance\.0: successes are judged uses"),
        (signed(id=MACHINE), "id: is not that of this collection, project and title"),
        (signed().replace("jitter", "delay"), "sha256: is not that of the line"),
        (" " * (MOST_CHARACTERS + 1), "line: has more than 400000 characters"),
    ],
)
def test_what_is_off_is_named(text: str, problem: str) -> None:
    with pytest.raises(InvalidArgumentError, match=f"^({problem})") as raised:
        parse(text)
    assert "jitter" not in str(raised.value), "what stands in it is not repeated"
    assert len(str(raised.value)) < 300


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.floats() | st.text(), st.lists))
def test_no_value_of_a_member_is_more_than_refused(value: object) -> None:
    for name in render(ENTRY):
        try:
            parse(signed(**{name: value}))
        except InvalidArgumentError:
            continue


@given(st.text())
def test_no_text_is_more_than_refused(text: str) -> None:
    with pytest.raises(InvalidArgumentError):
        parse(text)
