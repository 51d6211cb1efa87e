"""What a section of the measurement returns: rows under a title, and how to read them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple


class Table(NamedTuple):
    """``note`` is Markdown below the rows."""

    title: str
    header: Sequence[str]
    rows: Sequence[Sequence[str]]
    note: str = ""


def markdown(given: Table) -> str:
    """As Markdown, with a heading."""
    lines = [given.header, ["---"] * len(given.header), *given.rows]
    drawn = "\n".join(f"| {' | '.join(line)} |" for line in lines)
    return f"## {given.title}\n\n{drawn}\n" + (f"\n{given.note}\n" if given.note else "")
