"""What combining takes and gives, and how its ties are broken."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Said:
    """What one voice answered; ``weight`` is the confidence of the answer's own check, in 0-1."""

    voice: str
    text: str
    weight: float


@dataclass(frozen=True, slots=True)
class Combined:
    """One answer of several.

    ``best`` is the voice whose answer it is, or comes nearest to it. ``agreement`` is in 0-1: how
    far the others say the same, 0 if none does, 1 if all do. ``agreeing`` are the voices that do,
    ``dissent`` are lines on what the others say.
    """

    text: str
    best: str
    agreement: float
    agreeing: tuple[str, ...]
    dissent: tuple[str, ...] = ()


def most_agreed(said: Sequence[Said], likeness: Callable[[Said, Said], float]) -> Said:
    """The answer that is most like the others; of equals the surer, then the shorter one.

    Does not depend on the order of ``said``.
    """

    def rank(one: Said) -> tuple[float, float, int, str, str]:
        total = sum(likeness(one, other) for other in said if other is not one)
        return (-round(total, 9), -one.weight, len(one.text), one.text, one.voice)

    return min(said, key=rank)


def winners(said: Sequence[Said], key: Callable[[Said], Hashable]) -> list[Said]:
    """The largest group of equal ``key``; of equals the surer one. Surest first."""
    groups: dict[Hashable, list[Said]] = {}
    for one in said:
        groups.setdefault(key(one), []).append(one)

    def rank(group: list[Said]) -> tuple[int, float, str]:
        return (-len(group), -sum(sorted(one.weight for one in group)), min(_names(group)))

    largest = min(groups.values(), key=rank)
    return sorted(largest, key=lambda one: (-one.weight, len(one.text), one.text, one.voice))


def share_of_others(agreeing: int, total: int) -> float:
    """The share of the others that agrees with one of ``agreeing``; 1 where there are no others."""
    return max(0, agreeing - 1) / (total - 1) if total > 1 else 1.0


def _names(group: Sequence[Said]) -> list[str]:
    return [f"{one.text}\0{one.voice}" for one in group]
