"""Answers in prose: the one nearest to all others, and what the others say besides."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise, permutations
from math import sqrt

from hybrid_coordinator.routing.modes.asking import first_line
from hybrid_coordinator.routing.modes.combining.combined import Combined, Said, most_agreed

_WORD = re.compile(r"\w+")
_SENTENCE = re.compile(r"(?<=[.!?])\s+|\n+")
_SHORT = 3
"""Words of up to so many letters carry little of the sense."""
_SAME_WORDING = 0.6
"""Cosine of the words, and pairs of words, of two answers from which they are as like as two good
answers to one question are: these are seldom above it."""
_NEW = 0.5
"""Share of a sentence's words that must be missing from the chosen answer to make it dissent."""
_LEAST_WORDS = 4
_MOST_DISSENT = 3
_ALMOST = 0.99
"""The most that answers in different words can be alike: likeness does not prove agreement."""
_SAME_SENTENCE = 0.8
"""Cosine of the words of two sentences from which they speak of the same thing."""
_SAME_ORDER = 0.5
_CONTRADICTION = 2.0
"""What contradicts the chosen answer is told before what is only new."""
_TOKEN = re.compile(r"\d+(?:[.,]\d+)*|\w+")
_LIST_MARK = re.compile(r"^\s*(?:[-*+•]|\d+[.)])\s+", re.MULTILINE)
_CONTRACTED = re.compile(
    r"\b(?:(ca)n['\u2019]t|(wo)n['\u2019]t|cannot)\b|n['\u2019]t\b", re.IGNORECASE
)
_NEGATIONS = frozenset(
    {"not", "no", "never", "none", "nor", "neither", "without", "nothing", "nobody", "nowhere"}
)
_FILLING = frozenset(
    _TOKEN.findall(
        "a an the is are was were be been do does did can ca wo will has have had to of in on at"
        " it its this that and or so set any"
    )
)


@dataclass(frozen=True, slots=True)
class Likened(Combined):
    """Combined by wording. That answers are worded alike does not make them right."""


@dataclass(frozen=True, slots=True)
class _Sentence:
    """A sentence: what it speaks of, in order, and what turns its sense around."""

    text: str
    content: tuple[str, ...]
    about: Counter[str]
    numbers: tuple[str, ...]
    negated: bool


def combine(said: Sequence[Said]) -> Combined:
    """The answer that is most like the others."""
    words = {one: _words(one.text) for one in said}
    sentences = {one: _sentences(one.text) for one in said}
    texts = {one: one.text.casefold().split() for one in said}
    grams = {one: words[one] + _bigrams(_TOKEN.findall(one.text.casefold())) for one in said}

    against = {
        (one, other): _contradictions(sentences[one], sentences[other])
        for one, other in permutations(said, 2)
    }

    def likeness(one: Said, other: Said) -> float:
        if texts[one] == texts[other]:
            return 1.0
        if against[one, other] or against[other, one]:
            return 0.0
        return min(_ALMOST, _cosine(grams[one], grams[other]) / _SAME_WORDING)

    best = most_agreed(said, likeness)
    others = sorted((one for one in said if one is not best), key=lambda one: one.voice)
    shares = {one: likeness(best, one) for one in others}
    agreeing = [best, *(one for one in others if shares[one] >= 1 - 1e-9)]
    besides = [
        (new, f"{one.voice}: {first_line(sentence, 160)}")
        for one in others
        for sentence in _SENTENCE.split(one.text)
        if (new := _new_share(sentence, words[best])) > _NEW
    ]
    besides += [
        (_CONTRADICTION, f"{one.voice}: {first_line(sentence, 160)}")
        for one in others
        for sentence in against[one, best]
    ]
    return Likened(
        text=best.text,
        best=best.voice,
        agreement=sum(sorted(shares.values())) / len(others) if others else 1.0,
        agreeing=tuple(sorted(one.voice for one in agreeing)),
        dissent=tuple(line for _, line in sorted(set(besides), reverse=True)[:_MOST_DISSENT]),
    )


def _sentences(text: str) -> list[_Sentence]:
    parts = _SENTENCE.split(_LIST_MARK.sub("", text))
    return [sentence for part in parts if (sentence := _sentence(part)).content]


def _sentence(text: str) -> _Sentence:
    plain = _CONTRACTED.sub(lambda found: f"{found[1] or found[2] or ''} not", text)
    found = _TOKEN.findall(plain.casefold())
    numbers = tuple(word for word in found if word[0].isdigit())
    kept = [word for word in found if word not in _NEGATIONS]
    content = [word for word in kept if word not in _FILLING]
    if all(word[0].isdigit() for word in content):
        content = [word for word in kept if not word[0].isdigit()] and kept
    negated = sum(word in _NEGATIONS for word in found) % 2 == 1
    about = Counter(word for word in content if word not in numbers)
    return _Sentence(text.strip(), tuple(content), about, numbers, negated)


def _contradictions(said: Sequence[_Sentence], known: Sequence[_Sentence]) -> list[str]:
    """What is said of the same things as something known, but never in the same sense."""
    found = []
    for sentence in said:
        matching = [each for each in known if _of_the_same(sentence, each)]
        if matching and not any(_in_one_sense(sentence, each) for each in matching):
            found.append(sentence.text)
    return found


def _of_the_same(one: _Sentence, other: _Sentence) -> bool:
    return _cosine(one.about, other.about) >= _SAME_SENTENCE


def _in_one_sense(one: _Sentence, other: _Sentence) -> bool:
    ones, others = set(one.numbers), set(other.numbers)
    if one.negated != other.negated or (ones - others and others - ones):
        return False
    if Counter(one.content) != Counter(other.content) or one.content == other.content:
        return True
    return _cosine(_bigrams(one.content), _bigrams(other.content)) >= _SAME_ORDER


def _bigrams(words: Sequence[str]) -> Counter[str]:
    return Counter(" ".join(pair) for pair in pairwise(words))


def _words(text: str) -> Counter[str]:
    found = _WORD.findall(text.casefold())
    return Counter(
        word for word in found if len(word) > _SHORT or not word.isalpha() or word in _NEGATIONS
    )


def _cosine(one: Counter[str], other: Counter[str]) -> float:
    if one == other:
        return 1.0
    dot = sum(count * other[word] for word, count in one.items())
    norms = sqrt(sum(c * c for c in one.values())) * sqrt(sum(c * c for c in other.values()))
    return dot / norms if norms else 0.0


def _new_share(sentence: str, known: Counter[str]) -> float:
    words = set(_words(sentence))
    return len(words - set(known)) / len(words) if len(words) >= _LEAST_WORDS else 0.0
