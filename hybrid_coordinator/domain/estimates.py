"""What the text of a task tells about its worth: is it new, does it recur, is it general?

No model and no list of phrases: words are counted in any script, and each counts once, so that
padding and repetition change nothing.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

from hybrid_coordinator.domain.effort import complexity, saturation
from hybrid_coordinator.domain.file_names import file_name
from hybrid_coordinator.domain.words import split_identifier

RECURRENCE_THRESHOLD = 0.45
"""Similarity from which two tasks count as the same kind of task. On the 812 WebArena tasks from
190 templates, "an earlier one has the same template" is found with precision 0.96 and recall
0.94 in the file's order (0.98 and 0.94 shuffled); 0.34 to 0.5 keep both above 0.9."""

_RECURRENCE_PRECISION = 0.95
"""How often a task at or above the threshold really is of the same kind, from the same tasks."""

_GENERALITY_SHARE = 0.6
"""Reusability is generality and recurrence. The first is known from the start, so it weighs more;
the second is proof, but comes only after the fact."""

_PAIR_WEIGHT = 0.5
"""Two neighbouring words against single ones: pairs carry the order of the words, but there are
as many of them, and they must not outvote what is talked about."""

_SUBSTANCE = 5.0
"""Content words at which a task has said half of what makes it reusable. A greeting has one, the
smallest program that people ask for ("print hello world") three; a request of ten words has
eight or nine and so scores above 0.8."""

_CONTENT_LENGTH = 5
"""Letters from which a word counts in full. Short words are the frequent ones in every language
(Zipf's law of abbreviation), so length stands in for a list of stop words."""

_EXCERPT = 4000
"""Characters read from the start and as many from the end of a task: people put the request
first or last, and what lies between is pasted. It bounds the cost of a comparison."""

_SHORT = 1_000
"""Characters up to which the terms of a task are remembered: 256 of them take 10 MB at most."""

_LONG_IDENTIFIER = 24
"""Characters from which a single word names one thing in one code base, not a general notion."""

_DIGITS = 4
"""Estimates are not surer than this, and a score can be checked from components so rounded."""

_INSTANCE = "\0"
"""Stands for a word that belongs to this instance of a task only. Stored texts hold no NUL."""

# Scripts written without spaces, and Hangul, whose particles are glued to the words: read as
# overlapping pairs of characters. U+3000-303F is their punctuation.
_UNSPACED = (
    "\u0e00-\u109f\u1780-\u17ff\u3000-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af"
    "\uf900-\ufaff\U00020000-\U0003ffff"
)
# Vowel signs and accents that \w leaves out, though they stand inside words.
_MARKS = "\u0300-\u036f\u0591-\u05c7\u064b-\u065f\u0900-\u0963\u0981-\u109f\u1780-\u17d3"

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


@dataclass(frozen=True, slots=True)
class Estimates:
    """The guessed components of a value, each in 0-1."""

    reusability: float
    complexity: float
    novelty: float


def estimate(query: str, response: str, earlier: Sequence[str]) -> Estimates:
    """Estimate from the texts of an interaction and the queries of earlier ones."""
    alike = similarities(query, earlier)
    general = _GENERALITY_SHARE * generality(query)
    return Estimates(
        reusability=round(general + (1 - _GENERALITY_SHARE) * recurrence(alike), _DIGITS),
        complexity=round(complexity(query, response), _DIGITS),
        novelty=round(novelty(alike), _DIGITS),
    )


def excerpt(text: str) -> str:
    """The part of a long text that comparisons read: its start and its end."""
    return text if len(text) <= 2 * _EXCERPT else f"{text[:_EXCERPT]} {text[-_EXCERPT:]}"


def novelty(alike: Sequence[float]) -> float:
    """1 minus the highest similarity to an earlier task; 1 where there is none."""
    return 1.0 - max(alike, default=0.0)


def recurrence(alike: Sequence[float]) -> float:
    """How sure it is that the task came up before, in 0-1, from its similarities to earlier ones.

    Each earlier task at or above the threshold is right with the precision measured for it;
    recurrence is the chance that at least one of them is.
    """
    kin = sum(value >= RECURRENCE_THRESHOLD for value in alike)
    return 1.0 - (1.0 - _RECURRENCE_PRECISION) ** kin


