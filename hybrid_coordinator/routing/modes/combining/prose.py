"""Answers in prose: the one nearest to all others, and what the others say besides."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from math import sqrt

from hybrid_coordinator.routing.modes.asking import first_line
from hybrid_coordinator.routing.modes.combining.combined import Combined, Said, most_agreed

_WORD = re.compile(r"\w+")
_SENTENCE = re.compile(r"(?<=[.!?])\s+|\n+")
_SHORT = 3
"""Words of up to so many letters carry little of the sense."""
_SAME_WORDING = 0.6
"""Cosine of the words of two answers from which they count as saying the same: two good answers
to one question are seldom above it."""
_NEW = 0.5
"""Share of a sentence's words that must be missing from the chosen answer to make it dissent."""
_LEAST_WORDS = 4
_MOST_DISSENT = 3


def combine(said: Sequence[Said]) -> Combined:
    """The answer that is most like the others."""
    words = {one: _words(one.text) for one in said}

    def likeness(one: Said, other: Said) -> float:
        return min(1.0, _cosine(words[one], words[other]) / _SAME_WORDING)

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
    return Combined(
        text=best.text,
        best=best.voice,
        agreement=sum(sorted(shares.values())) / len(others) if others else 1.0,
        agreeing=tuple(sorted(one.voice for one in agreeing)),
        dissent=tuple(line for _, line in sorted(set(besides), reverse=True)[:_MOST_DISSENT]),
    )


def _words(text: str) -> Counter[str]:
    found = _WORD.findall(text.casefold())
    return Counter(word for word in found if len(word) > _SHORT or not word.isalpha())


def _cosine(one: Counter[str], other: Counter[str]) -> float:
    if one == other:
        return 1.0
    dot = sum(count * other[word] for word, count in one.items())
    norms = sqrt(sum(c * c for c in one.values())) * sqrt(sum(c * c for c in other.values()))
    return dot / norms if norms else 0.0


def _new_share(sentence: str, known: Counter[str]) -> float:
    words = set(_words(sentence))
    return len(words - set(known)) / len(words) if len(words) >= _LEAST_WORDS else 0.0
