"""Items that say the same become one: overlapping lines, contained texts, near-duplicates."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from functools import cached_property

from hybrid_coordinator.domain.items import CollectionName, ContextItem
from hybrid_coordinator.knowledge.packing.runs import absorb, overlap, tidy, union

_MOSTLY = 0.5
"""From this share on, an item that holds a better one whole is a repetition of it."""
_SAME = 0.7
"""Similarity (of the shingles of both, the share that they have in common) from which two texts
are one with small edits. Code of one name in other files of a package has at most 0.4 (98 pairs
of five packages), a package's copy of another release mostly above 0.6; a lesson of 80 words in
which three were changed has at least 0.7, two different ones have 0.01."""
_SHINGLE = 3
"""Words in a row. A word changed in a short text changes much of it, in a long one little."""


def merge(items: Iterable[ContextItem]) -> list[ContextItem]:
    """The items (best first) without blank ones, each thing once.

    What became one has the better rank, the reasons and ids of both, and names the other place.
    """
    kept: list[_Text] = []
    for item in items:
        text, position = _Text(tidy(item)), len(kept)
        if not text.flat:
            continue
        while (found := _first_merged(text, kept, position)) is not None:
            # It may have grown into others that did not touch it before.
            at, merged = found
            del kept[at]
            text, position = _Text(merged), min(position, at)
        kept.insert(position, text)
    return [text.item for text in kept]


class _Text:
    """An item with what its text is compared by: the text in one line, its file, and ``kind``,
    which only near-duplicates share."""

    def __init__(self, item: ContextItem) -> None:
        self.item = item
        self.flat = " ".join(item.text.split())
        self.is_code = item.collection is CollectionName.CODEBASE_CONTEXT
        self.kind = f"{item.collection} {item.title}" if self.is_code else item.collection.value
        lines = item.lines
        self.file = item.source.rpartition(":")[0] if lines is None else (lines.root, lines.path)

    @cached_property
    def decisive_words(self) -> Counter[str]:
        return Counter() if self.is_code else Counter(_DECISIVE.findall(self.flat.lower()))

    @cached_property
    def shingles(self) -> frozenset[tuple[str, ...]]:
        words = self.flat.split(" ")
        count = min(_SHINGLE, len(words))
        return frozenset(zip(*(words[start:] for start in range(count)), strict=False))


_DECISIVE = re.compile(
    r"\b(?:\d[\w.]*|always|avoid|cannot|least|most|must|never|no|none|not|only|without|\w+n't)\b",
    re.IGNORECASE,
)
"""Words that turn a lesson into another one: with and without them it is no copy."""


def _first_merged(
    text: _Text, kept: Sequence[_Text], position: int
) -> tuple[int, ContextItem] | None:
    """Where something is kept that is one with ``text``, and the one; ``text`` itself is better
    than those from ``position`` on."""
    kind, file, flat = text.kind, text.file, text.flat
    for at, known in enumerate(kept):
        # Most pairs are two things for sure, which a quick look tells.
        if known.kind == kind or known.file == file or flat in known.flat or known.flat in flat:
            best, other = (known, text) if at < position else (text, known)
            if (merged := _merged(best, other)) is not None:
                return at, merged
    return None


def _merged(best: _Text, other: _Text) -> ContextItem | None:
    """Both as one item, or None where they are two."""
    overlapping = overlap(best.item, other.item)
    if overlapping and (run := union(best.item, other.item)) is not None:
        return absorb(run, other.item)
    contained = other.flat in best.flat or (
        len(best.flat) >= _MOSTLY * len(other.flat) and best.flat in other.flat
    )
    # Neighbours in a file may look alike and be several things; a copy keeps its name.
    copied = best.kind == other.kind and not (best.is_code and best.file == other.file)
    if not contained and not ((copied or overlapping) and _nearly_the_same(best, other)):
        return None
    elsewhere = other.item.source and other.item.source != best.item.source
    return absorb(best.item, other.item, f"also in {other.item.source}" if elsewhere else "")


def _nearly_the_same(one: _Text, other: _Text) -> bool:
    """Whether they are one text with small edits."""
    shorter, longer = sorted((len(one.flat), len(other.flat)))
    if shorter < _SAME * longer:
        return False
    if one.decisive_words != other.decisive_words:
        return False
    shared = len(one.shingles & other.shingles)
    return shared >= _SAME * (len(one.shingles) + len(other.shingles) - shared)
