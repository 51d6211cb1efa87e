"""Tool calls as hooks tell them: what was done, and how it went."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from hybrid_coordinator.domain.secrets import Scrubber
from hybrid_coordinator.learning.capture.events import read_event
from tests.support.hooks import Telling

EDIT = {"file_path": "/a/b.py", "old_string": "x", "new_string": "y"}
MAX_STORED = 60_000
"""Characters of a step; an event stands in the record until its turn does."""

TOKEN = "ghp_" + "a1B2c3D4" * 5
"""Formats such as this one say where they begin and how long they are, and not where they end."""
scrub = Scrubber().scrub


def told(
    tool: str,
    given: Any,
    *,
    answer: Any = None,
    error: str | None = None,
    clean: Callable[[str], str] = str,
) -> list[Any]:
    """The kind, subject, ok, exit status and detail of what a hook tells of a call."""
    if error is None:
        outcome = {"tool_response": answer}
    else:
        outcome = {"error": error, "is_interrupt": False}
    name = "PostToolUse" if error is None else "PostToolUseFailure"
    event = read_event(Telling().line(name, tool_name=tool, tool_input=given, **outcome), clean)
    assert event is not None
    return [event.content[name] for name in ("kind", "subject", "ok", "exit_code", "detail")]


def printed(stdout: str, **more: object) -> dict[str, object]:
    return {"stdout": stdout, "stderr": "", "interrupted": False, "isImage": False, **more}


@pytest.mark.parametrize(
    ("answer", "error", "expected"),
    [
        (printed("2 passed"), None, [True, 0, "2 passed"]),
        ({"stdout": "a", "stderr": "b"}, None, [True, 0, "a\nb"]),
        (None, "Exit code 1\nE assert", [False, 1, "E assert"]),
        (None, "Error: Exit code 127\nnot found", [False, 127, "not found"]),
        (None, "Command timed out after 2m", [False, None, "Command timed out after 2m"]),
        (printed("", backgroundTaskId="b1"), None, [True, None, ""]),
        (printed("half", interrupted=True), None, [True, None, "half"]),
    ],
)
def test_a_command(answer: Any, error: str | None, expected: list[object]) -> None:
    given = {"command": "pytest -q", "description": "Run the tests"}
    assert told("Bash", given, answer=answer, error=error) == ["command", "pytest -q", *expected]


def test_an_edit_is_known_by_its_patch() -> None:
    patch = [{"oldStart": 1, "lines": ["-x", "+y"]}, {"lines": [" z"]}]
    answer = {"filePath": "/a/b.py", "structuredPatch": patch, "originalFile": "x\nz"}
    assert told("Edit", EDIT, answer=answer) == ["edit", "/a/b.py", True, None, "-x\n+y\n z"]


def test_a_new_file_is_known_by_its_text() -> None:
    given = {"file_path": "/a/c.py", "content": "print()"}
    answer = {"type": "create", "structuredPatch": []}
    assert told("Write", given, answer=answer) == ["edit", "/a/c.py", True, None, "print()"]


def test_an_edit_that_failed_says_why() -> None:
    why = "String to replace not found"
    assert told("Edit", EDIT, error=why) == ["edit", "/a/b.py", False, None, why]


def test_another_tool_is_known_by_its_arguments() -> None:
    kind, subject, ok, _, _ = told("mcp__x__find", {"q": "é"}, answer=[{"text": "ok"}])
    assert (kind, subject, ok) == ("tool", 'mcp__x__find {"q": "é"}', True)


def test_what_is_long_is_bounded() -> None:
    long = "a" + "x" * 1_000_000 + "z"
    _, subject, _, _, detail = told("Bash", {"command": long}, answer=printed(long))
    assert len(subject) + len(detail) < MAX_STORED
    assert detail.endswith("z")


@pytest.mark.parametrize("characters", [2_000, 5_000, 10_000])
@pytest.mark.parametrize("shift", range(0, len(TOKEN) + 1, 4))
def test_no_cut_leaves_half_a_secret(characters: int, shift: int) -> None:
    # Half of it would not be known for a secret, and an event is stored as it is.
    around = "x" * (characters - shift - 1) + " " + TOKEN + " " + "y" * 30_000
    mirrored = "y " * 15_000 + TOKEN + " " + "x" * (characters - shift - 1)
    edit = {"file_path": "/a/b.py", "new_string": around}
    stored = [
        told("Bash", {"command": around}, answer=printed(mirrored), clean=scrub),
        told("Bash", {"command": "x"}, error=around, clean=scrub),
        told("Edit", edit, answer={}, clean=scrub),
        told("Edit", edit, answer={"structuredPatch": [{"lines": [around]}]}, clean=scrub),
        told("mcp__x__find", {"q": around}, answer=[], clean=scrub),
    ]
    assert "a1B2c3D4" not in repr(stored)
