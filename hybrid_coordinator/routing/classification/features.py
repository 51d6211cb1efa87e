"""What the text of a task shows: cue words of several kinds and languages, and its shape."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

from hybrid_coordinator.routing.classification.cues import UNSPACED, Cue, find_cues

_EXCERPT = 600
"""Characters read from the start and as many from the end: people put the request first or last,
and what lies between is pasted. It bounds the time, and words of pasted text are no cues."""

_FENCED = re.compile(r"^[ \t]*(```|~~~).*?(?:^[ \t]*\1|\Z)", re.MULTILINE | re.DOTALL)
_WORD = re.compile(r"\w+")
_COMMA = re.compile(r"[,\u3001\uff0c]")
_ITEM = re.compile(r"^[ \t]*(?:[-*\u2022]|\d{1,2}[.)])\s+\S", re.MULTILINE)
_FILE = re.compile(
    r"(?<![\w/-])[\w/-]+\.(?:py|js|ts|tsx|go|rs|java|c|h|cpp|cs|rb|php|sql|ya?ml|toml|json|md)\b"
)
_ERROR = re.compile(r"\b[A-Z]\w*(?:Error|Exception)\b|\bTraceback\b|\bstack trace\b")


@dataclass(frozen=True, slots=True)
class Shape:
    """What a request shows. ``cues`` are in the order in which their words appear; ``length``,
    ``enumeration`` and ``items`` are in 0-1, growing with amount; ``files`` counts names."""

    cues: tuple[Cue, ...]
    length: float
    enumeration: float
    items: float
    files: int
    error: bool
    question: bool


def shape(text: str) -> Shape:
    """Read a task's text, in well under 1 ms whatever its length."""
    request = _request(text)
    words = len(_WORD.findall(request))
    # A word of a script without spaces is about two signs, and \w+ took a run of them for one.
    words += len(UNSPACED.findall(request)) // 2
    return Shape(
        cues=find_cues(request),
        length=math.log1p(words) / 7,
        enumeration=min(len(_COMMA.findall(request)), 8) / 8,
        items=min(len(_ITEM.findall(request)), 10) / 10,
        files=len(set(_FILE.findall(request))),
        error=_ERROR.search(f"{text[:_EXCERPT]}\n{text[-_EXCERPT:]}") is not None,
        question=request.rstrip().endswith(("?", "\uff1f")),
    )


def _request(text: str) -> str:
    """The part of a text that says what is wanted: the ends of a long one, without code."""
    if len(text) > 8 * _EXCERPT:
        text = f"{text[: 4 * _EXCERPT]}\n{text[-4 * _EXCERPT :]}"
    text = _FENCED.sub("", text)
    if len(text) > 2 * _EXCERPT:
        text = f"{text[:_EXCERPT]}\n{text[-_EXCERPT:]}"
    return text
