"""The words of a task, and which of them belong to this instance of it only: paths, numbers, names.

Any script, no model and no list of words.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from itertools import pairwise

from hybrid_coordinator.domain.file_names import file_name
from hybrid_coordinator.domain.words import split_identifier

INSTANCE = "\0"
"""Stands for a word that belongs to this instance of a task only. Stored texts hold no NUL."""

_EXCERPT = 4000
"""Characters read from the start and as many from the end of a task: people put the request
first or last, and what lies between is pasted. It bounds the cost of a comparison."""

_LONG_IDENTIFIER = 24
"""Characters from which a single word names one thing in one code base, not a general notion."""

# Scripts written without spaces, and Hangul, whose particles are glued to the words: read as
# overlapping pairs of characters. U+3000-303F is their punctuation.
_UNSPACED = (
    "\u0e00-\u109f\u1780-\u17ff\u3000-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af"
    "\uf900-\ufaff\U00020000-\U0003ffff"
)
# Vowel signs and accents that \w leaves out, though they stand inside words.
_MARKS = "\u0300-\u036f\u0591-\u05c7\u064b-\u065f\u0900-\u0963\u0981-\u109f\u1780-\u17d3"

_BEGINNING = 5
"""Letters by which a word is known, whatever its ending."""

_PUNCTUATION = ".,;:!?()[]{}<>'\"*\u2026"
_CHUNK = re.compile(rf"[{_UNSPACED}]+|[^\s{_UNSPACED}]+")
_IS_UNSPACED = re.compile(rf"[{_UNSPACED}]")
_LETTER = re.compile(rf"(?![\d_])[\w{_MARKS}]")
_IDENTIFIER = re.compile(rf"[\w{_MARKS}]+")
_QUOTED = re.compile(
    r'"[^"\n]{1,200}"|`[^`\n]{1,200}`|(?<!\w)\'[^\'\n]{1,200}\'(?!\w)'
    "|\u201c[^\u201d\n]{1,200}\u201d|\u201e[^\u201c\u201d\n]{1,200}[\u201c\u201d]"
    "|\u00ab[^\u00bb\n]{1,200}\u00bb|\u300c[^\u300d\n]{1,200}\u300d"
)
_NUMBER = re.compile(
    r"\W?[vV]?\d[\d.,:_/%x-]*[^\W\d_]{0,3}"  # 42, #42, 1.2.3, v2, 10ms, 2024-05-01
    r"|[A-Z]+-\d+"  # a ticket
    r"|(?=[^\d]*\d)[0-9a-fA-F-]{7,}"  # a commit, a UUID
)


def excerpt(text: str) -> str:
    """The part of a long text that comparisons read: its start and its end."""
    return text if len(text) <= 2 * _EXCERPT else f"{text[:_EXCERPT]} {text[-_EXCERPT:]}"


def task_words(text: str) -> list[str]:
    """The folded words of an excerpt in order, INSTANCE for each instance-specific one."""
    return [INSTANCE if literal else word for word, literal in _read(excerpt(text))]


def literal_words(text: str) -> list[tuple[str, bool]]:
    """The folded words of the whole text in order, instance-specific ones as they are written;
    True marks those."""
    return list(_read(text))


def content_words(text: str) -> frozenset[str]:
    """The beginnings of the words that say what a text is about, so that "divide" and "division"
    give the same; of scripts without spaces, pairs of characters."""
    return frozenset(
        word[:_BEGINNING]
        for word in task_words(text)
        if len(word) >= _BEGINNING - 1 or is_unspaced(word)
    )


def is_unspaced(word: str) -> bool:
    """Whether a word is of a script that is written without spaces: a pair of characters."""
    return _IS_UNSPACED.match(word) is not None


def _read(text: str) -> Iterator[tuple[str, bool]]:
    text = unicodedata.normalize("NFKC", text)
    end = 0
    for quoted in _QUOTED.finditer(text):
        yield from _unquoted(text[end : quoted.start()])
        yield quoted.group()[1:-1], True
        end = quoted.end()
    yield from _unquoted(text[end:])


def _unquoted(text: str) -> Iterator[tuple[str, bool]]:
    for chunk in _CHUNK.findall(text):
        if _IS_UNSPACED.match(chunk):
            letters = _LETTER.findall(chunk)
            pairs = ["".join(pair) for pair in pairwise(letters)]
            yield from ((word, False) for word in pairs or letters)
            continue
        token = chunk.strip(_PUNCTUATION)
        if token.isalpha() and token[1:].islower() and len(token) < _LONG_IDENTIFIER:
            yield token.casefold(), False  # the common case, and quick
        elif _is_instance(token):
            yield token, True
        else:
            for name in _IDENTIFIER.findall(token):
                parts = split_identifier(name) if name.isascii() else [name]
                yield from ((part.casefold(), False) for part in parts)


def _is_instance(token: str) -> bool:
    """Whether a token of spaced text names one thing: a URL, address, path, number, hash."""
    return (
        len(token) >= _LONG_IDENTIFIER
        or "://" in token
        or "@" in token[1:]
        or file_name(token) is not None
        or _NUMBER.fullmatch(token) is not None
    )
