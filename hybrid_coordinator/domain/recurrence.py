"""Does a task recur, is it new, is it the same? Told from the words of tasks alone.

No model and no list of phrases: words are counted in any script, and each counts once, so that
padding and repetition change nothing.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from itertools import pairwise

from hybrid_coordinator.domain.task_words import literal_words, task_words

RECURRENCE_THRESHOLD = 0.45
"""Similarity from which two tasks count as of one kind: the task came up before. On 812 tasks from
190 templates (WebArena), "an earlier one has the same template" is found with precision 0.96 and
recall 0.94 in the file's order (0.97 and 0.94 shuffled). A threshold fitted to half of the
templates lies at 0.34 to 0.46 and gives the other half 0.96 and 0.95 on average; this is at the
careful end of that, since a project with more tasks gives chance more to match."""

_RECURRENCE_PRECISION = 0.95
"""How often a task at or above the threshold really is of the same kind, from the same tasks."""

_PAIR_WEIGHT = 0.5
"""Two neighbouring words against single ones: pairs carry the order of the words, but there are
as many of them, and they must not outvote what is talked about."""

_SHORT = 1_000
"""Characters up to which the terms of a task are remembered: 256 of them take 10 MB at most."""

_INFLECTED = 4
"""Letters from which a word and the same with one letter more count as one: test and tests. Longer
endings tell things apart (log and login, custom and customer)."""

_EMPTY = frozenset({"a", "an", "the", "please"})
"""Words that change no task. Other short words do: on and off, in and out, not."""

_SYMBOL = re.compile(r"[+*/<>=&|^~%@#$\\]|(?<=\s)-(?=\s)")


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
    mine = terms(task)
    length = _length(mine)
    found: list[float] = []
    for other in others:
        theirs = terms(other)
        # fsum rounds once, whatever the order of the terms: so the result is symmetric.
        dot = math.fsum(weight * theirs[term] for term, weight in mine.items() if term in theirs)
        norm = length * _length(theirs)
        found.append(min(1.0, dot / norm) if norm else 0.0)
    return found


def same_task(a: str, b: str) -> bool:
    """Whether two texts ask for the very same thing, so that what is known of them is one.

    No similarity tells: "turn the cache on" and "turn the cache off" are closer than most
    rewordings. So numbers, paths, quoted words and symbols have to be equal, and all other words
    one by one, but for a last letter and for words that say nothing. A rewording is missed rather
    than two tasks taken for one.
    """
    mine, theirs = _said(a), _said(b)
    return (
        len(mine) == len(theirs) > 0
        and all(map(_same_word, mine, theirs))
        and _SYMBOL.findall(a) == _SYMBOL.findall(b)
    )


def _said(text: str) -> list[tuple[str, bool]]:
    return [pair for pair in literal_words(text) if pair[1] or pair[0] not in _EMPTY]


def _same_word(mine: tuple[str, bool], theirs: tuple[str, bool]) -> bool:
    if mine == theirs:
        return True
    if mine[1] or theirs[1]:
        return False
    short, long = sorted((mine[0], theirs[0]), key=len)
    return len(short) >= _INFLECTED and len(long) - len(short) == 1 and long.startswith(short)


def terms(text: str) -> Mapping[str, float]:
    """Words and pairs of neighbours, weighted. Each counts once, however often it stands there;
    longer words count more: the short ones are the frequent ones in every language."""
    return _remembered(text) if len(text) <= _SHORT else _weighted(text)


@lru_cache(maxsize=256)
def _remembered(text: str) -> Mapping[str, float]:
    """Neighbouring tasks are compared with the same earlier ones."""
    return _weighted(text)


def _weighted(text: str) -> Mapping[str, float]:
    words = task_words(text)
    # A word weighs the root of its length; a pair half the geometric mean of its two words.
    roots = {word: min(len(word), 8) ** 0.25 for word in words}
    terms = {word: root * root for word, root in roots.items()}
    for first, second in pairwise(words):
        terms[f"{first} {second}"] = _PAIR_WEIGHT * roots[first] * roots[second]
    return terms


def _length(terms: Mapping[str, float]) -> float:
    return math.sqrt(math.fsum(weight * weight for weight in terms.values()))
