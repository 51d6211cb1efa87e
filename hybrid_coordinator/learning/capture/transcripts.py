"""What only Claude Code's own session file tells of a turn: the model, the tokens it took, and the
prompt of a subagent."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from hybrid_coordinator.domain.knowledge import JsonValue

_TAIL_BYTES = 4_000_000
"""Of a session file; a turn is at its end, or at least near it."""
_HEAD_BYTES = 1_000_000

Json = Mapping[str, JsonValue]


@dataclass(frozen=True, slots=True)
class Spent:
    """What a turn took: the last model that answered, tokens in both directions, and the last
    text that it wrote."""

    model: str = ""
    tokens: int = 0
    text: str = ""


def spent(transcript: str, since: datetime, until: datetime) -> Spent:
    """What the answers between two times took; nothing where the file cannot be read.

    Times are those of one clock: the session file's writer and the hook run on one machine.
    """
    answers: dict[str, Json] = {}
    text = ""
    for entry in _entries(transcript, from_end=True):
        message = entry.get("message")
        at = _time(entry.get("timestamp"))
        if (
            entry.get("type") == "assistant"
            and isinstance(message, dict)
            and at is not None
            and since <= at <= until
        ):
            # One answer takes a line a block, each with the usage of the whole.
            answers[str(message.get("id"))] = message
            text = _said(message.get("content")) or text
    models = [str(answer.get("model") or "") for answer in answers.values()]
    return Spent(
        next((name for name in reversed(models) if name and not name.startswith("<")), ""),
        sum(_tokens(answer.get("usage")) for answer in answers.values()),
        text,
    )


def first_prompt(transcript: str) -> str:
    """What a subagent was asked for; empty where the file cannot be read."""
    for entry in _entries(transcript, from_end=False):
        message = entry.get("message")
        if entry.get("type") == "user" and isinstance(message, dict):
            return _said(message.get("content"))
    return ""


def _entries(transcript: str, *, from_end: bool) -> Iterator[Json]:
    """The whole lines of the end or the beginning of a file that are JSON objects."""
    try:
        with Path(transcript).open("rb") as file:
            if from_end:
                size = file.seek(0, 2)
                file.seek(max(0, size - _TAIL_BYTES))
                lines = file.read(_TAIL_BYTES).split(b"\n")
            else:
                lines = file.read(_HEAD_BYTES).split(b"\n")
    except (OSError, ValueError):  # a path may hold a NUL
        return
    for line in lines:
        try:
            entry = json.loads(line)
        except (ValueError, RecursionError):
            continue  # cut, or still being written
        if isinstance(entry, dict):
            yield entry


def _said(content: JsonValue) -> str:
    if isinstance(content, str):
        return content
    blocks = content if isinstance(content, list) else []
    texts = (block.get("text") for block in blocks if isinstance(block, dict))
    return "\n".join(text for text in texts if isinstance(text, str))


def _tokens(usage: JsonValue) -> int:
    counted = usage if isinstance(usage, dict) else {}
    # What was read from the cache was counted when it was written there.
    names = ("input_tokens", "output_tokens", "cache_creation_input_tokens")
    values = (counted.get(name) for name in names)
    return sum(value for value in values if isinstance(value, int) and value > 0)


def _time(value: JsonValue) -> datetime | None:
    try:
        time = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None
    return time.replace(tzinfo=UTC) if time and time.tzinfo is None else time
