"""BM25 term weights for code and prose."""

from __future__ import annotations

from qdrant_edge import (
    Bm25,
    Bm25Config,
    Language,
    SnowballLanguage,
    SnowballParams,
    StopwordsSet,
    TokenizerType,
)

from hybrid_coordinator.domain.words import words
from hybrid_coordinator.storage.vectors.protocol import SparseText

_MEAN_WORDS = 100.0
"""About what a chunk of code or a knowledge entry has: the length that is neither damped nor
raised. BM25's k = 1.2 and b = 0.75 are the usual ones."""


class Bm25Encoder:
    """Weighs the words of a text as BM25 does, without the inverse document frequency, which the
    engine keeps and applies at query time. A text has the same vector in every process.

    English stop words are dropped, since they are rare in code and would decide a question in
    prose; the rest is stemmed.
    """

    def __init__(self) -> None:
        # The words come split already, so the engine's tokenizer only has to take them apart.
        self._model = Bm25(
            Bm25Config(
                tokenizer=TokenizerType.Whitespace,
                stopwords=StopwordsSet(languages={Language.English}),
                stemmer=SnowballParams(SnowballLanguage.English),
                avg_len=_MEAN_WORDS,
            )
        )

    def document(self, text: str) -> SparseText:
        """Weights of a text to be found: they saturate with the count and are damped by length."""
        vector = self._model.embed_document(" ".join(words(text)))
        return SparseText(tuple(vector.indices), tuple(vector.values))

    def query(self, text: str) -> SparseText:
        """Weights of a question: 1 for each distinct word. Empty where no word is left."""
        vector = self._model.embed_query(" ".join(words(text)))
        return SparseText(tuple(vector.indices), tuple(vector.values))
