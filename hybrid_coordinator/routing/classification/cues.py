"""Finding the words of ``cues.yaml`` in a text: by table, so that the time is that of one pass."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources

import yaml

from hybrid_coordinator.domain.route import TaskType

UNSPACED = re.compile(r"[\u3040-\u30ff\u3400-\u9fff]")
"""Signs of scripts that are written without spaces."""

_WORD = re.compile(r"\w+")
_LEADING = re.compile(r"\W*")


@dataclass(frozen=True, slots=True)
class Cue:
    """A kind of words; see ``cues.yaml``."""

    name: str
    weight: float
    task_type: TaskType | None


@dataclass(frozen=True, slots=True)
class _Lexicon:
    """The words of all kinds. A stem is a word's beginning; a phrase is anything that is not one
    word, or that stands in a script without spaces."""

    words: Mapping[str, Cue]
    stems: Mapping[str, Cue]
    shortest_stem: int
    longest_stem: int
    phrases: tuple[tuple[str, Cue], ...]
    openings: tuple[tuple[str, Cue], ...]


def find_cues(text: str) -> tuple[Cue, ...]:
    """The kinds whose words occur in ``text``, in the order in which they first do."""
    lower = text.lower()
    first: dict[Cue, int] = {}
    for start, cue in _occurrences(lower, _lexicon()):
        first[cue] = min(start, first.get(cue, start))
    return tuple(sorted(first, key=first.__getitem__))


def _occurrences(lower: str, lexicon: _Lexicon) -> Iterator[tuple[int, Cue]]:
    leading = _LEADING.match(lower)
    begin = leading.end() if leading else 0
    for phrase, cue in lexicon.openings:
        if lower.startswith(phrase, begin) and _bounded(lower, begin, phrase):
            yield begin, cue
    for match in _WORD.finditer(lower):
        word = match.group()
        whole = lexicon.words.get(word)
        if whole is not None:
            yield match.start(), whole
        for end in range(lexicon.shortest_stem, min(len(word), lexicon.longest_stem) + 1):
            begun = lexicon.stems.get(word[:end])
            if begun is not None:
                yield match.start(), begun
    for phrase, cue in lexicon.phrases:
        start = lower.find(phrase)
        while start >= 0:
            if _bounded(lower, start, phrase):
                yield start, cue
                break
            start = lower.find(phrase, start + 1)


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
    stems: dict[str, Cue] = {}
    phrases: list[tuple[str, Cue]] = []
    openings: list[tuple[str, Cue]] = []
    for name, kind in kinds.items():
        cue = Cue(
            name=name,
            weight=float(str(kind["weight"])),
            task_type=TaskType(str(kind["type"])) if "type" in kind else None,
        )
        for word in _entries(kind):
            stem = word.removesuffix("*")
            if kind.get("opening"):
                openings.append((word, cue))
            elif stem != word:
                stems[stem] = cue
            elif _WORD.fullmatch(word) and not UNSPACED.search(word):
                words[word] = cue
            else:
                phrases.append((word, cue))
    lengths = [len(stem) for stem in stems]
    return _Lexicon(words, stems, min(lengths), max(lengths), tuple(phrases), tuple(openings))


def _entries(kind: Mapping[str, object]) -> Iterator[str]:
    lines = kind["words"]
    assert isinstance(lines, list)
    yield from (str(word).lower() for line in lines for word in line)
