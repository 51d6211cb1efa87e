"""Fenced code in an answer."""

from __future__ import annotations

import re
from dataclasses import dataclass

_OPENING = re.compile(r"^[ \t]*(`{3,}|~{3,})[ \t]*([\w+#.-]*)[^`\n]*$")


@dataclass(frozen=True, slots=True)
class Fence:
    """A fenced block; ``language`` is its tag in lower case, empty where it has none."""

    language: str
    text: str
    closed: bool


def find_fences(text: str) -> tuple[Fence, ...]:
    """The fenced blocks of a Markdown text (CommonMark 4.5), an unclosed last one included."""
    fences: list[Fence] = []
    mark, language = "", ""
    lines: list[str] = []
    for line in text.split("\n"):
        if not mark:
            opening = _OPENING.match(line)
            if opening:
                mark, language = opening.group(1), opening.group(2).lower()
                lines = []
        elif line.strip().startswith(mark) and not line.strip(" \t\r" + mark[0]):
            fences.append(Fence(language, "\n".join(lines), closed=True))
            mark = ""
        else:
            lines.append(line)
    if mark:
        fences.append(Fence(language, "\n".join(lines), closed=False))
    return tuple(fences)
