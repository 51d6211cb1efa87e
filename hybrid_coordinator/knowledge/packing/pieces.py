"""A piece of context as it is shown: its header, its fence, and what they cost."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import cached_property

from hybrid_coordinator.domain.injected import OPENING
from hybrid_coordinator.domain.items import CollectionName, ContextItem, SourceLines

MOST_PIECES = 99
"""More are not shown; retrieval gives some 30."""

_USEFUL_BYTES = 240
"""A piece of a longer text below this (some five lines of code) tells too little to be worth its
header."""
_LABEL_CHARACTERS = 160
"""Paths, titles, sources and reasons are labels; longer ones would eat the budget of the texts."""
_TITLE_WITHIN = 200
"""A title that is read in so many characters of the text needs no place in the header."""
_SAME_FILE = "same file"
_WITHIN = " > "
_MARK_NAME = OPENING.strip("<>")
_BACKTICKS = re.compile(r"`+")


@dataclass(frozen=True)
class Piece:
    """An item of which ``item.text`` is shown.

    ``whole`` is where the item stands, of which ``item.lines`` are shown; ``is_cut`` says that
    not all of it is. ``around`` are the definitions around it that a header has room for, and
    ``title`` is empty where they or the text say it. ``rank`` counts from 0, the best.
    """

    item: ContextItem
    rank: int
    whole: SourceLines | None
    title: str
    around: tuple[str, ...]
    why: str
    is_cut: bool = False

    @classmethod
    def of(cls, item: ContextItem, rank: int, whole: SourceLines | None = None) -> Piece:
        """The item, cut where it is not all of ``whole``."""
        whole = whole or item.lines
        why = label(item.why)
        around = _around(item)
        return cls(item, rank, whole, _title(item, around), around, why, whole != item.lines)

    @property
    def file(self) -> tuple[str, str] | None:
        """What pieces of one file share; None for what is of no file."""
        lines = self.item.lines
        return None if lines is None else (lines.root, lines.path)

    def render(self, number: int, previous: Piece | None) -> str:
        """The piece as text, without what the header of ``previous`` said already."""
        if previous is not None and (self.file is None or previous.file != self.file):
            previous = None
        header = self._header(number, self.is_cut, previous)
        fence = _fence(self.item.text)
        return f"{header}{fence}\n{self.item.text}\n{fence}\n"

    @cached_property
    def size(self) -> int:
        """Bytes, at most: next to a piece of the same file it takes fewer."""
        return self._frame(self.item.text, self.is_cut) + size(self.item.text)

    def within(self, allowance: int) -> Piece | None:
        """The piece in ``allowance`` bytes: whole, cut, or None if no useful part of it fits."""
        if self.size <= allowance:
            return self
        if allowance < _USEFUL_BYTES:
            return None
        # The fence depends on what is kept, so look only at what could be.
        text = prefix(self.item.text, allowance)
        room = allowance - self._frame(text, is_cut=True)
        if min(room, size(text)) < _USEFUL_BYTES:
            return None
        text = cut(text, room)
        if not text.strip():
            return None
        lines = self.item.lines
        if lines is not None:
            lines = replace(lines, end=lines.start + text.count("\n"))
        return replace(self, item=placed(replace(self.item, text=text, lines=lines)), is_cut=True)

    def _frame(self, text: str, is_cut: bool) -> int:
        """Bytes around ``text``."""
        return size(self._header(MOST_PIECES, is_cut, None)) + 2 * len(_fence(text)) + len("\n\n\n")

    def _header(self, number: int, is_cut: bool, previous: Piece | None) -> str:
        """``previous`` is of the same file."""
        item = self.item
        why = "" if previous is not None and previous.why == self.why else self.why
        if item.lines is not None:
            place = self._place(item.lines, is_cut, continues=previous is not None)
            labels = [place, self.title, self._unseen(previous), why]
        elif item.collection is CollectionName.CODEBASE_CONTEXT:
            labels = [label(item.source), self.title, self._unseen(None), why]
        else:
            labels = [item.collection, self.title, label(item.source), why]
        if is_cut and item.lines in (None, self.whole):
            labels.append("cut")
        return f"\n[{number}] {' | '.join(filter(None, labels))}\n"

    def _place(self, lines: SourceLines, is_cut: bool, *, continues: bool) -> str:
        path = label(lines.path)
        if continues and len(path) > len(_SAME_FILE):
            path = _SAME_FILE
        place = f"{path}:{lines.start}-{lines.end}"
        if is_cut and self.whole not in (None, lines):
            place += f" of {self.whole.start}-{self.whole.end}"
        return place

    def _unseen(self, previous: Piece | None) -> str:
        """The definitions around the text, without those that ``previous`` shows."""
        shown = () if previous is None else (previous.item.text, *previous.around)
        unseen = [one for one in self.around if not any(one in text for text in shown)]
        return f"in {_WITHIN.join(unseen)}" if unseen else ""


def placed(item: ContextItem) -> ContextItem:
    """The item with the source that its lines give."""
    lines = item.lines
    if lines is None:
        return item
    source = f"{lines.path}:{lines.start}-{lines.end}"
    return item if item.source == source else replace(item, source=source)


def label(text: str, most: int = _LABEL_CHARACTERS) -> str:
    """One line without control characters: a label can neither start a fence nor a header, nor
    close the context."""
    if not text.isprintable():
        text = "".join(c if c.isprintable() else " " for c in text)
    line = harmless(" ".join(text.split()))
    return line if len(line) <= most else line[: most - 1] + "…"


def harmless(text: str) -> str:
    """The text without the name of the marks around injected context, which would seem to end
    where a text holds one, in whatever notation. The length stays."""
    return text.replace(_MARK_NAME, _MARK_NAME.replace("-", " ")) if _MARK_NAME in text else text


def size(text: str) -> int:
    """Bytes, counted as ``estimate_tokens`` counts them."""
    return len(text) if text.isascii() else len(text.encode("utf-8", "replace"))


def prefix(text: str, room: int) -> str:
    """The start of the text, in at most ``room`` bytes."""
    if text.isascii():
        return text[: max(0, room)]
    return text.encode("utf-8", "replace")[: max(0, room)].decode("utf-8", "ignore")


def cut(text: str, room: int) -> str:
    """At most ``room`` bytes of the text, up to a line end; where a line fills more than half of
    that (prose in one line), up to a space, or between two characters."""
    start = prefix(text, room)
    for boundary in ("\n", " "):
        end = start.rfind(boundary)
        if end > len(start) // 2:
            return start[:end].rstrip()
    return start


def _title(item: ContextItem, around: tuple[str, ...]) -> str:
    if item.collection is CollectionName.CODEBASE_CONTEXT:
        name = item.title.rpartition(".")[2]
        if any(name in text for text in (item.text[:_TITLE_WITHIN], item.source, *around)):
            return ""
    return label(item.title)


def _around(item: ContextItem) -> tuple[str, ...]:
    """All definitions around it, or the innermost if they are too long for a label."""
    around = tuple(filter(None, map(label, item.enclosing)))
    return around if len(_WITHIN.join(around)) <= _LABEL_CHARACTERS else around[-1:]


def _fence(text: str) -> str:
    longest = max(map(len, _BACKTICKS.findall(text)), default=0) if "`" in text else 0
    return "`" * max(3, 1 + longest)
