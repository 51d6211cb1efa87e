"""The textbook baseline: Okapi BM25 over whole words, nothing split and nothing stemmed."""

from __future__ import annotations

import heapq
import math
import re
from collections import Counter, defaultdict
from dataclasses import dataclass, field

from benchmarks.search.data import Corpus
from benchmarks.search.product import CODE, Indexed, source_of, text_of
from benchmarks.search.systems import Result

_WORD = re.compile(r"\w+")
_K1, _B = 1.2, 0.75
_PAGE = 1_000


def _words(text: str) -> list[str]:
    return _WORD.findall(text.lower())


@dataclass(slots=True)
class _Index:
    """Postings: for each word, the texts that hold it and how often."""

    results: list[Result] = field(default_factory=list)
    lengths: list[int] = field(default_factory=list)
    postings: dict[str, list[tuple[int, int]]] = field(default_factory=lambda: defaultdict(list))

    def add(self, result: Result) -> None:
        words = _words(result.text)
        for word, count in Counter(words).items():
            self.postings[word].append((len(self.results), count))
        self.results.append(result)
        self.lengths.append(len(words))

    def best(self, question: str, limit: int) -> list[Result]:
        scores: dict[int, float] = defaultdict(float)
        mean = sum(self.lengths) / len(self.lengths) if self.lengths else 1.0
        for word in set(_words(question)):
            found = self.postings.get(word, [])
            idf = math.log(1 + (len(self.lengths) - len(found) + 0.5) / (len(found) + 0.5))
            for number, count in found:
                damping = _K1 * (1 - _B + _B * self.lengths[number] / mean)
                scores[number] += idf * count * (_K1 + 1) / (count + damping)
        best = heapq.nlargest(limit, scores, key=lambda number: (scores[number], -number))
        return [self.results[number] for number in best]


class PlainBm25:
    """BM25 over the texts of the coordinator's chunks."""

    name = "plain BM25"

    def __init__(self, indexed: Indexed) -> None:
        self._indexed = indexed
        self._indexes: dict[str, _Index] = {}

    async def add(self, corpus: Corpus) -> None:
        """Take the chunks from the coordinator's index of the tree."""
        if corpus.name not in self._indexed.corpora:
            await self._indexed.add(corpus)
        index, after, more = _Index(), None, True
        where = {"project": corpus.name}
        while more:
            points, after = await self._indexed.running.index.scroll(
                CODE, where=where, limit=_PAGE, after=after
            )
            for point in points:
                place = self._indexed.place(corpus.name, source_of(point.payload))
                index.add(Result(*place, text_of(point.payload)))
            more = after is not None
        self._indexes[corpus.name] = index

    async def search(self, question: str, corpus: str, limit: int) -> list[Result]:
        """The best by whole words."""
        return self._indexes[corpus].best(question, limit)
