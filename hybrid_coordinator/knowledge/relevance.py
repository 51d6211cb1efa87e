"""Decide whether what was found is about the question at all: junk is worse than nothing.

The evidence is the share of a question's informative words that a found text holds. It needs no
index statistics, so it works for a handful of entries as for 20,000 chunks, and it means the
same under every embedding model. For code the best cosine similarity is further evidence, under the
models that it is calibrated for: it halves the questions that get through without an answer.

Measured by ``make bench-search``: 142 questions on seven packages, each also asked of the packages
that cannot answer it. At the constants some 2% of the answerable questions are refused, and 90% of
the others; neighbouring values trade one for the other.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path

from hybrid_coordinator.domain.words import words

_SHORTEST = 4
"""Shorter words (`url`, `api`) are compared whole."""

_INFLECTION = re.compile(rf"(?<=.{{{_SHORTEST}}})(?:ing|ed|es|er|or|s|e|y|ies|ied)$")
_PREFIX = 6
"""Words are compared by their first letters less the ending, so that `sign` and `signed`, or
`authentication` and `Authenticator`, agree. Longer beginnings do no better, five letters worse."""

_LEAST_WEIGHT = 1.5
"""A question whose words weigh less in all is measured against this: one word that many programs
use (`context`, `time`) is no evidence that a text is about the question."""

_LOOKED_AT = 2_000
"""Characters of a text that are looked at: one chunk of code. In a much longer text every word
turns up somewhere."""

EVIDENCE = 10
"""How many of the best pieces of code ``relevant_pieces`` looks at. With 5, a third more of the
questions that cannot be answered get through."""

_COVERED_ON_AVERAGE = 0.33
_COVERED_BY_ONE = 0.75
"""Without similarities, a code base speaks of a question if the best pieces hold this share of
its words on average, or one piece nearly all. One piece at 0.5 is weak evidence: common words meet
somewhere."""

_ENOUGH = 1.06
"""With them it does from this sum on: the share of words in the best pieces on average, half of
the share in the one that holds most, and the greatest similarity. The weights are those of a
logistic regression on the questions, rounded."""

CALIBRATED_MODELS = frozenset({"hybrid-code-static"})
"""Embedding models whose similarities ``_ENOUGH`` is made for; each has another scale."""

_COVERED_BY_ENTRY = 0.5
_COVERED_BY_TITLE = 0.2
_TITLES_KEPT = 2048
"""The titles that come up are much the same with every question; each takes some 2 kB."""

_SHORT_ENTRY = 400
"""A single entry is similar to a question if it holds half of the question's words; some of them
in its title, where it has more characters than these: a page holds many words in passing."""

_TITLE_COVERED = 0.3
_COVERED_BOTH_WAYS = 0.8
"""It is similar too if the question holds some of the entry's title, and the share of the title
in the question and of the question in the entry make up this much together: that is how a long
task finds an entry with a short title."""

_MOST_SENTENCES = 8
"""Of a question that are compared by meaning, at the cost of a query each."""

_SENTENCE_END = re.compile(r"[.?!:;]+\s+|\n+")
_IDENTIFIER = re.compile(r"\w+")


@dataclass(frozen=True, slots=True)
class _Term:
    """A word to look for: ``word`` as asked, ``key`` as compared. ``joined`` is an identifier
    of several parts, which must occur whole."""

    word: str
    key: str
    weight: float
    joined: bool = False

    def occurs(self, text: _Text) -> bool:
        """Whether the text holds it as a word, given that it holds the letters."""
        if self.joined:
            return True
        at = text.lowered.find(self.key)
        while at >= 0:
            end = at + len(self.key)
            is_whole = len(self.key) >= _SHORTEST or text.has_boundary(end)
            if is_whole and text.has_boundary(at):
                return True
            at = text.lowered.find(self.key, at + 1)
        return False


class _Text:
    """A text to look for words in."""

    def __init__(self, text: str) -> None:
        self.lowered = text.lower()
        self.joined = self.lowered.replace("_", "")
        # A few letters grow in lower case; without the capitals only camelCase goes unseen.
        self._written = text if len(text) == len(self.lowered) else self.lowered

    def has_boundary(self, place: int) -> bool:
        """Whether a word may begin or end here: at either end of the text, beside what is
        neither letter nor digit, and at a capital."""
        if place in (0, len(self._written)):
            return True
        before, after = self._written[place - 1], self._written[place]
        return not (before.isalnum() and after.isalnum()) or after.isupper()


class Question:
    """The informative words of a question, sentence by sentence.

    A task for an agent is mostly about how to work; one sentence says what it is about. So a
    text is measured by the sentence that it covers best.
    """

    def __init__(self, text: str) -> None:
        sentences = ((part, tuple(_terms(part))) for part in _SENTENCE_END.split(text))
        informative = [(part, terms) for part, terms in sentences if terms]
        self._sentences = tuple(terms for _, terms in informative)
        self._terms = {term.word: term for terms in self._sentences for term in terms}
        said = [part for part, terms in informative if _weight(terms) >= _LEAST_WEIGHT]
        self.sentences = tuple(said[:_MOST_SENTENCES]) or (text,)
        """Those that say enough to be compared by meaning; the whole where none does."""

    def __bool__(self) -> bool:
        """Whether there is a word to look for at all."""
        return bool(self._terms)

    def weigh(self, text: str) -> tuple[float, tuple[str, ...]]:
        """The weighted share, in 0-1, of the words of one sentence that the text holds; and the
        question's words in it, the most informative first."""
        looked_at = _Text(text[:_LOOKED_AT])
        lowered, joined = looked_at.lowered, looked_at.joined
        held = [
            term
            for term in self._terms.values()
            # Most words are not there at all, which this tells fastest.
            if term.key in (joined if term.joined else lowered) and term.occurs(looked_at)
        ]
        words_held = {term.word for term in held}
        share = max((_share(terms, words_held) for terms in self._sentences), default=0.0)
        held.sort(key=lambda term: -term.weight)
        return share, tuple(term.word for term in held)


