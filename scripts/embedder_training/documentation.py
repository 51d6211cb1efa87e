"""What a chunk of code says about itself in words: its docstring or the comment before it."""

from __future__ import annotations

import re
from dataclasses import dataclass

_DOCSTRING = re.compile(
    r"(?P<before>\A(?:[ \t]*(?:[@#][^\n]*)?\n)*[ \t]*(?:async[ \t]+def|def|class)\b"
    r"(?:[^\n]*\n){1,12}?)"
    r"(?P<all>[ \t]*[rRuU]{0,2}(?P<quote>\"{3}|'{3})(?P<doc>[\s\S]*?)(?P=quote)[ \t]*(?:\n|\Z))"
)
_ELIXIR = re.compile(
    r"(?P<before>\A)(?P<all>\s*@(?:module)?doc\s+(?:~[sS])?\"{3}(?P<doc>[\s\S]*?)\"{3}\n)"
)
_BLOCK = re.compile(
    r"(?P<before>\A\s*)(?P<all>(?:/\*+!?|\{-+\s?\||--\[\[)"
    r"(?P<doc>[\s\S]*?)(?:\*+/|-\}|\]\])[ \t]*\n)"
)
_SLASHES = re.compile(r"(?P<before>\A\s*)(?P<all>(?P<doc>(?:[ \t]*//[^\n]*\n)+))")
_DASHES = re.compile(r"(?P<before>\A\s*)(?P<all>(?P<doc>(?:[ \t]*--[^\n]*\n)+))")
_HASHES = re.compile(r"(?P<before>\A\s*)(?P<all>(?P<doc>(?:[ \t]*#(?![!\[])[^\n]*\n)+))")

_PATTERNS = {
    "python": (_DOCSTRING, _HASHES),
    "elixir": (_ELIXIR, _HASHES),
    "haskell": (_BLOCK, _DASHES),
    "lua": (_BLOCK, _DASHES),
    "sql": (_BLOCK, _DASHES),
    "ruby": (_HASHES,),
    "bash": (_HASHES,),
    "perl": (_HASHES,),
    "r": (_HASHES,),
    "php": (_BLOCK, _SLASHES, _HASHES),
}
_OTHERS = (_BLOCK, _SLASHES)

_INNER = re.compile(r"(?m)^[ \t]*(?://+|#|--)[ \t]+(?P<said>[A-Z][^\n]{20,160})\n")
"""A comment inside a chunk, on a line of its own."""

_MARKS = re.compile(r"(?m)^[ \t]*(?:/\*+!?|\*+/?|//+[!<]?|#+|--+[ \t]?[|^]?|\|)[ \t]?")
_FIELDS = re.compile(
    r"(?m)^\s*(?:[@\\](?:param|return|throws|see|since|author|type|\w+)"
    r"|:\w+[^:\n]*:|Args:|Arguments:|Parameters?:?$|Params:|Returns?:|Raises:|Yields:|Examples?:?$"
    r"|Usage:|Notes?:?$|See Also|>>>|```|#+ |\.\. |[-=~]{3,}|@|TODO|FIXME|XXX)"
)
_REFERENCE = re.compile(
    r"\{@\w+\s+([^}]*)\}|:[\w:]+:`[~!]?([^`<]*?)(?:\s*<[^>]*>)?`"
    r"|\[`?([^\]`]+)`?\](?:\([^)]*\))?"
)
_TAG = re.compile(r"</?\w[^>]*>|https?://\S+|[`*_]{1,2}(?=\w)|(?<=\w)[`*]{1,2}|``|`|'{3}|\"{3}")
_SENTENCE_END = re.compile(r"(?<=[a-z0-9)\"'])[.!?;](?=\s|$)|:\s*$|\n\s*\n")
_BOILERPLATE = re.compile(
    r"copyright|licen[cs]e|spdx|warrant|all rights|inherit\s?doc|auto-?generated|do not edit"
    r"|eslint|pylint|noqa|nolint|clang-format|rubocop|istanbul|@ts-|see above|deprecated"
    r"|internal use|\b(?:api[_ ]?key|password|secret|token)\s*[=:]\s*\S",
    re.IGNORECASE,
)
_MIN_WORDS, _MAX_WORDS = 4, 60


@dataclass(frozen=True, slots=True)
class Documentation:
    """What is said (its first sentence, and up to ``_MAX_WORDS`` words of all of it), and the text
    without it. ``start`` and ``end`` are its characters' place in the text."""

    sentence: str
    whole: str
    rest: str
    start: int
    end: int


def documentation(text: str, language: str) -> Documentation | None:
    """The docstring or leading comment of a chunk, None where it has none worth learning from."""
    for pattern in _PATTERNS.get(language, _OTHERS):
        if found := pattern.match(text):
            if said := _said(found["doc"]):
                start, end = found.span("all")
                return Documentation(*said, text[:start] + text[end:], start, end)
            return None
    return None


def inner_comments(text: str) -> list[tuple[str, str]]:
    """Comments inside a chunk, each with the text from there on, without the comment."""
    found = []
    for match in _INNER.finditer(text):
        said = _said(match["said"])
        rest = text[match.end() :]
        if said and match.start() > 0 and len(rest) > 80:
            found.append((said[0], rest))
    return found


def first_sentence(prose: str) -> str:
    """The first sentence of a paragraph, cleaned of markup; empty where it says too little."""
    said = _said(prose)
    return said[0] if said else ""


def _said(raw: str) -> tuple[str, str] | None:
    bare = _MARKS.sub("", raw)
    cut = _FIELDS.search(bare)
    bare = bare[: cut.start()] if cut and bare[: cut.start()].strip() else bare
    if cut and not bare[: cut.start()].strip():
        return None
    bare = _REFERENCE.sub(lambda found: next(filter(None, found.groups()), ""), bare)
    bare = _TAG.sub("", bare).strip()
    if _BOILERPLATE.search(bare):
        return None
    sentence = " ".join(_SENTENCE_END.split(bare, maxsplit=1)[0].split())
    if not _is_english(sentence):
        return None
    return " ".join(sentence.split()[:_MAX_WORDS]), " ".join(bare.split()[:_MAX_WORDS])


def _is_english(sentence: str) -> bool:
    words = re.findall(r"[A-Za-z][a-z]+", sentence)
    letters = sum(map(len, words))
    return len(words) >= _MIN_WORDS and sentence.isascii() and letters > 0.6 * len(sentence)
