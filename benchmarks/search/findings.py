"""What a section has measured: figures for the summary, tables for the reader."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Figure:
    """A line of the summary: what was aimed at, what we reach and what others do."""

    what: str
    goal: str
    ours: str
    others: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Table:
    """Rows under a title, and how to read them."""

    title: str
    header: Sequence[str]
    rows: Sequence[Sequence[str]]
    note: str = ""


@dataclass(frozen=True, slots=True)
class Point:
    """A system in the plot."""

    name: str
    milliseconds: float
    quality: float


@dataclass(frozen=True, slots=True)
class Findings:
    """All that a section says."""

    figures: tuple[Figure, ...] = ()
    tables: tuple[Table, ...] = ()
    points: tuple[Point, ...] = ()

    @classmethod
    def joined(cls, parts: Iterable[Findings]) -> Findings:
        """The findings of several sections, in order."""
        listed = list(parts)
        return cls(
            tuple(each for part in listed for each in part.figures),
            tuple(each for part in listed for each in part.tables),
            tuple(each for part in listed for each in part.points),
        )
