"""Ages as they are written on the command line: 12h, 7d, 4w, 1y."""

from __future__ import annotations

import re
from datetime import timedelta

_AGE = re.compile(r"(?P<number>\d{1,6})(?P<unit>[hdwy])")
_UNITS = {
    "h": timedelta(hours=1),
    "d": timedelta(days=1),
    "w": timedelta(weeks=1),
    "y": timedelta(days=365),
}
_MOST = 100 * _UNITS["y"]


def age(text: str) -> timedelta | None:
    """The age that ``text`` writes, of at most a hundred years; None if it writes none."""
    match = _AGE.fullmatch(text)
    if match is None:
        return None
    written = int(match["number"]) * _UNITS[match["unit"]]
    return written if written <= _MOST else None
