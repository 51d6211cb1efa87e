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
    beginnings = tuple(word for word in among if len(word) >= _SHORTEST_BEGINNING)
    spaced = f" {' '.join(among)}"  # in which what begins one of them follows a space
    agreeing = sum(
        one in among
        or one.startswith(beginnings)
        or (len(one) >= _SHORTEST_BEGINNING and f" {one}" in spaced)
        for one in of
    )
    return agreeing / len(of)
