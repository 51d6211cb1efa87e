"""Tool calls as actions: what was done, and how it went."""

from __future__ import annotations

import pytest

from hybrid_coordinator.domain.knowledge import JsonValue
from hybrid_coordinator.domain.turns import Action, ActionKind
from hybrid_coordinator.learning.capture.actions import MAX_DETAIL, MAX_SUBJECT, action_of

BASH: dict[str, JsonValue] = {"command": "pytest -q", "description": "Run the tests"}
EDIT: dict[str, JsonValue] = {"file_path": "/a/b.py", "old_string": "x", "new_string": "y"}


def printed(stdout: str, **more: JsonValue) -> JsonValue:
    return {"stdout": stdout, "stderr": "", "interrupted": False, "isImage": False, **more}


@pytest.mark.parametrize(
    ("answer", "error", "expected"),
    [
        (printed("2 passed"), None, (True, 0, "2 passed")),
        ({"stdout": "a", "stderr": "b"}, None, (True, 0, "a\nb")),
        (None, "Exit code 1\nE assert", (False, 1, "E assert")),
        (None, "Error: Exit code 127\nnot found", (False, 127, "not found")),
        (None, "Command timed out after 2m", (False, None, "Command timed out after 2m")),
        (printed("", backgroundTaskId="b1"), None, (True, None, "")),
        (printed("half", interrupted=True), None, (True, None, "half")),
    ],
)
def test_a_command(
    answer: JsonValue, error: str | None, expected: tuple[bool, int | None, str]
) -> None:
    ok, exit_code, detail = expected
    action = action_of("Bash", BASH, answer, error, None)
    assert action == Action(ActionKind.COMMAND, "pytest -q", ok, exit_code, detail)


def test_an_edit_is_known_by_its_patch() -> None:
    answer: JsonValue = {
        "filePath": "/a/b.py",
        "structuredPatch": [{"oldStart": 1, "lines": ["-x", "+y"]}, {"lines": [" z"]}],
    }
    action = action_of("Edit", EDIT, answer, None, None)
    assert action == Action(ActionKind.EDIT, "/a/b.py", True, None, "-x\n+y\n z")


def test_a_new_file_is_known_by_its_text() -> None:
    given: dict[str, JsonValue] = {"file_path": "/a/c.py", "content": "print()"}
    action = action_of("Write", given, {"type": "create", "structuredPatch": []}, None, None)
    assert action == Action(ActionKind.EDIT, "/a/c.py", True, None, "print()")


def test_an_edit_that_failed_says_why() -> None:
    action = action_of("Edit", EDIT, None, "String to replace not found", None)
    assert action == Action(ActionKind.EDIT, "/a/b.py", False, None, "String to replace not found")


def test_another_tool_is_known_by_its_arguments() -> None:
    action = action_of("mcp__x__find", {"q": "é"}, [{"type": "text", "text": "ok"}], None, None)
    assert action.kind is ActionKind.TOOL
    assert action.subject == 'mcp__x__find {"q": "é"}'


def test_of_a_long_output_the_end_is_kept_and_of_a_long_edit_the_beginning() -> None:
    long = "a" + "x" * 10_000 + "z"
    command = action_of("Bash", {"command": long}, printed(long), None, None)
    assert len(command.subject) == MAX_SUBJECT
    assert command.subject.startswith("a")
    assert len(command.detail) == MAX_DETAIL
    assert command.detail.endswith("z")
    edit = action_of("Write", {"file_path": "f", "content": long}, {}, None, None)
    assert len(edit.detail) == MAX_DETAIL
    assert edit.detail.startswith("a")
