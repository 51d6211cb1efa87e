"""Whether two requests ask the same in other words: near in meaning, equal in every particular.

Vectors of two requests are near where their topics are: "sort ascending" and "sort descending" are
nearer to each other than most paraphrases, and a mean of word vectors does not see their order. So
what tells such requests apart must be equal and in the same order: numbers, quotations, code and
names; negations, question words; no word may stand against its opposite; and requests that differ
in one word, or in its place, are two. This is what a cache can check; it cannot check what nobody
wrote down.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

THRESHOLD = 0.85
"""Cosine from which two requests with the same particulars count as one, with the shipped static
model. On GPTCache's 999 rephrased questions 434 find their own answer, 21 another's (GPTCache: 804
and 77), and of questions that differ from a kept one in one particular or the place of two words
0.6% are answered by it (99% by the cosine alone, at GPTCache's threshold); see
benchmarks/routing/semantic_cache.py."""
_LONGEST = 2_000
"""Characters. Of a longer request a vector tells the topic, and no more."""

_QUOTED = re.compile(
    r"`+([^`]+)`+|\"([^\"\n]+)\"|\u201c([^\u201d\n]+)\u201d|(?<!\w)'([^'\n]+)'(?!\w)"
)
_NAME = re.compile(
    r"--?[A-Za-z]\w*(?:-\w+)*"  # an option
    r"|\w+(?:(?:\.|::|/|\\|@)\w+)+"  # dotted, a path, an address
    r"|\w*[^\W_]_\w+|_\w+"  # snake_case
    r"|\w+(?=\()"  # a call
    r"|[a-z]+[A-Z]\w*|[A-Z]+[a-z]+[A-Z]\w*"  # camelCase
    r"|\b[A-Z][A-Z0-9]+\b"  # an abbreviation
    r"|\b(?=\w*\d)(?=\w*[^\W\d])\w+"  # utf8, v2
)
_NUMBER = re.compile(r"(?<![\w.])\d+(?:[.,:]\d+)*%?")
_WORD = re.compile(r"[^\W\d_]+(?:['\u2019][^\W\d_]+)*")
_NUMBER_WORDS = """
zero two three four five six seven eight nine ten eleven twelve twenty thirty fifty hundred
thousand million billion first second third fourth fifth last twice thrice half double
"""
_NEGATIONS = """
no not never none neither nor without cannot nothing nobody except unless
kein keine nicht nie ohne sans jamais pas sin nunca senza
"""
_DIRECTIONS = frozenset(("from", "into", "than", "versus", "vs", "von", "nach", "vers"))
_COURTESY = frozenset(("please", "kindly", "thanks"))
_DETERMINING = "a an the my our your this that these those its their"
_ASKING = "how why who whom whose where when"
_OPPOSITES = """
add/remove add/delete create/delete insert/delete include/exclude increase/decrease raise/lower
enable/disable start/stop open/close lock/unlock install/uninstall show/hide push/pull get/set
send/receive upload/download import/export load/save read/write encode/decode encrypt/decrypt
compress/decompress serialize/deserialize pack/unpack merge/split join/split accept/reject
allow/deny pass/fail success/failure before/after first/last next/previous minimum/maximum min/max
ascending/descending more/less most/least high/low higher/lower upper/lower uppercase/lowercase
left/right top/bottom up/down row/column rows/columns big/small large/small long/short new/old
fast/slow best/worst true/false positive/negative even/odd input/output client/server train/test
sync/async synchronous/asynchronous static/dynamic internal/external public/private local/remote
with/without advantages/disadvantages pros/cons buy/sell north/south east/west hot/cold
"""


def _opposites() -> dict[str, frozenset[str]]:
    found: dict[str, set[str]] = {}
    for pair in _OPPOSITES.split():
        one, other = pair.split("/")
        found.setdefault(one, set()).add(other)
        found.setdefault(other, set()).add(one)
    return {word: frozenset(others) for word, others in found.items()}


_OPPOSITE_OF = _opposites()
_DETERMINERS = frozenset(_DETERMINING.split())
_IS_NUMBER = frozenset(_NUMBER_WORDS.split())
_NEGATES = frozenset(_NEGATIONS.split())
_ASKS = frozenset(_ASKING.split())


@dataclass(frozen=True, slots=True)
class _Particulars:
    """What must be equal."""

    names: tuple[str, ...]
    numbers: tuple[str, ...]
    asking: frozenset[str]
    negations: int


def same_particulars(one: str, other: str) -> bool:
    """Whether nothing that is known to tell requests apart differs between the two."""
    if max(len(one), len(other)) > _LONGEST:
        return False
    words, others = _words(one), _words(other)
    return (
        _particulars(one, words) == _particulars(other, others)
        and not _opposed(words, others)
        and not _turned(words, others)
        and not _one_word_differs(words, others)
    )


def opposed(one: str, other: str) -> bool:
    """Whether a word of one text stands against its opposite in the other: add and remove."""
    return _opposed(_words(one), _words(other))


def nearest(
    vector: Sequence[float], others: Sequence[Sequence[float]], threshold: float = THRESHOLD
) -> list[int]:
    """Positions of the others that are near enough, the nearest first. All have length 1."""
    if not others:
        return []
    cosines = np.asarray(others, dtype=np.float32) @ np.asarray(vector, dtype=np.float32)
    return [int(at) for at in np.argsort(-cosines, kind="stable") if cosines[at] >= threshold]


def _words(text: str) -> list[str]:
    return [word.casefold().replace("\u2019", "'") for word in _WORD.findall(text)]


def _particulars(text: str, words: Sequence[str]) -> _Particulars:
    quoted = [next(filter(None, match.groups())) for match in _QUOTED.finditer(text)]
    named = [name.casefold().strip(" ()") for name in (*quoted, *_NAME.findall(text))]
    numbers = [*_NUMBER.findall(text), *(word for word in words if word in _IS_NUMBER)]
    # In a statement, "where" and "when" join clauses, and a paraphrase may do without.
    asks = "?" in text or (bool(words) and words[0] in _ASKS)
    return _Particulars(
        # In their order: to subtract 3 from 10 is not to subtract 10 from 3.
        names=tuple(dict.fromkeys(named)),
        numbers=tuple(numbers),
        asking=_ASKS.intersection(words) if asks else frozenset(),
        negations=sum(word in _NEGATES or word.endswith("n't") for word in words),
    )


def _opposed(words: Sequence[str], others: Sequence[str]) -> bool:
    one, other = frozenset(words), frozenset(others)
    return any(
        opposites & (other - one) and not opposites & one
        for word in one - other
        if (opposites := _OPPOSITE_OF.get(word))
    )


def _turned(words: Sequence[str], others: Sequence[str]) -> bool:
    """Whether the same words stand in another order, or another one after a word of direction:
    from German to English is not from English to German."""
    one, other = ([word for word in each if word not in _COURTESY] for each in (words, others))
    if one != other and sorted(one) == sorted(other):
        return True
    led, led_other = _directions(one), _directions(other)
    return any(led[way] != led_other[way] for way in led.keys() & led_other.keys())


def _directions(words: Sequence[str]) -> dict[str, frozenset[str]]:
    """What stands after each word of direction."""
    found: dict[str, set[str]] = {}
    for at, word in enumerate(words):
        if word in _DIRECTIONS:
            after = (each for each in words[at + 1 :] if each not in _DETERMINERS)
            found.setdefault(word, set()).add(next(after, ""))
    return {word: frozenset(after) for word, after in found.items()}


def _one_word_differs(words: Sequence[str], others: Sequence[str]) -> bool:
    """Whether one word is another and all else is the same: who rephrases changes more than that,
    and who asks of another thing often no more."""
    differing = [pair for pair in zip(words, others, strict=False) if pair[0] != pair[1]]
    return len(words) == len(others) and len(differing) == 1
