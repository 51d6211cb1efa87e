"""Runs of lines with what they define: what cutting yields and chunks are joined from."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import accumulate, pairwise

MAX_CHUNK_CHARACTERS = 1_500
"""Chunks are at most this long, unless one line is longer. From 1,000 to 2,000 finding is equally
good (NDCG@10 of 142 questions within 0.015); three chunks of this length and their frames fit the
1,500 tokens that a question takes along by default."""

_SMALL_CHARACTERS = 100
"""What is shorter is joined with its neighbour: a signature with a line says little by itself.
With 200 finding was worse by 0.01, with 400 by 0.02, since names are lost in their company."""


MINOR_KINDS = frozenset({"macro", "variable"})
"""What is said in a line as a rule. A chunk of several bears the name of none."""


@dataclass(frozen=True, slots=True, eq=False)
class Definition:
    """Something with a name: a function, a class, a section.

    ``symbol`` is dotted from the outermost; ``line`` is where its signature stands, from 0. Two
    are equal only if they are the same one.
    """

    symbol: str
    kind: str
    signature: str
    doc: str
    line: int
    parent: Definition | None

    @property
    def name(self) -> str:
        """The last part of its symbol; of a section, the heading."""
        return self.signature if self.kind == "section" else self.symbol.rpartition(".")[2]

    @property
    def within(self) -> str | None:
        """The symbol of what it belongs to: the definition around it, or what its own name says
        (``func (s *Server) Close``)."""
        if self.parent is not None:
            return self.parent.symbol
        return None if self.kind == "section" else self.symbol.rpartition(".")[0] or None

    def chain(self) -> tuple[Definition, ...]:
        """This definition and those around it, the outermost first."""
        found = [self]
        while (parent := found[-1].parent) is not None:
            found.append(parent)
        return tuple(reversed(found))


@dataclass(frozen=True, slots=True)
class Piece:
    """Lines ``start`` to ``end`` (from 0, end exclusive) and the innermost definition that holds
    them all."""

    start: int
    end: int
    owner: Definition | None = None


class Lines:
    """A text as lines, with the lengths of runs of them at hand."""

    def __init__(self, text: str) -> None:
        self._lines = text.split("\n")
        self._offsets = [0, *accumulate(len(line) + 1 for line in self._lines)]

    def __len__(self) -> int:
        return len(self._lines)

    def __getitem__(self, line: int) -> str:
        return self._lines[line]

    def size(self, start: int, end: int) -> int:
        """Characters of a run of lines, without the last line break."""
        return self._offsets[end] - self._offsets[start] - 1

    def text(self, start: int, end: int) -> str:
        """A run of lines as text."""
        return "\n".join(self._lines[start:end])

    def is_blank(self, line: int) -> bool:
        """Whether there is nothing to see on the line."""
        return not self._lines[line].strip()

    def first(self, start: int, end: int) -> str:
        """The first line of a run that says something, without comment marks; empty where none
        does."""
        for line in self._lines[start:end]:
            bare = bare_comment(line)
            if bare and not _BOILERPLATE.search(bare):
                return bare
        return ""


MAX_LINE_SHOWN = 200
"""Signatures and purposes are one line of at most this many characters."""

_MARK = (
    r"(?:/[*/]+!?|\*+/?|#+[!']?|--+|;+|%+|!+|<!--+|\{-|\(\*+|[rbuRBU]?(?:\"{3}|'{3})"
    r"|@\w*doc\s+(?:~[sS])?(?:\"{3})?)(?:\s*\|\s)?"
    r"(?:\s*[@\\](?:brief|notice|summary|description)\b)?"
)
_OPENING = re.compile(rf"^\s*{_MARK}\s*")
_CLOSING = re.compile(r"\s*(?:\*+/|--+>|-\}|\*\)|\"{3}|'{3})\s*$")
_BOILERPLATE = re.compile(
    r"copyright|licen[sc]e|rights reserved|applicable law|hereby|redistribut|warrant"
    r"|spdx|^!|-\*-|coding[:=]|eslint|pylint|noqa|^use strict|^from __future__|^<|^\[?!\["
    r"|^([^\w\s])\1{2,}$|^@(?:author|export|file|internal|package|param|private|rdname|returns?)\b",
    re.IGNORECASE,
)


def bare_comment(line: str) -> str:
    """A line without the marks of a comment or docstring, cut to a presentable length."""
    line = line[: 4 * MAX_LINE_SHOWN]
    return _CLOSING.sub("", _OPENING.sub("", line, count=1)).strip()[:MAX_LINE_SHOWN]


def split_by_lines(lines: Lines, piece: Piece) -> Iterator[Piece]:
    """Cut a piece at blank lines, and a run without blank lines where it grows too long."""
    start = at = piece.start
    while at < piece.end:
        full = lines.size(start, at + 1) > MAX_CHUNK_CHARACTERS and at > start
        after_blank = at > start and lines.is_blank(at - 1) and not lines.is_blank(at)
        if full or after_blank:
            yield Piece(start, at, piece.owner)
            start = at
        at += 1
    if start < piece.end:
        yield Piece(start, piece.end, piece.owner)


def trim(lines: Lines, pieces: Iterable[Piece]) -> Iterator[Piece]:
    """Pieces without blank lines at either end; a piece of blank lines only is dropped."""
    for piece in pieces:
        start, end = piece.start, piece.end
        while start < end and lines.is_blank(start):
            start += 1
        while end > start and lines.is_blank(end - 1):
            end -= 1
        if start < end:
            yield Piece(start, end, piece.owner)


def join_small(lines: Lines, pieces: Iterable[Piece]) -> Iterator[Piece]:
    """Join neighbours while the result is no longer than a chunk may be: parts of the same
    definition or of none, entries of the same data, and any two of which one is small. What
    opens a definition that goes on in the next piece stays with that."""
    held: Piece | None = None
    weight = 0  # characters of what gave ``held`` its owner
    for piece, following in pairwise([*_clauses(lines, pieces), None]):
        assert piece is not None
        size = lines.size(piece.start, piece.end)
        if held is None:
            held, weight = piece, size
        elif _opens(lines, piece, held, following) or not _belong_together(lines, held, piece):
            yield held
            held, weight = piece, size
        else:
            owner = _common_owner(lines, held, piece, weight)
            weight = size if owner is piece.owner and owner is not held.owner else weight
            held = Piece(held.start, piece.end, owner)
    if held is not None:
        yield held


def _clauses(lines: Lines, pieces: Iterable[Piece]) -> Iterator[Piece]:
    """Join neighbours that define one name together while they fit into a chunk, before either
    of them is joined with what is around."""
    held: Piece | None = None
    for piece in pieces:
        if (
            held is not None
            and held.owner is not piece.owner
            and _is_same(held.owner, piece.owner)
            and lines.size(held.start, piece.end) <= MAX_CHUNK_CHARACTERS
        ):
            held = Piece(held.start, piece.end, held.owner)
            continue
        if held is not None:
            yield held
        held = piece
    if held is not None:
        yield held


def _opens(lines: Lines, piece: Piece, held: Piece, following: Piece | None) -> bool:
    """Whether ``piece`` begins a definition that ``following`` goes on with, and ``held`` is
    something else that can stand by itself."""
    if piece.owner is None or following is None or following.owner is None:
        return False
    if held.owner is None or held.owner in piece.owner.chain():
        is_small = lines.size(held.start, held.end) <= _SMALL_CHARACTERS
        apart = held.owner is not piece.owner and not is_small
    else:
        apart = not _is_same(held.owner, piece.owner)
    return apart and piece.owner in following.owner.chain()


def _belong_together(lines: Lines, one: Piece, other: Piece) -> bool:
    if lines.size(one.start, other.end) > MAX_CHUNK_CHARACTERS:
        return False
    if _is_same(one.owner, other.owner) or _are_data(one.owner, other.owner):
        return True
    sizes = lines.size(one.start, one.end), lines.size(other.start, other.end)
    return min(sizes) <= _SMALL_CHARACTERS


def _is_same(one: Definition | None, other: Definition | None) -> bool:
    """Whether both are one definition, or two of one name: overloads, clauses, a signature and
    what it is of, a type and its methods."""
    if one is None or other is None:
        return one is other
    if one is other:
        return True
    is_code = one.kind not in ("block", "section")
    return is_code and one.symbol == other.symbol and one.parent is other.parent


def _are_data(one: Definition | None, other: Definition | None) -> bool:
    """Whether both are entries of one block of data, which say little each by itself."""
    if one is None or other is None or not one.kind == other.kind == "block":
        return False
    return one.chain()[0] == other.chain()[0]


def _common_owner(lines: Lines, one: Piece, other: Piece, weight: int) -> Definition | None:
    """What two neighbours define together: the innermost definition around both; that of the
    longer where there is none but a module, or where the other is but the tail of it. A variable
    (of ``weight`` characters in the first) stands for both only if it is most of them."""
    if _is_same(one.owner, other.owner):
        return one.owner
    size = lines.size(other.start, other.end)
    if _is_minor(one.owner) and _is_minor(other.owner):
        half = lines.size(one.start, other.end) / 2
        if size > half:
            return other.owner
        return one.owner if weight > half else _around(one, other)
    if one.owner is None or other.owner is None:
        return one.owner or other.owner
    if other.owner in one.owner.chain() and size <= _SMALL_CHARACTERS:
        return one.owner
    longer = one if lines.size(one.start, one.end) >= size else other
    shared = _around(one, other)
    if shared is None or shared.kind != "module":
        return shared or longer.owner
    inner = {one.owner, other.owner} - {shared}
    return longer.owner if len(inner) == 2 else next(iter(inner), shared)


def _is_minor(owner: Definition | None) -> bool:
    return owner is None or owner.kind in MINOR_KINDS


def _around(one: Piece, other: Piece) -> Definition | None:
    """The innermost definition that both are in."""
    if one.owner is None or other.owner is None:
        return None
    pairs = zip(one.owner.chain(), other.owner.chain(), strict=False)
    return next((a for a, b in reversed(list(pairs)) if a is b), None)
