"""Calls of Claude Code's tools, as its hooks tell them, as actions.

Fields: https://code.claude.com/docs/en/hooks (PostToolUse, PostToolUseFailure), and what version
2.1.329 sends.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import datetime

from hybrid_coordinator.domain.knowledge import JsonValue
from hybrid_coordinator.domain.turns import Action, ActionKind

MAX_SUBJECT = 2_000
MAX_DETAIL = 4_000
"""Characters. What a command printed says at its end how it went; errors and edits say it at their
beginning."""

_COMMANDS = ("Bash", "PowerShell")
_EDITS = {"Edit": "file_path", "MultiEdit": "file_path", "Write": "file_path",
          "NotebookEdit": "notebook_path"}  # fmt: skip
_EXIT_CODE = re.compile(r"(?:Error: )?Exit code (\d+)\n?")

Json = Mapping[str, JsonValue]


def action_of(
    tool: str, given: Json, answer: JsonValue, error: str | None, at: datetime | None
) -> Action:
    """The action of one call.

    Args:
        given: the call's arguments.
        answer: what the tool gave back; None where it failed.
        error: why it failed; None where it did not.
    """
    if tool in _COMMANDS:
        exit_code, printed = _ended(answer, error)
        command = _text(given.get("command"))
        return Action(
            ActionKind.COMMAND, _start(command, MAX_SUBJECT), error is None, exit_code,
            _end(printed, MAX_DETAIL), at,
        )  # fmt: skip
    if tool in _EDITS:
        detail = error if error is not None else _change(given, answer)
        subject = _start(_text(given.get(_EDITS[tool])), MAX_SUBJECT)
        kind = ActionKind.EDIT
    else:
        detail = error if error is not None else _text(answer)
        arguments = json.dumps(given, ensure_ascii=False) if given else ""
        subject, kind = _start(f"{tool} {arguments}".strip(), MAX_SUBJECT), ActionKind.TOOL
    return Action(kind, subject, error is None, None, _start(detail, MAX_DETAIL), at)


def _ended(answer: JsonValue, error: str | None) -> tuple[int | None, str]:
    """The exit status of a command, where it is known, and what it printed."""
    if error is not None:
        code = _EXIT_CODE.match(error)
        return (int(code[1]), error[code.end() :]) if code else (None, error)
    if not isinstance(answer, dict):
        return 0, _text(answer)
    printed = "\n".join(filter(None, (_text(answer.get(name)) for name in ("stdout", "stderr"))))
    # What goes on in the background, or was cut off, has no status yet.
    unknown = answer.get("backgroundTaskId") or answer.get("interrupted")
    return None if unknown else 0, printed


def _change(given: Json, answer: JsonValue) -> str:
    """What an edit changed: the lines of its patch, else the text that was put there."""
    patch = answer.get("structuredPatch") if isinstance(answer, dict) else None
    lines: list[str] = []
    for hunk in patch if isinstance(patch, list) else []:
        of_hunk = hunk.get("lines") if isinstance(hunk, dict) else None
        lines += map(_text, of_hunk if isinstance(of_hunk, list) else [])
    if lines:
        return "\n".join(lines)
    written = (given.get(name) for name in ("new_string", "content", "new_source"))
    return next((text for text in written if isinstance(text, str)), "")


def _text(value: JsonValue) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _start(text: str, limit: int) -> str:
    return text if len(text) <= limit else text[: limit - 1] + "…"


def _end(text: str, limit: int) -> str:
    return text if len(text) <= limit else "…" + text[1 - limit :]
