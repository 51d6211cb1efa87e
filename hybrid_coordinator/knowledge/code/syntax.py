"""Cutting a source file at the boundaries of its syntax tree."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from hybrid_coordinator.knowledge.code.definitions import Defined, defined_by
from hybrid_coordinator.knowledge.code.grammars import parse
from hybrid_coordinator.knowledge.code.node_types import HEADS, LEADING, TRANSPARENT, TYPE_KINDS
from hybrid_coordinator.knowledge.code.pieces import (
    MAX_CHUNK_CHARACTERS,
    MAX_LINE_SHOWN,
    MINOR_KINDS,
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

MAX_PROGRAMS = 20
"""Programs within one page that are parsed; the rest is cut by lines."""

MAX_NESTING = 20
"""Definitions within definitions that are told apart; deeper ones are parts of the last."""

_LISTED_DEPTH = 4
"""Levels of the tree within a definition that is one piece, at which its members are looked for."""

_MEMBERS_OF = TYPE_KINDS | {"module", "variable"}

_EMBEDDED = {"script_element": "typescript", "frontmatter": "typescript"}
"""Nodes that hold a program in another language (which reads JavaScript, too)."""


@dataclass(frozen=True, slots=True)
class Split:
    """The pieces of a file in order, and what is defined in them, down to the members of classes
    (in no order)."""

    pieces: list[Piece]
    definitions: list[Definition]


@dataclass(frozen=True, slots=True)
class _Part:
    """A node with the lines that go with it (from 0, end exclusive), and the innermost
    definition that they are in: the node's own, where ``defines`` says so. ``level`` says that
    what is in it stands where a file or a class has its members. ``tail`` is a second node of the
    same definition."""

    node: Node
    start: int
    end: int
    owner: Definition | None
    defines: bool = False
    level: bool = False
    tail: Node | None = None


def split_by_syntax(lines: Lines, source: bytes, grammar: str) -> Split:
    """Cut a file into pieces no longer than a chunk may be: whole definitions where they are
    short enough, and the parts of longer ones.

    Args:
        lines: the file.
        source: the same in UTF-8.
        grammar: the grammar's name.

    Raises:
        ParseError: there is no syntax tree.
    """
    if grammar in _C:
        source = _readable(source)
    splitter = _Splitter(lines, source, grammar)
    root = _Part(parse(source, grammar), 0, len(lines), None, level=True)
    return Split(list(splitter.pieces(root)), splitter.definitions)


_C = frozenset({"c", "cpp", "objc"})
_EXPORTED = re.compile(
    rb"\b(class|struct|enum class)([ \t]+[A-Z][A-Z\d_]*(?:\([^()\n]{0,80}\))?)"
    rb"(?=[ \t]+\w+[^;()=\n]{0,200}(?:\{|:|\n))"
)
_ANNOTATION = re.compile(rb"\bNS_(?:SWIFT_NAME|REFINED_FOR_SWIFT)\b(?:\([^()\n]*\))?")
_NS_ENUM = re.compile(rb"\b((?:NS|CF)_\w*(?:ENUM|OPTIONS)\([ \t]*\w+[ \t]*,[ \t]*)(\w+)[ \t]*\)")


def _readable(source: bytes) -> bytes:
    """Source in C with what is macros in the place of names blanked out, of the same length: the
    grammars take ``class API Name`` for a class that is named API."""
    source = _ANNOTATION.sub(lambda found: b" " * len(found[0]), source)
    source = _EXPORTED.sub(lambda found: found[1] + b" " * len(found[2]), source)
    return _NS_ENUM.sub(
        lambda found: (b"enum".ljust(len(found[1])) + found[2]).ljust(len(found[0])), source
    )


class _Splitter:
    def __init__(self, lines: Lines, source: bytes, grammar: str) -> None:
        self._lines = lines
        self._source = source
        self._grammar = grammar
        self._nodes_left = MAX_NODES
        self._programs_left = MAX_PROGRAMS
        self.definitions: list[Definition] = []

    def pieces(self, whole: _Part) -> Iterator[Piece]:
        # Not recursive: hostile sources nest a hundred thousand deep.
        pending = [whole]
        while pending:
            part = pending.pop()
            piece = Piece(part.start, part.end, part.owner)
            if part.node.type in _EMBEDDED and (inner := self._embedded(part)):
                yield from inner
                continue
            if part is not whole and not self._divides(part):
                self._list_members(part)
                yield piece
                continue
            parts = list(self._parts(part))
            if len(parts) > 1 or (parts and parts[0].node.child_count):
                pending.extend(reversed(parts))
            else:
                yield from split_by_lines(self._lines, piece)

    def _embedded(self, part: _Part) -> list[Piece]:
        """The pieces of a program within a page; none where there is no program."""
        text = next((c for c in self._children(part.node) if c.type in _PROGRAMS), None)
        if text is None or not self._programs_left:
            return []
        self._programs_left -= 1
        first, end = text.start_point.row, min(text.end_point.row, part.end)
        if end - first < 1:
            return []
        # Line breaks in front, so that its lines keep their numbers.
        padded = b"\n" * first + self._source[text.start_byte : text.end_byte]
        grammar = _EMBEDDED[part.node.type]
        inside = _Splitter(self._lines, padded, grammar)
        inside._nodes_left = self._nodes_left
        root = _Part(parse(padded, grammar), part.start, part.end, part.owner, level=True)
        found = list(inside.pieces(root))
        self._nodes_left = inside._nodes_left
        self.definitions += inside.definitions
        return found

    def _divides(self, part: _Part) -> bool:
        if part.end - part.start <= 1:
            return False
        if self._lines.size(part.start, part.end) > MAX_CHUNK_CHARACTERS:
            return True
        is_module = part.defines and part.owner is not None and part.owner.kind == "module"
        return is_module or (part.level and not part.defines)

    def _parts(self, whole: _Part) -> Iterator[_Part]:
        """The lines of ``whole``, all of them, by child node. A line that two children share
        goes to the first; comments go with the definition that follows without a blank line."""
        last: _Part | None = None
        lead: _Part | None = None
        doc, at, outer = "", whole.start, whole.owner
        for node in self._children(whole.node, whole.tail):
            row, (end, column) = node.start_point.row, node.end_point
            end = min(end + (column > 0), whole.end)
            if end <= at or (whole.level and not node.is_named):  # a word between definitions
                continue
            if lead is not None and row > lead.end:
                yield from _given(last)
                last, at, lead = lead, lead.end, None
            node_type = node.type
            if self._leads(node, node_type):
                doc = (doc if lead is not None else "") or self._comment(node, node_type, end)
                lead = _Part(node, lead.start if lead is not None else at, end, whole.owner)
                continue
            if node_type == "function_body" and last is not None and last.defines:
                last, at = replace(last, end=end, tail=node), end
                continue
            yield from _given(last)
            is_head = node_type in HEADS
            within = replace(whole, owner=outer) if is_head else whole
            start = lead.start if lead is not None else at
            last = self._part(node, start, end, doc if lead is not None else "", within)
            lead, at = None, end
            if is_head and last.defines and not _body(node):
                whole = replace(whole, owner=last.owner)
        if lead is not None:
            yield from _given(last)
            last = lead
        if last is not None:
            yield last if last.end == whole.end else replace(last, end=whole.end)

    def _part(self, node: Node, start: int, end: int, comment: str, whole: _Part) -> _Part:
        level = whole.level or whole.defines
        found = self._defined(node, whole.owner, level=level)
        if found is None:
            level = level and (whole.defines or node.type in TRANSPARENT)
            return _Part(node, start, end, whole.owner, level=level)
        if found.kind in MINOR_KINDS:
            line = found.node.start_point.row
            signature = self._lines[line].strip()[:MAX_LINE_SHOWN]
            owner = self._definition(found, whole.owner, line, signature, comment)
            return _Part(found.node, start, end, owner, defines=True)
        body = _body(found.node)
        line, signature = self._signature(found.node, body)
        doc = self._doc(found.node, body) or comment
        owner = self._definition(found, whole.owner, line, signature, doc)
        # Its own node, so that dividing it does not find it a second time.
        return _Part(found.node, start, end, owner, defines=True)

    def _defined(self, node: Node, parent: Definition | None, *, level: bool) -> Defined | None:
        """What ``node`` defines. Variables count only where a file or a class has its members."""
        if not node.child_count:
            return None
        within = parent.kind if parent is not None else "module"
        minor = level and (within in TYPE_KINDS or within == "module")
        defined = defined_by(node, self._source, self._grammar, variables=minor)
        if defined is None or (parent is not None and parent.symbol.count(".") >= MAX_NESTING - 1):
            return None
        if defined.node.type == "function_clause" and within in ("function", "method"):
            return None
        if defined.kind in MINOR_KINDS and not minor:
            return None
        if defined.kind == "function" and (within in TYPE_KINDS or within == "variable"):
            return replace(defined, kind="method")
        return defined

    def _definition(
        self, found: Defined, parent: Definition | None, line: int, signature: str, doc: str
    ) -> Definition:
        symbol = f"{parent.symbol}.{found.name}" if parent is not None else found.name
        definition = Definition(symbol, found.kind, signature, doc, line, parent)
        self.definitions.append(definition)
        return definition

    def _list_members(self, part: _Part) -> None:
        """Find what is defined in a class or module that is one piece: its names are all that
        is needed."""
        if not (part.defines or part.level):
            return
        kind = part.owner.kind if part.owner is not None else "module"
        if kind not in _MEMBERS_OF:
            return
        if kind == "variable" and part.end - part.start == 1:
            return
        pending = [(part.node, part.owner, _LISTED_DEPTH)]
        while pending:
            node, parent, depth = pending.pop()
            for child in self._children(node):
                if not child.child_count:
                    continue
                found = self._defined(child, parent, level=True)
                if found is None:
                    if depth:
                        pending.append((child, parent, depth - 1))
                    continue
                line = (_first_word(found.node) or found.node).start_point.row
                member = self._definition(found, parent, line, "", "")
                if found.kind in _MEMBERS_OF and depth:
                    pending.append((found.node, member, _LISTED_DEPTH))

    def _signature(self, node: Node, body: Node | None) -> tuple[int, str]:
        """Where a definition's own words begin (a line from 0), and these up to its body, as
        one line."""
        first = _first_word(node) or node
        start, row = first.start_byte, first.start_point.row
        if start == node.start_byte:  # with what stands before it, as "export"
            before = self._source[max(0, start - MAX_LINE_SHOWN) : start].rpartition(b"\n")[2]
            start -= 0 if _ENDS.search(before) else len(before)
        has_end = body is not None and body.start_byte > start
        end = body.start_byte if body is not None and has_end else node.end_byte
        written = self._source[start : min(end, start + 4 * MAX_LINE_SHOWN)]
        text = written.decode("utf-8", "replace")
        if not has_end:
            text = text.partition("\n")[0]
        elif "\n" in text:
            text = _COMMENT.split(text, maxsplit=1)[0]
        return row, " ".join(text.split())[:MAX_LINE_SHOWN].rstrip(" {")

    def _comment(self, node: Node, node_type: str, end: int) -> str:
        return "" if node_type in LEADING else self._lines.first(node.start_point.row, end)

    def _doc(self, node: Node, body: Node | None) -> str:
        """The first line of the string that a body begins with, as Python has it, or of a
        description, as GraphQL has it."""
        text = _first_child(node)
        if text is None or text.type != "description":
            text = _first_child(body) if body is not None and self._grammar in _DOCUMENTED else None
            if text is not None and text.type == "expression_statement":
                text = _first_child(text)
            if text is None or text.type != "string":
                return ""
        written = self._source[text.start_byte : text.end_byte][: 8 * MAX_LINE_SHOWN]
        lines = (bare_comment(line) for line in written.decode("utf-8", "replace").split("\n"))
        return next((line.strip("\"'") for line in lines if line), "")

    def _leads(self, node: Node, node_type: str) -> bool:
        """Whether a node belongs to what follows it."""
        if "comment" in node_type or node_type in LEADING or node_type == "haddock":
            return True
        if node_type == "unary_operator" and self._grammar == "elixir":
            start = node.start_byte
            return _ELIXIR_LEADING.match(self._source, start) is not None
        return node_type == "string_literal" and self._grammar == "julia"

    def _children(self, *nodes: Node | None) -> Iterator[Node]:
        # A cursor gives way to other threads between two children; a list of all does not.
        for node in nodes:
            if node is None:
                continue
            cursor = node.walk()
            more = cursor.goto_first_child()
            while more and self._nodes_left > 0:
                self._nodes_left -= 1
                child = cursor.node
                if child is not None and child.type in _INLINED:
                    yield from self._children(child)
                elif child is not None:
                    yield child
                more = cursor.goto_next_sibling()


_COMMENT = re.compile(r"\n\s*(?:#|//|--|/\*)")
_ENDS = re.compile(rb"[{};]")
_INLINED = frozenset({"declarations", "imports"})
"""What holds the parts of a file in Haskell. The documentation of one may stand in the other."""

_DOCUMENTED = frozenset({"python", "starlark"})
_PROGRAMS = frozenset({"raw_text", "frontmatter_js_block"})

_ELIXIR_LEADING = re.compile(
    rb"@(?:doc|spec|impl|since|deprecated|typedoc|shortdoc|dialyzer|tag|moduletag)\b"
)


def _body(node: Node) -> Node | None:
    """What a definition has after its signature."""
    if found := node.child_by_field_name("body"):
        return found
    value = node.child_by_field_name("value") or node.child_by_field_name("right")
    if value is not None:
        return value.child_by_field_name("body")
    if node.child_count < 2:
        return None
    last = node.child(node.child_count - 1)
    for child in (last, node.child(node.child_count - 2)):
        if child is not None and child.type.endswith(("body", "block")):
            return child
    return None


def _first_word(node: Node) -> Node | None:
    """Where a definition begins after what is said about it: attributes, a description."""
    for index in range(min(node.child_count, 8)):
        child = node.child(index)
        if child is None or child.type in LEADING or child.type == "description":
            continue
        if child.type != "modifiers":
            return child
        for modifier in child.children:
            if modifier.type not in LEADING and modifier.type != "attribute":
                return modifier
    return None


def _first_child(node: Node) -> Node | None:
    return node.named_child(0) if node.named_child_count else None


def _given(part: _Part | None) -> Iterator[_Part]:
    if part is not None:
        yield part
