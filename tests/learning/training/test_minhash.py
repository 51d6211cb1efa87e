"""MinHash against the exact Jaccard similarity, and an index that misses hardly any neighbour."""

from __future__ import annotations

import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hybrid_coordinator.learning.training.minhash import (
    NEAR,
    PERMUTATIONS,
    NearDuplicates,
    shingles,
    signature,
    similarity,
)

WORDS = [f"w{number}" for number in range(3000)]


def exact(a: str, b: str) -> float:
    one, other = set(shingles(a).tolist()), set(shingles(b).tolist())
    return len(one & other) / len(one | other)


def pair(source: random.Random, changed: int, length: int = 200) -> tuple[str, str]:
    """Two texts of which the second has other words in some places."""
    words = source.choices(WORDS, k=length)
    other = list(words)
    for place in source.sample(range(length), changed):
        other[place] = source.choice(WORDS)
    return " ".join(words), " ".join(other)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32), st.integers(0, 60), st.integers(60, 400))
def test_a_signature_estimates_the_jaccard_similarity(seed: int, changed: int, length: int) -> None:
    a, b = pair(random.Random(seed), min(changed, length), length)
    # Five standard deviations at the most uncertain similarity.
    assert abs(similarity(signature(a), signature(b)) - exact(a, b)) < 5 * 0.5 / PERMUTATIONS**0.5


def test_the_estimate_has_no_bias() -> None:
    source = random.Random(1)
    errors = []
    for _ in range(300):
        a, b = pair(source, 8)
        errors.append(similarity(signature(a), signature(b)) - exact(a, b))
    assert abs(float(np.mean(errors))) < 0.015
    assert float(np.std(errors)) < 0.06


def test_shingles_are_five_words_or_the_whole_of_a_shorter_text() -> None:
    assert len(shingles("a b c d e f g")) == 3
    assert len(shingles("a b c")) == len(shingles("")) == 1
    assert shingles("A  b\nC").tolist() == shingles("a b c").tolist()
    assert shingles("a b c").tolist() != shingles("c b a").tolist()


@given(st.text(max_size=80))
def test_case_and_spacing_do_not_matter(text: str) -> None:
    spaced = f"  {text}\n"
    assert np.array_equal(signature(spaced), signature(text))
    assert similarity(signature(text), signature(text)) == 1.0


def test_texts_of_few_words_are_alike_only_if_they_are_the_same() -> None:
    known = NearDuplicates()
    for number in range(3000):
        mark = signature(f"task {number}")
        assert len(known.near(mark)[0]) == 0
        known.add(mark)
    found, similarities = known.near(signature("task 1234"))
    assert (found.tolist(), similarities.tolist()) == ([1234], [1.0])


@pytest.mark.parametrize(("changed", "recall"), [(2, 0.995), (5, 0.97)])
def test_near_duplicates_are_found_among_many(changed: int, recall: float) -> None:
    source = random.Random(7)
    known = NearDuplicates()
    pairs = [pair(source, changed) for _ in range(1500)]
    for one, _ in pairs:
        known.add(signature(one))
    wanted = found = 0
    for number, (one, other) in enumerate(pairs):
        near, similarities = known.near(signature(other))
        assert (similarities >= NEAR).all()
        assert set(near.tolist()) <= {number}  # texts of other words are none
        if exact(one, other) >= 0.78:  # far enough above the threshold for the estimate
            wanted += 1
            found += number in near.tolist()
    assert wanted > 600
    assert found >= recall * wanted


def test_a_thousand_copies_of_a_template_are_quick_to_go_through() -> None:
    known = NearDuplicates()
    text = " ".join(WORDS[:300])
    for number in range(2000):
        known.add(signature(f"{text} {number}"))
    near, _ = known.near(signature(f"{text} 7"))
    assert len(known) == 2000
    assert 100 < len(near) <= 16 * 128


def test_signatures_are_fixed_for_all_time() -> None:
    # They are kept in the record: another hash would take every group apart.
    assert signature("the same text on every machine").tobytes().hex() == (
        "1d2046272cb33036508f52720cdb12ebbb7620a9a1d503aed9d6fb25640dc9c4157da8e3fcfa85ee1d48556064bc5c841c06818d9a31f9282b2356778cdfc5a8b681056d55a5a60f25625cdec6fd85e8"
    )


def test_growing_keeps_the_chains_as_they_were() -> None:
    marks = [signature(f"{' '.join(WORDS[n % 40 : n % 40 + 30])} {n}") for n in range(1200)]
    grown, fresh = NearDuplicates(), NearDuplicates()
    fresh._make_room(2048)
    for mark in marks:  # one grows on the way, the other has room from the start
        grown.add(mark)
        fresh.add(mark)
    assert grown._before[: 16 * 1200] == fresh._before[: 16 * 1200]
    assert grown._latest == fresh._latest
