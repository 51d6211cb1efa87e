"""Comparing words that may mean the same: `auth` and `authentication`, `sign` and `signed`."""

from __future__ import annotations

from collections.abc import Sequence

_SHORTEST_BEGINNING = 3
"""Letters with which one word may begin another and still mean it."""


def share(of: Sequence[str], among: Sequence[str]) -> float:
    """The share, in 0-1, of the comparable words ``of`` that may mean the same as one ``among``
    others: that are equal, or of which one begins the other. 0 where there are none."""
    if not of:
        return 0.0
    agreeing = 0
    for one in of:
        for other in among:
            if one == other or (
                min(len(one), len(other)) >= _SHORTEST_BEGINNING
                and (one.startswith(other) or other.startswith(one))
            ):
                agreeing += 1
                break
    return agreeing / len(of)