def similarity(a: str, b: str) -> float:
    """How alike two task texts are, in 0-1: symmetric, and 1 for equal texts that hold a word."""
    return similarities(a, [b])[0]


def similarities(task: str, others: Sequence[str]) -> list[float]:
    """The cosine of the task's weighted terms with those of each other text, in 0-1."""
    mine = _terms(task)
    length = _length(mine)
    found: list[float] = []
    for other in others:
        theirs = _terms(other)
        # fsum rounds once, whatever the order of the terms: so the result is symmetric.
        dot = math.fsum(weight * theirs[term] for term, weight in mine.items() if term in theirs)
        norm = length * _length(theirs)
        found.append(min(1.0, dot / norm) if norm else 0.0)
    return found


def generality(task: str) -> float:
    """How much of a task would be said again in another one, in 0-1.

    The share of words that are not paths, URLs, numbers, hashes, quoted literals or long
    identifiers, times a saturating term in the distinct content words, so that a request
    with nothing in it is not reusable.
    """
    words = _words(task)
    if not words:
        return 0.0
    share = 1 - words.count(_INSTANCE) / len(words)
    substance = math.fsum(_content(word) for word in set(words))
    return share * saturation(substance, _SUBSTANCE)


def _words(text: str) -> list[str]:
    """The folded words of an excerpt in order, _INSTANCE for each instance-specific one."""
    text = _QUOTED.sub(f" {_INSTANCE} ", unicodedata.normalize("NFKC", excerpt(text)))
    words: list[str] = []
    for chunk in _CHUNK.findall(text):
        if _IS_UNSPACED.match(chunk):
            letters = _LETTER.findall(chunk)
            pairs = ["".join(pair) for pair in pairwise(letters)]
            words += pairs or letters
            continue
        token = chunk.strip(_PUNCTUATION)
        if token.isalpha() and token[1:].islower() and len(token) < _LONG_IDENTIFIER:
            words.append(token.casefold())  # the common case, and quick
        elif _is_instance(token):
            words.append(_INSTANCE)
        else:
            for name in _IDENTIFIER.findall(token):
                parts = split_identifier(name) if name.isascii() else [name]
                words += [part.casefold() for part in parts]
    return words


def _is_instance(token: str) -> bool:
    """Whether a token of spaced text names one thing: a URL, address, path, number, hash."""
    return (
        token == _INSTANCE
        or len(token) >= _LONG_IDENTIFIER
        or "://" in token
        or "@" in token[1:]
        or file_name(token) is not None
        or _NUMBER.fullmatch(token) is not None
    )


def _content(word: str) -> float:
    """How much a word says, in 0-1, by its length; a pair of unspaced characters says half."""
    if word == _INSTANCE or word.isdigit():
        return 0.0
    if _IS_UNSPACED.match(word):
        return 0.5
    return min(1.0, len(word) / _CONTENT_LENGTH)


def _terms(text: str) -> Mapping[str, float]:
    """Words and pairs of neighbours, weighted. Each counts once, however often it stands there;
    longer words count more, for the reason given at _CONTENT_LENGTH."""
    return _remembered_terms(text) if len(text) <= _SHORT else _weighted_terms(text)


@lru_cache(maxsize=256)
def _remembered_terms(text: str) -> Mapping[str, float]:
    """Neighbouring tasks are compared with the same earlier ones."""
    return _weighted_terms(text)


def _weighted_terms(text: str) -> Mapping[str, float]:
    words = _words(text)
    # A word weighs the root of its length; a pair half the geometric mean of its two words.
    roots = {word: min(len(word), 8) ** 0.25 for word in words}
    terms = {word: root * root for word, root in roots.items()}
    for first, second in pairwise(words):
        terms[f"{first} {second}"] = _PAIR_WEIGHT * roots[first] * roots[second]
    return terms


def _length(terms: Mapping[str, float]) -> float:
    return math.sqrt(math.fsum(weight * weight for weight in terms.values()))
