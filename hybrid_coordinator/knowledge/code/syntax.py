"""Cutting a source file at the boundaries of its syntax tree."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from hybrid_coordinator.knowledge.code.definitions import defined_by
from hybrid_coordinator.knowledge.code.grammars import parse
from hybrid_coordinator.knowledge.code.pieces import (
    MAX_CHUNK_CHARACTERS,
    MAX_LINE_SHOWN,
    Definition,
    Lines,
    Piece,
    bare_comment,
    split_by_lines,
)

if TYPE_CHECKING:
    from tree_sitter import Node

MAX_NODES = 100_000
"""Nodes looked at in one file; the rest is cut by lines. A megabyte of source needs a tenth."""

MAX_NESTING = 20
"""Definitions within definitions that are told apart; deeper ones are parts of the last."""

_TRANSPARENT = frozenset({"body", "declarations", "document", "source_code", "statement_list"})
"""Nodes that hold what a file holds and mean nothing themselves."""

_LEADING = frozenset(
    {
        "annotation",
        "attribute_item",
        "attribute_list",
        "decorator",
        "inner_attribute_item",
        "pragma",
    }
)
"""Nodes that belong to the definition after them, as comments do."""

_TYPE_KINDS = frozenset({"class", "interface", "enum", "type"})


@dataclass(frozen=True, slots=True)
class _Part:
    """A node with the lines that go with it (from 0, end exclusive), and the innermost
    definition that they are in: the node's own, where ``defines`` says so. ``body`` says that it
    is a part of a definition that is being divided, whose boundaries are inside it."""

    node: Node
    start: int
    end: int
    owner: Definition | None
    defines: bool = False
    body: bool = False


def split_by_syntax(lines: Lines, source: bytes, grammar: str) -> list[Piece]:
    """Cut a file into pieces no longer than a chunk may be: whole definitions where they are
    short enough, and the parts of longer ones.

    Args:
        lines: the file.
        source: the same in UTF-8.
        grammar: the grammar's name.

    Raises:
        ParseError: there is no syntax tree.
    """
    return list(_Splitter(lines, source, grammar).pieces(parse(source, grammar)))


class _Splitter:
    def __init__(self, lines: Lines, source: bytes, grammar: str) -> None:
        self._lines = lines
        self._source = source
        self._grammar = grammar
        self._nodes_left = MAX_NODES

    def pieces(self, root: Node) -> Iterator[Piece]:
        # Not recursive: hostile sources nest a hundred thousand deep.
        whole = _Part(root, 0, len(self._lines), None)
        pending = [whole]
        while pending:
            part = pending.pop()
            piece = Piece(part.start, part.end, part.owner)
            if part is not whole and not self._divides(part):
                yield piece
                continue
            parts = list(self._parts(part))
            if len(parts) > 1 or (parts and parts[0].node.child_count):
                pending.extend(reversed(parts))
            else:
                yield from split_by_lines(self._lines, piece)

    def _divides(self, part: _Part) -> bool:
        if part.end - part.start <= 1:
            return False
        if self._lines.size(part.start, part.end) > MAX_CHUNK_CHARACTERS:
            return True
        is_module = part.defines and part.owner is not None and part.owner.kind == "module"
        return is_module or part.body or part.node.type in _TRANSPARENT

    def _parts(self, whole: _Part) -> Iterator[_Part]:
        """The lines of ``whole``, all of them, by child node. A line that two children share
        goes to the first; comments go with the definition that follows without a blank line."""
        last: _Part | None = None
        comment: _Part | None = None
        at = whole.start
        for node in self._children(whole.node):
            row = node.start_point.row
            end = min(node.end_point.row + (node.end_point.column > 0), whole.end)
            if end <= at:
                continue
            if comment is not None and row > comment.end:
                yield from _given(last)
                last, at, comment = comment, comment.end, None
            if _leads(node):
                start, first = (comment.start, comment.node) if comment else (at, node)
                comment = _Part(first, start, end, whole.owner)
                continue
            yield from _given(last)
            start = comment.start if comment is not None else at
            last, comment, at = self._part(node, start, end, comment, whole), None, end
        if comment is not None:
            yield from _given(last)
            last = comment
        if last is not None:
            yield replace(last, end=whole.end)

    def _part(self, node: Node, start: int, end: int, comment: _Part | None, whole: _Part) -> _Part:
        parent = whole.owner
        defined = defined_by(node, self._source, self._grammar)
        if defined is None or (parent is not None and len(parent.chain()) == MAX_NESTING):
            return _Part(node, start, end, parent, body=whole.defines)
        doc = self._doc(defined.node)
        if not doc and comment is not None:
            doc = self._lines.first(comment.start, comment.end)
        line = defined.node.start_point.row
        kind = defined.kind
        if kind == "function" and parent is not None and parent.kind in _TYPE_KINDS:
            kind = "method"
        owner = Definition(
            symbol=f"{parent.symbol}.{defined.name}" if parent is not None else defined.name,
            kind=kind,
            signature=self._lines[line].strip()[:MAX_LINE_SHOWN],
            doc=doc,
            line=line,
            parent=parent,
        )
        # Its own node, so that dividing it does not find it a second time.
        return _Part(defined.node, start, end, owner, defines=True)

    def _doc(self, node: Node) -> str:
        """The first line of the string that a body begins with, as Python has it."""
        body = node.child_by_field_name("body")
        text = _first_child(body) if body is not None else None
        if text is not None and text.type == "expression_statement":
            text = _first_child(text)
        if text is None or text.type != "string":
            return ""
        written = self._source[text.start_byte : text.end_byte][: 8 * MAX_LINE_SHOWN]
        lines = (bare_comment(line) for line in written.decode("utf-8", "replace").split("\n"))
        return next((line.strip("\"'") for line in lines if line), "")

    def _children(self, node: Node) -> Iterator[Node]:
        # A cursor gives way to other threads between two children; a list of all does not.
        cursor = node.walk()
        more = cursor.goto_first_child()
        while more and self._nodes_left > 0:
            self._nodes_left -= 1
            if cursor.node is not None:
                yield cursor.node
            more = cursor.goto_next_sibling()


def _first_child(node: Node) -> Node | None:
    return node.named_child(0) if node.named_child_count else None


def _leads(node: Node) -> bool:
    """Whether a node belongs to what follows it."""
    return node.type in _LEADING or "comment" in node.type


def _given(part: _Part | None) -> Iterator[_Part]:
    if part is not None:
        yield part
