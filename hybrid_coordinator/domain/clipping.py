"""Long texts cut to their telling parts."""

from __future__ import annotations

import re
from collections.abc import Callable

Clean = Callable[[str], str]
"""Takes out of a text what may not be stored."""

_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


def clipped(text: str, start: int, end: int = 0) -> str:
    """``text``, or its first ``start`` and last ``end`` characters with a word on what was left
    out between them."""
    left_out = len(text) - start - end
    if left_out <= 0:
        return text
    return f"{text[:start]}\n[... {left_out} characters ...]\n{text[len(text) - end :]}"


def clean_and_clipped(text: str, start: int, end: int, clean: Clean) -> str:
    """`clipped`, and cleaned before that where there is something to cut: what is left of a secret
    that was cut through is not known for one. A text that is short enough is as it came."""
    return text if len(text) <= start + end else clipped(clean(text), start, end)


def storable(text: str) -> str:
    """``text`` without what Postgres cannot hold: NUL, and halves of surrogate pairs."""
    return _UNSTORABLE.sub("\ufffd", text)
