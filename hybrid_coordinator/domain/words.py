"""Words of code and prose: identifiers whole, and the parts they are made of."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

_CACHED_IDENTIFIERS = 1 << 14
"""Identifiers whose words are kept, at some 300 bytes each; source code repeats few."""

_IDENTIFIER = re.compile(r"\w+")
_PART = re.compile(r"[A-Z]+s?(?![a-z])|[A-Z]?[a-z]+|[0-9]+")
"""Over shapes (see ``_shape``): an acronym with its plural s, a word, a number."""


def split_identifier(identifier: str) -> list[str]:
    """The parts of one identifier, with their case: split at underscores, between letters and
    digits, and where the case says that a word begins.

    >>> split_identifier("parseHTTPResponse_v2")
    ['parse', 'HTTP', 'Response', 'v', '2']
    """
    shape = identifier if identifier.isascii() else "".join(map(_shape, identifier))
    return [identifier[part.start() : part.end()] for part in _PART.finditer(shape)]


def words(text: str) -> list[str]:
    """Every identifier of the text in order, casefolded: its parts, and after them, where there
    are several, the parts joined. So ``HTTPServer``, ``httpServer`` and ``http_server`` all give
    ``http``, ``server``, ``httpserver``.

    Text is taken in its NFKC form; what is neither letter nor number (unpaired surrogates
    too) only separates.
    """
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text)
    found: list[str] = []
    for each in map(_words_of, _IDENTIFIER.findall(text)):
        found += each
    return found


@lru_cache(_CACHED_IDENTIFIERS)
def _words_of(identifier: str) -> tuple[str, ...]:
    if identifier.islower() and identifier.isalpha():
        return (identifier.casefold(),)
    parts = [part.casefold() for part in split_identifier(identifier)]
    return (*parts, "".join(parts)) if len(parts) > 1 else tuple(parts)


def _shape(character: str) -> str:
    """A character as the ASCII character of its kind: letters without case count as lower."""
    if character.isupper() or character.istitle():
        return "A"
    if character.isalpha():
        return "a"
    return "0" if character.isalnum() else "_"
