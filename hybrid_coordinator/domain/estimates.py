"""What the text of a task tells about its worth: is it new, does it recur, is it general?

No model and no list of phrases: words are counted in any script, and each counts once, so that
padding and repetition change nothing.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from hybrid_coordinator.domain.effort import complexity, saturation
from hybrid_coordinator.domain.recurrence import novelty, recurrence, similarities
from hybrid_coordinator.domain.task_words import INSTANCE, is_unspaced, task_words

_GENERALITY_SHARE = 0.6
"""Reusability is generality and recurrence. The first is known from the start, so it weighs more;
the second is proof, but comes only after the fact."""

_SUBSTANCE = 5.0
"""Content words at which a task has said half of what makes it reusable. A greeting has one, the
smallest program that people ask for ("print hello world") three; a request of ten words has
eight or nine and so scores above 0.8."""

_CONTENT_LENGTH = 5
"""Letters from which a word counts in full. Short words are the frequent ones in every language
(Zipf's law of abbreviation), so length stands in for a list of stop words."""

_DIGITS = 4
"""Estimates are not surer than this, and a score can be checked from components so rounded."""


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


def generality(task: str) -> float:
    """How much of a task would be said again in another one, in 0-1.

    The share of words that are not paths, URLs, numbers, hashes, quoted literals or long
    identifiers, times a saturating term in the distinct content words, so that a request
    with nothing in it is not reusable.
    """
    words = task_words(task)
    if not words:
        return 0.0
    share = 1 - words.count(INSTANCE) / len(words)
    substance = math.fsum(_content(word) for word in set(words))
    return share * saturation(substance, _SUBSTANCE)


def _content(word: str) -> float:
    """How much a word says, in 0-1, by its length; a pair of unspaced characters says half."""
    if word == INSTANCE or word.isdigit():
        return 0.0
    if is_unspaced(word):
        return 0.5
    return min(1.0, len(word) / _CONTENT_LENGTH)
