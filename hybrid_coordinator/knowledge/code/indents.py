"""Cutting text whose structure is its indentation: YAML.

Its grammar for tree-sitter writes beyond a buffer where sequences nest deeply (a line of 200
dashes is enough), so it is never let near a file.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from hybrid_coordinator.knowledge.code.pieces import (
    MAX_CHUNK_CHARACTERS,
    MAX_LINE_SHOWN,
    Definition,
    Lines,
    Piece,
    split_by_lines,
)

_KEY = re.compile(r"\s*(?:- +)*([\"']?)([^\s\"'#:][^\"'#:]{0,98})\1\s*:(?:\s|$)")
_MAX_DEPTH = 20


def split_yaml(lines: Lines) -> list[Piece]:
    """A piece for each key at the outermost level, divided at the next level where it is long."""
    return list(_blocks(lines, Piece(0, len(lines)), 0))


def _blocks(lines: Lines, whole: Piece, depth: int) -> Iterator[Piece]:
    starts = _starts(lines, whole)
    for start, end in zip(starts, [*starts[1:], whole.end], strict=True):
        block = Piece(start, end, _definition(lines, start, end, whole.owner))
        if lines.size(start, end) <= MAX_CHUNK_CHARACTERS or end - start == 1:
            yield block
        elif depth == _MAX_DEPTH:
            yield from split_by_lines(lines, block)
        else:
            first = _first_of_substance(lines, start, end) + 1
            yield Piece(start, first, block.owner)
            if first < end:
                yield from _blocks(lines, Piece(first, end, block.owner), depth + 1)


def _starts(lines: Lines, whole: Piece) -> list[int]:
    """Where blocks begin: lines that are indented least, with the comments just above them."""
    indents = {
        number: len(lines[number]) - len(lines[number].lstrip())
        for number in range(whole.start, whole.end)
        if not lines.is_blank(number) and not _is_comment(lines, number)
    }
    least = min(indents.values(), default=0)
    starts = {whole.start}
    for number, indent in indents.items():
        if indent == least:
            while number > whole.start and _is_comment(lines, number - 1):
                number -= 1
            starts.add(number)
    return sorted(starts)


def _definition(lines: Lines, start: int, end: int, parent: Definition | None) -> Definition | None:
    line = _first_of_substance(lines, start, end)
    found = _KEY.match(lines[line])
    if found is None:
        return parent
    name = found[2].strip()
    return Definition(
        symbol=f"{parent.symbol}.{name}" if parent is not None else name,
        kind="block",
        signature=lines[line].strip()[:MAX_LINE_SHOWN],
        doc=lines.first(start, line),
        line=line,
        parent=parent,
    )


def _first_of_substance(lines: Lines, start: int, end: int) -> int:
    """The first line that is neither blank nor a comment; the last line if there is none."""
    for number in range(start, end):
        if not lines.is_blank(number) and not _is_comment(lines, number):
            return number
    return end - 1


def _is_comment(lines: Lines, number: int) -> bool:
    return lines[number].lstrip().startswith("#")
