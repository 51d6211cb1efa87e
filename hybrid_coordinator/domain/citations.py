"""Tell which of the items that an answer was given it made use of.

An item is taken to be used where the answer names it: by its id, its file, its lines, its title, or
the symbol that it defines. What stands in the question as well is no evidence, since an answer
repeats it; nor is a title or a name that is a word of the trade.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

_ID = re.compile(r"(?<![0-9A-Za-z-])[0-9a-f]{8}(?:[0-9a-f-]{0,28})(?![0-9A-Za-z])", re.IGNORECASE)
"""Eight hexadecimal digits or more of an id."""

_LINES = re.compile(r"(?:#L|:|,? lines? )(\d+)(?:(?:-L?|\u2013)(\d+))?")
"""Lines, as they are written behind a path."""

_PLACE = re.compile(r"(?P<path>.+):(?P<start>\d+)-(?P<end>\d+)")
_TITLE_WORDS = 3
_TITLE_CHARACTERS = 16
"""A title of fewer words or characters is one that people write anyway."""
_SYMBOL_CHARACTERS = 6
_SPACES = re.compile(r"\s+")


@dataclass(frozen=True, slots=True)
class Citable:
    """An item as an answer may name it. ``source`` is ``path:start-end`` for code."""

    id: str
    title: str = ""
    source: str = ""


def cited(response: str, items: Sequence[Citable], question: str = "") -> frozenset[str]:
    """The ids of the items that the response makes use of."""
    if not response:
        return frozenset()
    text, asked = _Said(response), _Said(question)
    by_id = _ids_in(response, items)
    return by_id | {item.id for item in items if item.id not in by_id and _named(item, text, asked)}


class _Said:
    """A text as it is compared: as it is, and folded into one line."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.folded = _fold(text)


def _fold(text: str) -> str:
    return _SPACES.sub(" ", text).strip().casefold()


def _ids_in(response: str, items: Sequence[Citable]) -> frozenset[str]:
    """Ids that are written out, or whose beginning is and fits one item alone: ids of one minute
    begin alike."""
    found = set()
    for match in _ID.finditer(response):
        written = match.group().lower().rstrip("-")
        fitting = {item.id for item in items if item.id.lower().startswith(written)}
        if len(fitting) == 1:
            found |= fitting
    return frozenset(found)


def _named(item: Citable, text: _Said, asked: _Said) -> bool:
    place = _PLACE.fullmatch(item.source)
    if place is None:
        return _is_distinctive(item.title) and _says(item.title, text, asked)
    lines = int(place["start"]), int(place["end"])
    return _names_file(place["path"], lines, text.text, asked.text) or (
        _is_symbol(item.title)
        and _has_word(item.title, text.text)
        and not _has_word(item.title, asked.text)
    )


def _says(title: str, text: _Said, asked: _Said) -> bool:
    folded = _fold(title)
    return _has_word(folded, text.folded) and not _has_word(folded, asked.folded)


def _is_distinctive(title: str) -> bool:
    folded = _fold(title)
    return len(folded) >= _TITLE_CHARACTERS and len(folded.split(" ")) >= _TITLE_WORDS


def _is_symbol(title: str) -> bool:
    """Whether it is written as only code is: of several parts, and not short."""
    if len(title) < _SYMBOL_CHARACTERS or _SPACES.search(title):
        return False
    inner = title.strip("_")
    return any(mark in inner for mark in "_.:#") or (
        # camelCase, and Names OfSeveral: a capital behind a small letter
        re.search(r"[a-z0-9][A-Z]", inner) is not None
    )


def _names_file(path: str, lines: tuple[int, int], text: str, asked: str) -> bool:
    """Whether the text names these lines of the file, or the file without lines."""
    if "/" not in path and "." not in path:
        return False
    whole = re.compile(rf"(?<![\w/.-]){re.escape(path)}(?![\w/-]|\.\w)")
    in_question = whole.search(asked) is not None
    for match in whole.finditer(text):
        named = _LINES.match(text, match.end())
        if named is None:
            if not in_question:
                return True
            continue
        first = int(named[1])
        last = int(named[2] or first)
        as_written = text[match.start() : named.end()]
        if first <= lines[1] and last >= lines[0] and as_written not in asked:
            return True
    return False


def _has_word(word: str, text: str) -> bool:
    """Whether it stands there with no letter or digit around it."""
    at = text.find(word)
    while at >= 0:
        end = at + len(word)
        before = at == 0 or not _within_word(text[at - 1])
        if before and (end == len(text) or not _within_word(text[end])):
            return True
        at = text.find(word, at + 1)
    return False


def _within_word(character: str) -> bool:
    return character.isalnum() or character == "_"
