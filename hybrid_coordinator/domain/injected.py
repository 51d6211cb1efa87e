"""What the coordinator puts into a prompt: how it is marked, and how it is told apart again.

An agent may hand back a prompt that holds retrieved context, or quote it, and a transcript with
it may lie among the files. Stored again, it would pass for new knowledge, and each round would
make it look better supported than it is.
"""

from __future__ import annotations

import re

from hybrid_coordinator.errors import InvalidArgumentError

# In pieces, so that this file is none that holds a mark.
_NAME = "hybrid-coordinator-context"
OPENING = f"<{_NAME}>"
"""The line before injected context."""
CLOSING = f"</{_NAME}>"
"""The line after it."""

_LESS, _GREATER = r"(?:<|&lt;|\\u003[cC])", r"(?:>|&gt;|\\u003[eE])"  # as JSON and HTML write them
_MARK = re.compile(rf"{_LESS}(?P<closing>\\?/)?{_NAME}{_GREATER}")
_BREAK = r"(?:\s|\\[nrt])"
_LEAD = re.compile(rf"{_BREAK}*+Task:(?:{_BREAK})?|{_BREAK}")


def prompt(context: str, query: str) -> str:
    """The query with packed context, which ends with ``CLOSING`` and a line break, before it."""
    return f"{context}\nTask:\n{query}"


def without_injected(text: str, *, keep_lines: bool = False) -> str:
    """``text`` without what stands between the marks, and without the words between a context
    and the query of its prompt, in time linear in its length.

    A context whose end is missing goes to the end of the text, one whose beginning is missing
    from its start: a piece that was cut off is no better than the whole. Marks are known however
    the text is indented or quoted, in JSON and in HTML too.

    Args:
        keep_lines: leave the line breaks, so that lines keep their numbers.
    """
    kept: list[str] = []

    def drop(piece: str) -> None:
        if keep_lines:
            kept.append("\n" * piece.count("\n"))

    start = 0  # where what is not yet kept or dropped begins
    inside = False
    for mark in _MARK.finditer(text):
        if mark["closing"]:
            lead = _LEAD.match(text, mark.end())
            end = lead.end() if lead else mark.end()
            drop(text[start:end])
            start, inside = end, False
        elif not inside:
            kept.append(text[start : mark.start()])
            start, inside = mark.start(), True
    if inside:
        drop(text[start:])
    else:
        kept.append(text[start:])
    return "".join(kept)


def own_words(field: str, text: str) -> str:
    """``text`` without what was injected.

    Raises:
        InvalidArgumentError: there was nothing else in it.
    """
    own = without_injected(text)
    if own.strip() or own == text:
        return own
    raise InvalidArgumentError(
        field, "holds nothing but context that this server gave; give the words themselves"
    )