def relevant_pieces(coverages: Sequence[float], similarity: float | None) -> list[bool]:
    """Which of the best pieces found in a code base are about a question, from the coverage by
    each, best rank first, and the greatest cosine similarity of one with a sentence of the
    question (None where that is not known): all of them or none, since the code base is on one
    subject. Where there are few, each is judged like any single entry: the others say nothing
    about it."""
    best = coverages[:EVIDENCE]
    if len(best) < EVIDENCE:
        return [coverage >= _COVERED_BY_ENTRY for coverage in coverages]
    average, most = sum(best) / len(best), max(best)
    if similarity is None:
        answers = average >= _COVERED_ON_AVERAGE or most >= _COVERED_BY_ONE
    else:
        answers = average + most / 2 + similarity >= _ENOUGH
    return [answers] * len(coverages)


def mentions(name: str, text: str) -> bool:
    """Whether the text holds the identifier ``name`` as it is written, as a whole."""
    return re.search(rf"(?<!\w){re.escape(name)}(?!\w)", text) is not None


def is_similar(question: Question, asked: str, title: str, text: str) -> bool:
    """Whether one entry is, on its own, about the same thing as the question ``asked``."""
    covered, _ = question.weigh(f"{title}\n{text}")
    if covered >= _COVERED_BY_ENTRY and (
        len(text) <= _SHORT_ENTRY or question.weigh(title)[0] >= _COVERED_BY_TITLE
    ):
        return True
    title_covered, _ = _title_read(title).weigh(asked)
    return title_covered >= _TITLE_COVERED and covered + title_covered >= _COVERED_BOTH_WAYS


@lru_cache(_TITLES_KEPT)
def _title_read(title: str) -> Question:
    return Question(title)


def _share(terms: Sequence[_Term], held: set[str]) -> float:
    weight_held = sum(term.weight for term in terms if term.word in held)
    return weight_held / max(_weight(terms), _LEAST_WEIGHT)


def _weight(terms: Sequence[_Term]) -> float:
    return sum(term.weight for term in terms)


def _terms(sentence: str) -> Iterator[_Term]:
    seen: set[str] = set()
    for identifier in _IDENTIFIER.findall(sentence):
        parts = words(identifier)
        if len(parts) > 1:
            # `words` puts the joined form last. It says more than its parts do.
            *parts, joined = parts
            if joined not in seen:
                seen.add(joined)
                yield _Term(identifier, joined, 1.0, joined=True)
        for part in parts:
            if part not in seen and part not in _empty_words() and len(part) > 1:
                seen.add(part)
                key = comparable(part)
                yield _Term(part, key, _weights().get(key, 1.0))


def comparable(word: str) -> str:
    """The start of a word that its inflections share."""
    return _INFLECTION.sub("", word)[:_PREFIX]


def is_empty_word(word: str) -> bool:
    """Whether an English word (in lower case) says nothing about the subject of a question."""
    return word in _empty_words()


@cache
def _empty_words() -> frozenset[str]:
    return frozenset(word for line in _read("empty_words.txt") for word in line.split())


@cache
def _weights() -> dict[str, float]:
    """Weights below 1 of words that many programs hold, on a logarithmic scale down to 0 for a
    word that all hold. ``scripts/count_words.py`` counts them."""
    pairs = (line.split() for line in _read("common_words.txt"))
    shares = {key: int(per_mille) / 1000 for key, per_mille in pairs}
    rarest = min(shares.values())
    return {key: math.log(share) / math.log(rarest) for key, share in shares.items()}


def _read(name: str) -> list[str]:
    lines = Path(__file__).with_name(name).read_text(encoding="ascii").splitlines()
    return [line for line in lines if not line.startswith("#")]
