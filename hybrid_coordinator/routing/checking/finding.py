"""What one check found."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Finding:
    """``value`` is in 0-1; ``reason`` says in a line what is wrong, empty where nothing is."""

    value: float
    reason: str = ""
