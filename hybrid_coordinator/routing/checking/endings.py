"""The end of a text without Markdown's closing marks: "**$14**" ends with a figure, not a sign."""

from __future__ import annotations

import re

_CLOSING = re.compile(r"(?<=\S)(\*{1,3}|_{1,3})\Z")


def plain_end(text: str) -> str:
    """``text`` without white space and closing emphasis at its end; an opening one stays."""
    stripped = text.rstrip()
    mark = _CLOSING.search(stripped)
    if mark is None:
        return stripped
    line = stripped.rsplit("\n", 1)[-1]
    return stripped[: mark.start()] if line.count(mark.group()) % 2 == 0 else stripped
