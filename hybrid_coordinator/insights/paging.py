"""Bounds of what is asked for."""

from __future__ import annotations

from hybrid_coordinator.domain.insights import MOST_ROWS, PageRequest
from hybrid_coordinator.errors import InvalidArgumentError

MAX_DAYS = 3660


def checked(page: PageRequest) -> None:
    """
    Raises:
        InvalidArgumentError: there can be no such page.
    """
    if page.page < 1:
        raise InvalidArgumentError("page", "must be at least 1")
    if not 1 <= page.size <= MOST_ROWS:
        raise InvalidArgumentError("size", f"must be between 1 and {MOST_ROWS}")


def checked_days(days: int) -> None:
    """
    Raises:
        InvalidArgumentError: not so many days can be looked at.
    """
    if not 1 <= days <= MAX_DAYS:
        raise InvalidArgumentError("days", f"must be between 1 and {MAX_DAYS}")
