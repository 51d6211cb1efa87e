"""What a question asks for: its kind, the names in it, and the words that say something."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

from hybrid_coordinator.domain.words import split_identifier, words
from hybrid_coordinator.knowledge.ranking.roles import Role, roles_asked_for
from hybrid_coordinator.knowledge.relevance import comparable, is_empty_word


class Kind(StrEnum):
    """Kinds of question, which evidence weighs differently for."""

    SYMBOL = "symbol"
    ERROR = "error"
    PROSE = "prose"


_NAME = re.compile(r"[^\W\d]\w*(?:(?:\.|::|->|#|/)[^\W\d]\w*)*[!?]?")
_SEPARATOR = re.compile(r"\.|::|->|#|/")
_IDENTIFIER = re.compile(r"\w+")
_ERROR = re.compile(
    r"\b[A-Z]\w*(?:Error|Exception|Failure|Panic): \S|\bTraceback \(most recent|^[ \t]+at \S+\(|"
    r"^[ \t]*(?:error|fatal|panic|exception)(?:\[\w+\])?: \S",
    re.MULTILINE,
)
"""As programs say it, with a colon. A question that only names an error is a question."""

_DISTINCTIVE = re.compile(r"\w_\w|[a-z0-9][A-Z]|[A-Z]{2,}[a-z]")

_EXTENSIONS = frozenset(
    {
        *("c", "cc", "cpp", "cs", "css", "go", "h", "hpp", "html", "java", "js", "json", "jsx"),
        *("kt", "lua", "md", "mjs", "php", "py", "rb", "rs", "rst", "scala", "sh", "sql", "swift"),
        *("toml", "ts", "tsx", "txt", "yaml", "yml"),
    }
)
_MOST_NAMES = 20
"""Each costs a condition in the query; somebody who pastes hundreds asks for none of them."""

_MAX_TERMS = 40
"""A task of many words names its subject by any of them; more make every path match."""

_TITLES_KEPT = 4096
"""The titles that come up are much the same with every question; each takes some 500 bytes."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A question as the ranker sees it.

    Attributes:
        kind: what evidence counts most.
        names: identifiers that the question names, as written: the last part of dotted ones.
        terms: the comparable forms of its informative words, without repetition, in order.
        roles: parts of a project beside code that it asks for.
    """

    kind: Kind
    names: frozenset[str]
    terms: tuple[str, ...]
    roles: frozenset[Role]

    @property
    def distinctive_names(self) -> frozenset[str]:
        """Those that are written as no word of prose is."""
        return frozenset(name for name in self.names if _DISTINCTIVE.search(name))


def read_question(text: str) -> Asked:
    """Take a question apart."""
    stripped = text.strip()
    names = frozenset(_names(stripped)[:_MOST_NAMES])
    return Asked(
        kind=_kind(stripped, names),
        names=names,
        terms=_terms(text),
        roles=roles_asked_for(words(text)),
    )


@lru_cache(_TITLES_KEPT)
def read_title(title: str) -> tuple[str, ...]:
    """The comparable forms of a title's informative words, without repetition, in order."""
    return _terms(title)


def _terms(text: str) -> tuple[str, ...]:
    terms = dict.fromkeys(
        comparable(part.lower())
        for identifier in _IDENTIFIER.findall(text)
        for part in split_identifier(identifier)
        if len(part) > 1 and not is_empty_word(part.lower())
    )
    return tuple(terms)[:_MAX_TERMS]


def _kind(text: str, names: frozenset[str]) -> Kind:
    if names and len(text.split()) == 1:
        return Kind.SYMBOL
    return Kind.ERROR if _ERROR.search(text) else Kind.PROSE


def _names(text: str) -> list[str]:
    """Words that are names of code: the only word, or a word that is written as only code is. Of
    a path the name of the file."""
    alone = len(text.split()) == 1
    found = []
    for match in _NAME.finditer(text):
        name = match.group().rstrip("!?")
        parts = _SEPARATOR.split(name)
        if len(parts) > 1 and parts[-1].lower() in _EXTENSIONS:
            parts.pop()
        called = text[match.end() : match.end() + 1] == "("
        if alone or called or _is_code(name, parts[-1]):
            found.append(parts[-1])
            if match.group() != name:  # Ruby's `valid?`, or the end of a question
                found.append(parts[-1] + match.group()[len(name) :])
    return found


def _is_code(name: str, last: str) -> bool:
    inner = last.strip("_")
    return (
        "_" in inner
        or "::" in name
        or "->" in name
        or bool(_DISTINCTIVE.search(last))
        or ("." in name and bool(re.fullmatch(r"[\w.]+", name)) and len(last) > 3)
    )
