"""Runs of lines of one file: overlapping ones become one, and neighbours where that is cheaper."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import groupby

from hybrid_coordinator.domain.items import ContextItem, SourceLines
from hybrid_coordinator.knowledge.packing.pieces import Piece, harmless, placed, size

ReadLines = Callable[[SourceLines], str | None]
"""The text of these lines as it is now; None where it is not known."""

_MAX_GAP = 5
"""Lines between neighbours that are worth asking for; more cost more than a header."""


def tidy(item: ContextItem) -> ContextItem:
    """The item without blank lines around it. Where its text does not have as many lines as its
    place, the place is not to be trusted and is left out."""
    text, place = item.text, item.lines
    if place is not None:
        breaks = place.end - place.start
        if text.count("\n") == breaks + 1:  # the last line is ended
            text = text.removesuffix("\n")
        if text.count("\n") != breaks:
            place = None
    above, below = _blank_lines(text)
    if above or below:
        lines = text.split("\n")
        text = "\n".join(lines[above : len(lines) - below])
        if place is not None:
            place = replace(place, start=place.start + above, end=place.end - below)
    return placed(replace(item, text=harmless(text), lines=place))


def overlap(one: ContextItem, other: ContextItem) -> bool:
    """Whether the two share lines of a file."""
    a, b = one.lines, other.lines
    if a is None or b is None or (a.root, a.path) != (b.root, b.path):
        return False
    return a.start <= b.end and b.start <= a.end


def union(one: ContextItem, other: ContextItem) -> ContextItem | None:
    """``one`` with the lines of ``other``, which overlap its own; None where they disagree on
    the lines they share (one of them is older)."""
    upper, lower = (one, other) if _first_line(one) <= _first_line(other) else (other, one)
    a, b = upper.lines, lower.lines
    if a is None or b is None:
        return None
    above, below = upper.text.split("\n"), lower.text.split("\n")
    skipped = b.start - a.start
    shared = min(len(above) - skipped, len(below))
    if above[skipped : skipped + shared] != below[:shared]:
        return None
    run = replace(a, end=max(a.end, b.end))
    text = "\n".join(above + below[shared:])
    return placed(replace(one, text=text, lines=run, enclosing=upper.enclosing))


def absorb(best: ContextItem, other: ContextItem, *reasons: str) -> ContextItem:
    """``best``, which shows ``other`` too: with the ids and reasons of both, each once."""
    parts = "; ".join(filter(None, (best.why, other.why, *reasons))).split("; ")
    ids = (*best.merged_ids, other.id, *other.merged_ids)
    return replace(
        best,
        why="; ".join(dict.fromkeys(parts)),
        score=max(best.score, other.score),
        merged_ids=tuple(dict.fromkeys(one for one in ids if one != best.id)),
    )


def join_neighbours(group: Sequence[Piece], read_lines: ReadLines | None) -> list[Piece]:
    """The pieces of one file in the order of their lines, neighbours joined where that is
    cheaper than another header and fence."""
    joined: list[Piece] = []
    for piece in group:
        together = _joined(joined[-1], piece, read_lines) if joined else None
        if together is None:
            joined.append(piece)
        else:
            joined[-1] = together
    return joined


def by_file(pieces: Sequence[Piece]) -> list[list[Piece]]:
    """Pieces of one file together, in the order of their lines; files (and what is of no file)
    in the order of their best piece."""
    ranks: dict[tuple[str, str], int] = {}
    for rank, piece in enumerate(pieces):
        if piece.file is not None:
            ranks.setdefault(piece.file, rank)
    keyed = [
        (rank if piece.file is None else ranks[piece.file], _first_line(piece.item), piece)
        for rank, piece in enumerate(pieces)
    ]
    keyed.sort(key=lambda entry: entry[:2])
    return [[piece for *_, piece in group] for _, group in groupby(keyed, lambda entry: entry[0])]


def _blank_lines(text: str) -> tuple[int, int]:
    """How many lines without anything to see the text begins and ends with."""
    start = len(text) - len(text.lstrip())
    return text.count("\n", 0, start), text.count("\n", len(text.rstrip()))


def _first_line(item: ContextItem) -> int:
    return 0 if item.lines is None else item.lines.start


def _joined(upper: Piece, lower: Piece, read_lines: ReadLines | None) -> Piece | None:
    """Both as one run; None where they are too far apart for that, or cheaper so."""
    a, b = upper.item.lines, lower.item.lines
    if a is None or b is None or lower.whole is None:
        return None
    between = _between(a, b, read_lines)
    if between is None:
        return None
    best, other = (upper, lower) if upper.rank < lower.rank else (lower, upper)
    item = replace(
        absorb(best.item, other.item),
        text="\n".join([upper.item.text, *between, lower.item.text]),
        lines=replace(a, end=b.end),
        enclosing=upper.item.enclosing,
    )
    joined = Piece.of(placed(item), best.rank, replace(a, end=lower.whole.end))
    apart = size(upper.render(1, None)) + size(lower.render(1, upper))
    return joined if size(joined.render(1, None)) <= apart else None


def _between(a: SourceLines, b: SourceLines, read_lines: ReadLines | None) -> list[str] | None:
    """The lines from ``a`` to ``b``; None where they are too many, or not known."""
    count = b.start - a.end - 1
    if count == 0:
        return []
    if read_lines is None or not 0 < count <= _MAX_GAP:
        return None
    text = read_lines(replace(a, start=a.end + 1, end=b.start - 1))
    if text is None:
        return None
    lines = harmless(text).split("\n")
    if len(lines) == count + 1 and not lines[-1]:  # a text that ends its last line
        lines.pop()
    return lines if len(lines) == count else None
