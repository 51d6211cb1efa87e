"""BM25 weights: what they depend on, and that they never change."""

from __future__ import annotations

import subprocess
import sys
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from hybrid_coordinator.storage.vectors.bm25 import Bm25Encoder
from hybrid_coordinator.storage.vectors.protocol import SparseText

BM25 = Bm25Encoder()
ANY_TEXT = st.text(st.characters(exclude_categories=()), max_size=200)


def weight(text: str, word: str) -> float:
    """The weight of a word in a document, 0 where it does not occur."""
    (term,) = BM25.query(word).indices
    document = BM25.document(text)
    return dict(zip(document.indices, document.values, strict=True)).get(term, 0.0)


@given(ANY_TEXT)
def test_any_text_gives_a_well_formed_vector(text: str) -> None:
    for vector in (BM25.document(text), BM25.query(text)):
        assert list(vector.indices) == sorted(set(vector.indices))
        assert all(value > 0 for value in vector.values)
    assert BM25.document(text).indices == BM25.query(text).indices


@given(ANY_TEXT, ANY_TEXT)
def test_a_text_is_found_by_each_of_its_words(one: str, two: str) -> None:
    assert set(BM25.query(one).indices) <= set(BM25.document(f"{one} {two}").indices)


def test_unpaired_surrogates_separate_words() -> None:
    assert BM25.document("alpha\ud800beta") == BM25.document("alpha beta")


def test_repeated_words_weigh_more_but_ever_less() -> None:
    weights = [weight("alpha " * n + "filler " * (50 - n), "alpha") for n in range(6)]
    gains = [after - before for before, after in pairwise(weights)]
    assert gains == sorted(gains, reverse=True)
    assert gains[-1] > 0


def test_a_word_weighs_less_in_a_longer_text() -> None:
    assert weight("alpha beta", "alpha") > weight("alpha " + "filler " * 300, "alpha") > 0


def test_a_question_weighs_each_word_once() -> None:
    question = BM25.query("alpha alpha beta")
    assert question.values == (1.0, 1.0)


def test_words_are_compared_by_their_stem_and_without_case() -> None:
    assert BM25.query("Running parsers") == BM25.query("run parser")


def test_stop_words_decide_nothing() -> None:
    assert BM25.query("what is the") == SparseText((), ())
    assert BM25.query("the cache of a router") == BM25.query("cache router")


def test_a_text_has_the_same_vector_in_another_process() -> None:
    text = "class HTTPServer: naïve 日本語 straße sha256"
    code = (
        "from hybrid_coordinator.storage.vectors.bm25 import Bm25Encoder\n"
        f"print(Bm25Encoder().document({text!r}))"
    )
    other = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert other.stdout.strip() == repr(BM25.document(text))


def test_stored_vectors_stay_comparable() -> None:
    # The terms as they are today. With other ones, stored vectors could no longer be matched, and
    # every index would have to be built anew.
    assert BM25.query("HTTPServer").indices == (548955463, 884471572, 1450519961)
