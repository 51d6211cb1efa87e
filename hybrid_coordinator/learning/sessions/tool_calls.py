"""Calls of Claude Code's tools, as its session files tell them, as actions."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from hybrid_coordinator.domain.clipping import Clean, clean_and_clipped
from hybrid_coordinator.domain.turns import Action, ActionKind, is_tracking

Json = Mapping[str, Any]
"""A JSON object as it came; nothing is known of its values."""

_COMMANDS = ("Bash", "PowerShell")
_EDITS = {
    "Edit": "file_path",
    "MultiEdit": "file_path",
    "Write": "file_path",
    "NotebookEdit": "notebook_path",
}
_NOTED = (*_COMMANDS, *_EDITS, "Agent", "Task")

_EXIT_CODE = re.compile(r"(?:Error: )?Exit code (-?\d{1,9})\n?")
_READ = 20_000
"""Characters of a result that are read; the recorder keeps less."""
_SUBJECT = 4_000


def action_of(
    name: str, given: Json, result: Json | None, told: object, at: datetime, clean: Clean
) -> Action:
    """The action of one call. Its texts are as they came, unless they are too long: then they are
    cleaned before they are cut, since half a secret would not be known for one.

    Args:
        given: the call's arguments.
        result: its ``tool_result`` block; None where there is none, as it was broken off.
        told: the line's ``toolUseResult``: what the tool itself gave back.
    """
    failed = result is None or result.get("is_error") is True
    text = "" if result is None else _read(text_of(result.get("content")), clean)
    if name in _COMMANDS:
        exit_code, printed = _ended(text, told, clean, failed=failed)
        subject = _string(given.get("command"))
        return Action(
            ActionKind.COMMAND,
            clean_and_clipped(subject, _SUBJECT, 0, clean),
            not failed,
            None if result is None else exit_code,
            printed,
            at,
        )
    if name in _EDITS:
        detail = text if failed else _change(given, told, clean)
        return Action(
            ActionKind.EDIT, _string(given.get(_EDITS[name])), not failed, None, detail, at
        )
    arguments = json.dumps(given, ensure_ascii=False) if given else ""
    subject = clean_and_clipped(f"{name} {arguments}".strip(), _SUBJECT, 0, clean)
    # What a tool found is in the files, or came from this program.
    told_on = text if failed or is_tracking(name) else ""
    return Action(ActionKind.TOOL, subject, not failed, None, told_on, at)


def is_noted(name: str, action: Action) -> bool:
    """Whether a call is a step of its turn: not if it only looked at something and found it. The
    plugin's hooks are told of the same ones."""
    return not action.ok or name in _NOTED or name.startswith("mcp__")


def text_of(content: object) -> str:
    """The text of a message's or a result's content: a string, or a list of blocks."""
    if isinstance(content, str):
        return content
    blocks = content if isinstance(content, list) else []
    texts = (block.get("text") for block in blocks if isinstance(block, dict))
    return "\n".join(text for text in texts if isinstance(text, str))


def _ended(text: str, told: object, clean: Clean, *, failed: bool) -> tuple[int | None, str]:
    """The exit status of a command, where it is known, and what it printed."""
    if failed:
        code = _EXIT_CODE.match(text)
        return (int(code[1]), text[code.end() :]) if code else (None, text)
    if not isinstance(told, dict):
        return 0, text
    printed = "\n".join(filter(None, (_string(told.get(name)) for name in ("stdout", "stderr"))))
    # What goes on in the background or was cut off has no status yet, and of some programs
    # Claude Code takes another status than 0 for an answer.
    names = ("backgroundTaskId", "interrupted", "returnCodeInterpretation")
    unknown = any(told.get(name) for name in names)
    return None if unknown else 0, _read(printed or text, clean)


def _change(given: Json, told: object, clean: Clean) -> str:
    """What an edit changed: the lines of its patch, else the text that was put there."""
    patch = told.get("structuredPatch") if isinstance(told, dict) else None
    lines: list[str] = []
    for hunk in patch if isinstance(patch, list) else []:
        of_hunk = hunk.get("lines") if isinstance(hunk, dict) else None
        lines += map(_string, of_hunk if isinstance(of_hunk, list) else [])
    if lines:
        return _read("\n".join(lines), clean)
    written = (given.get(name) for name in ("new_string", "content", "new_source"))
    text = next((text for text in written if isinstance(text, str)), "")
    return clean_and_clipped(text, _READ // 2, 0, clean)


def _read(text: str, clean: Clean) -> str:
    return clean_and_clipped(text, _READ // 2, _READ // 2, clean)


def _string(value: object) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
