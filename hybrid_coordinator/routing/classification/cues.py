"""Finding the words of ``cues.yaml`` in a text: by table, so that the time is that of one pass."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources

import yaml

from hybrid_coordinator.domain.route import TaskType

UNSPACED = re.compile(r"[\u0e00-\u0e7f\u3040-\u30ff\u3400-\u9fff]")
"""Signs of scripts that are written without spaces."""

_WORD = re.compile(r"\w+")
_LEADING = re.compile(
    r"(?:\W|please\b|now\b|then\b|so\b|just\b|in (?:the|this|my) [^,.\n]{1,30},"
    r"|(?:can|could|would|will) you(?: please)?\b|help me(?: to)?\b|let's\b"
    r"|i (?:need|want|would like) (?:you )?to\b|i'd like (?:you )?to\b"
    r"|bitte\b|kannst du\b|por favor\b|puedes\b|s'il te plaît\b|peux-tu\b|пожалуйста\b|请)*"
)
"""What may come before the words that open a task."""

_LINE = re.compile(r"\n+")
_STEM_KEY = 2


@dataclass(frozen=True, slots=True)
class Cue:
    """A kind of words; see ``cues.yaml``."""

    name: str
    task_type: TaskType | None


@dataclass(frozen=True, slots=True)
class _Lexicon:
    """The words of all kinds. A stem is a word's beginning; a phrase is anything that is not one
    word, or that stands in a script without spaces."""

    words: Mapping[str, Cue]
    stems: Mapping[str, Sequence[tuple[str, Cue]]]
    """By their first letters."""
    phrases: Mapping[str, Sequence[tuple[str, Cue]]]
    """By their first word."""
    foreign_phrases: tuple[tuple[str, Cue], ...]
    """Those not in ASCII: their scripts may have no word boundaries to go by."""
    openings: Mapping[str, Sequence[tuple[str, Cue]]]
    """By their first letter."""


def find_cues(text: str) -> tuple[Cue, ...]:
    """The kinds whose words occur in ``text``, in the order in which they first do; where two
    begin at the same place, the longer words come first."""
    lower = text.lower()
    first: dict[Cue, tuple[int, int]] = {}
    for start, words, cue in _occurrences(lower, _lexicon()):
        place = (start, -len(words))
        first[cue] = min(place, first.get(cue, place))
    return tuple(sorted(first, key=first.__getitem__))


def _occurrences(lower: str, lexicon: _Lexicon) -> Iterator[tuple[int, str, Cue]]:
    for begin in _beginnings(lower):
        for phrase, cue in lexicon.openings.get(lower[begin : begin + 1], ()):
            if lower.startswith(phrase, begin) and _bounded(lower, begin, phrase):
                yield begin, phrase, cue
    for match in _WORD.finditer(lower):
        yield from _at_word(lower, match.start(), match.group(), lexicon)
    for phrase, cue in () if lower.isascii() else lexicon.foreign_phrases:
        start = lower.find(phrase)
        while start >= 0:
            if _bounded(lower, start, phrase):
                yield start, phrase, cue
                break
            start = lower.find(phrase, start + 1)


def _at_word(
    lower: str, start: int, word: str, lexicon: _Lexicon
) -> Iterator[tuple[int, str, Cue]]:
    whole = lexicon.words.get(word)
    if whole is not None:
        yield start, word, whole
    for stem, cue in lexicon.stems.get(word[:_STEM_KEY], ()):
        if word.startswith(stem):
            yield start, stem, cue
    for phrase, cue in lexicon.phrases.get(word, ()):
        if lower.startswith(phrase, start) and _bounded(lower, start, phrase):
            yield start, phrase, cue


def _beginnings(lower: str) -> Iterator[int]:
    """Where a request may begin: at the first line and at the last three."""
    lines = [0, *(match.end() for match in _LINE.finditer(lower))]
    for start in dict.fromkeys((0, *lines[-3:])):
        leading = _LEADING.match(lower, start)
        yield leading.end() if leading else start


def _bounded(lower: str, start: int, phrase: str) -> bool:
    if UNSPACED.search(phrase):
        return True
    end = start + len(phrase)
    before = start > 0 and lower[start - 1].isalnum()
    after = end < len(lower) and (lower[end].isalnum() or lower[end] == "_")
    return not before and not after


@cache
def _lexicon() -> _Lexicon:
    source = resources.files(__package__).joinpath("cues.yaml").read_text(encoding="utf-8")
    kinds: Mapping[str, Mapping[str, object]] = yaml.safe_load(source)
    words: dict[str, Cue] = {}
    stems: defaultdict[str, list[tuple[str, Cue]]] = defaultdict(list)
    phrases: defaultdict[str, list[tuple[str, Cue]]] = defaultdict(list)
    foreign: list[tuple[str, Cue]] = []
    openings: defaultdict[str, list[tuple[str, Cue]]] = defaultdict(list)
    for name, kind in kinds.items():
        cue = Cue(
            name=name,
            task_type=TaskType(str(kind["type"])) if "type" in kind else None,
        )
        for word in _entries(kind):
            stem = word.removesuffix("*")
            if kind.get("opening"):
                openings[word[:1]].append((word, cue))
            elif stem != word and len(stem) >= _STEM_KEY:
                stems[stem[:_STEM_KEY]].append((stem, cue))
            elif _WORD.fullmatch(word) and not UNSPACED.search(word):
                words[word] = cue
            elif stem.isascii():
                phrases[_WORD.findall(stem)[0]].append((stem, cue))
            else:
                foreign.append((stem, cue))
    return _Lexicon(
        words,
        dict(stems),
        dict(phrases),
        tuple(foreign),
        dict(openings),
    )


def _entries(kind: Mapping[str, object]) -> Iterator[str]:
    lines = kind["words"]
    assert isinstance(lines, list)
    yield from (str(word).lower() for line in lines for word in line)
