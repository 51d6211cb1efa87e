"""Cutting a source file into chunks: what is embedded, found and shown."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from hybrid_coordinator.knowledge.code.grammars import ParseError
from hybrid_coordinator.knowledge.code.headings import (
    split_asciidoc,
    split_latex,
    split_markdown,
    split_org,
    split_rst,
)
from hybrid_coordinator.knowledge.code.indents import split_yaml
from hybrid_coordinator.knowledge.code.languages import Language, reader_of
from hybrid_coordinator.knowledge.code.pieces import (
    MAX_LINE_SHOWN,
    Definition,
    Lines,
    Piece,
    join_small,
    split_by_lines,
    trim,
)
from hybrid_coordinator.knowledge.code.syntax import Split, split_by_syntax


@dataclass(frozen=True, slots=True)
class Chunk:
    """A run of lines of a file.

    Attributes:
        text: the lines, without blank ones at either end.
        start_line: from 1.
        end_line: inclusive.
        symbol: what the lines define, dotted from the outermost (``Class.method``); for prose,
            the headings down to the section.
        kind: function, method, class, interface, enum, type, module, macro, table, section,
            variable, or block for lines that define nothing.
        purpose: one line: the first of its documentation, or its signature.
        context: signatures of the definitions around it that begin above it, outermost first.
        signature: of what it defines, as one line; None where it defines nothing.
        parent: the symbol of what that belongs to, None for what stands by itself.
        defines: names of the definitions that begin in it (the last part of each symbol), with
            members of classes and variables of the file.
    """

    text: str
    start_line: int
    end_line: int
    symbol: str | None
    kind: str
    language: str
    purpose: str
    context: tuple[str, ...]
    signature: str | None = None
    parent: str | None = None
    defines: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Cut:
    """The chunks of a file, and why its syntax was not heeded (None where it was, and for text
    that has none)."""

    chunks: tuple[Chunk, ...]
    problem: str | None = None


def cut(text: str, language: Language) -> Cut:
    """Cut ``text`` into chunks. Every line that is not blank is in exactly one, in order.

    A chunk is longer than ``MAX_CHUNK_CHARACTERS`` only where a single line is.
    """
    lines = Lines(text)
    language = reader_of(language, text)
    try:
        return Cut(_chunks(lines, _split(lines, text, language), language))
    except ParseError as error:
        return cut_by_lines(text, language, str(error))


def cut_by_lines(text: str, language: Language, problem: str) -> Cut:
    """Cut ``text`` without heeding its syntax, for the reason ``problem``."""
    lines = Lines(text)
    split = Split(list(split_by_lines(lines, Piece(0, len(lines)))), [])
    return Cut(_chunks(lines, split, language), problem)


def embedding_text(path: str, chunk: Chunk) -> str:
    """What stands for a chunk in the index: its path, symbol and purpose, the signatures around
    it, and its text."""
    head = (path.replace("/", " / "), chunk.symbol or "", chunk.purpose, *chunk.context)
    return "\n".join([*filter(None, head), chunk.text])


def _split(lines: Lines, text: str, language: Language) -> Split:
    if (split := _BY_STRUCTURE.get(language.name)) is not None:
        pieces = split(lines)
        owners = dict.fromkeys(piece.owner for piece in pieces)
        return Split(pieces, [owner for owner in owners if owner is not None])
    if language.grammar is not None and text.strip():
        return split_by_syntax(lines, text.encode("utf-8"), language.grammar)
    return Split(list(split_by_lines(lines, Piece(0, len(lines)))), [])


_BY_STRUCTURE: Mapping[str, Callable[[Lines], list[Piece]]] = {
    "asciidoc": split_asciidoc,
    "latex": split_latex,
    "markdown": split_markdown,
    "org": split_org,
    "rst": split_rst,
    "yaml": split_yaml,
}


def _names(split: Split, pieces: Sequence[Piece]) -> dict[int, tuple[str, ...]]:
    """By the line that a piece starts at, the names of the definitions that begin in it."""
    found: dict[int, dict[str, None]] = {piece.start: {} for piece in pieces}
    starts = sorted(found)
    for definition in sorted(split.definitions, key=lambda each: each.line):
        at = bisect_right(starts, definition.line) - 1
        found[starts[max(at, 0)]][definition.name] = None
    return {start: tuple(names) for start, names in found.items()}


def _chunks(lines: Lines, split: Split, language: Language) -> tuple[Chunk, ...]:
    joined = list(join_small(lines, trim(lines, split.pieces)))
    names = _names(split, joined)
    return tuple(_chunk(lines, piece, language, names[piece.start]) for piece in joined)


def _chunk(lines: Lines, piece: Piece, language: Language, defines: tuple[str, ...]) -> Chunk:
    owner = piece.owner
    chain = owner.chain() if owner is not None else ()
    return Chunk(
        text=lines.text(piece.start, piece.end),
        start_line=piece.start + 1,
        end_line=piece.end,
        symbol=owner.symbol if owner is not None else None,
        kind=owner.kind if owner is not None else "block",
        language=language.name,
        purpose=_purpose(lines, piece, owner),
        context=tuple(each.signature for each in chain if each.line < piece.start),
        signature=owner.signature if owner is not None else None,
        parent=owner.within if owner is not None else None,
        defines=defines,
    )


def _purpose(lines: Lines, piece: Piece, owner: Definition | None) -> str:
    if owner is not None and owner.kind != "section":
        return owner.doc or owner.signature
    start = piece.start + (owner is not None and owner.line == piece.start)  # not the heading
    return lines.first(start, piece.end) or lines[piece.start].strip()[:MAX_LINE_SHOWN]
