"""What a model writes down about numbered passages, with the sources that the numbers stand for.

A model only ever gives numbers of what it was shown; a number that stands for nothing counts for
nothing, and what rests on no valid number is dropped.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from hybrid_coordinator.domain.knowledge import JsonValue
from hybrid_coordinator.domain.tokens import estimate_tokens
from hybrid_coordinator.routing.modes.asking import first_line, read_json
from hybrid_coordinator.routing.modes.passages import Source, merged

_LONGEST_NOTE = 300
_MOST_NOTES = 12
_MOST_SOURCES = 6


@dataclass(frozen=True, slots=True)
class Note:
    """A statement and where it comes from."""

    text: str
    sources: tuple[Source, ...]

    def __str__(self) -> str:
        shown = ", ".join(str(source) for source in self.sources[:_MOST_SOURCES])
        more = len(self.sources) - _MOST_SOURCES
        return f"{self.text} [{shown}{f', {more} more' if more > 0 else ''}]"

    @property
    def tokens(self) -> int:
        """What it costs in a prompt or an answer, an estimate on the safe side."""
        return estimate_tokens(str(self)) + 4


def schema_for(numbers: int, *, least: int = 0) -> dict[str, JsonValue]:
    """The form of ``least`` or more notes on things numbered from 1 to ``numbers``."""
    note: dict[str, JsonValue] = {
        "type": "object",
        "properties": {
            "text": {"type": "string", "maxLength": _LONGEST_NOTE},
            "from": {
                "type": "array",
                "items": {"type": "integer", "minimum": 1, "maximum": numbers},
                "minItems": 1,
                "maxItems": _MOST_NOTES,
            },
        },
        "required": ["text", "from"],
        "additionalProperties": False,
    }
    return {
        "type": "object",
        "properties": {
            "notes": {
                "type": "array",
                "items": note,
                "minItems": least,
                "maxItems": _MOST_NOTES,
            }
        },
        "required": ["notes"],
        "additionalProperties": False,
    }


FORM_TOKENS = estimate_tokens(json.dumps(schema_for(999)))
"""What the form costs in a prompt."""


def read_notes(answer: str, shown: Sequence[Sequence[Source]]) -> tuple[list[Note], int] | None:
    """The notes of an answer, and how many were dropped since they rest on nothing that was
    shown. ``shown[n - 1]`` are the sources behind the number n. None where the answer is in
    another form; one that was cut in the middle of a note has those before it."""
    value = read_json(answer)
    if value is None:
        value = read_json(f"{answer[: answer.rfind('}') + 1]}]}}")
    given = value.get("notes") if isinstance(value, dict) else None
    if not isinstance(given, list):
        return None
    notes, dropped = [], 0
    for entry in given:
        note = _note(entry, shown) if isinstance(entry, dict) else None
        if note is None:
            dropped += 1
        elif note not in notes:
            notes.append(note)
    return notes, dropped


def _note(entry: Mapping[str, JsonValue], shown: Sequence[Sequence[Source]]) -> Note | None:
    text, numbers = entry.get("text"), entry.get("from")
    if not isinstance(text, str) or not text.strip() or not isinstance(numbers, list):
        return None
    sources = [
        source
        for number in numbers
        if type(number) is int and 1 <= number <= len(shown)
        for source in shown[number - 1]
    ]
    return Note(first_line(text, _LONGEST_NOTE), merged(sources)) if sources else None


def numbered(notes: Sequence[Note]) -> str:
    """The notes as a model is shown them."""
    return "\n".join(f"[{number}] {note}" for number, note in enumerate(notes, 1))


def groups(notes: Sequence[Note], max_tokens: int) -> list[list[Note]]:
    """The notes in runs that fit ``max_tokens``, at least one in each."""
    runs: list[list[Note]] = []
    left = 0
    for note in notes:
        if not runs or note.tokens > left:
            runs.append([])
            left = max_tokens
        runs[-1].append(note)
        left -= note.tokens
    return runs


def as_list(notes: Sequence[Note], max_tokens: int) -> tuple[str, int]:
    """The notes as a Markdown list in at most ``max_tokens`` tokens (one note at least), and how
    many did not fit."""
    kept = groups(notes, max_tokens)[0] if notes else []
    return "\n".join(f"- {note}" for note in kept), len(notes) - len(kept)
