"""Cutting a source file into chunks: what is embedded, found and shown."""

from __future__ import annotations

from dataclasses import dataclass

from hybrid_coordinator.knowledge.code.grammars import ParseError
from hybrid_coordinator.knowledge.code.headings import split_markdown, split_rst
from hybrid_coordinator.knowledge.code.indents import split_yaml
from hybrid_coordinator.knowledge.code.languages import Language
from hybrid_coordinator.knowledge.code.pieces import (
    MAX_LINE_SHOWN,
    Definition,
    Lines,
    Piece,
    join_small,
    split_by_lines,
    trim,
)
from hybrid_coordinator.knowledge.code.syntax import split_by_syntax


@dataclass(frozen=True, slots=True)
class Chunk:
    """A run of lines of a file.

    Attributes:
        text: the lines, without blank ones at either end.
        start_line: from 1.
        end_line: inclusive.
        symbol: what the lines define, dotted from the outermost (``Class.method``); for prose,
            the headings down to the section.
        kind: function, method, class, interface, enum, type, module, macro, table, section, or
            block for lines that define nothing.
        purpose: one line: the first of its documentation, or its signature.
        context: signatures of the definitions around it that begin above it, outermost first.
    """

    text: str
    start_line: int
    end_line: int
    symbol: str | None
    kind: str
    language: str
    purpose: str
    context: tuple[str, ...]


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
    problem = None
    try:
        pieces = _split(lines, text, language)
    except ParseError as error:
        problem = str(error)
        pieces = list(split_by_lines(lines, Piece(0, len(lines))))
    joined = join_small(lines, trim(lines, pieces))
    return Cut(tuple(_chunk(lines, piece, language) for piece in joined), problem)


def embedding_text(path: str, chunk: Chunk) -> str:
    """What stands for a chunk in the index: its path, symbol and purpose, the signatures around
    it, and its text."""
    head = (path.replace("/", " / "), chunk.symbol or "", chunk.purpose, *chunk.context)
    return "\n".join([*filter(None, head), chunk.text])


def _split(lines: Lines, text: str, language: Language) -> list[Piece]:
    if language.name == "markdown":
        return split_markdown(lines)
    if language.name == "rst":
        return split_rst(lines)
    if language.name == "yaml":
        return split_yaml(lines)
    if language.grammar is not None and text.strip():
        return split_by_syntax(lines, text.encode("utf-8"), language.grammar)
    return list(split_by_lines(lines, Piece(0, len(lines))))


def _chunk(lines: Lines, piece: Piece, language: Language) -> Chunk:
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
    )


def _purpose(lines: Lines, piece: Piece, owner: Definition | None) -> str:
    if owner is not None and owner.kind != "section":
        return owner.doc or owner.signature
    start = piece.start + (owner is not None and owner.line == piece.start)  # not the heading
    return lines.first(start, piece.end) or lines[piece.start].strip()[:MAX_LINE_SHOWN]
