"""Which words may mean the same."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hybrid_coordinator.knowledge.ranking.words import share


@pytest.mark.parametrize(
    ("of", "among", "expected"),
    [
        (["auth"], ["authen"], 1.0),
        (["authen"], ["auth"], 1.0),
        (["cook", "store"], ["cook"], 0.5),
        (["io"], ["ioloop"], 0.0),
        (["io"], ["io"], 1.0),
        (["cat"], ["dog"], 0.0),
        ([], ["dog"], 0.0),
        (["cat"], [], 0.0),
    ],
)
def test_share(of: list[str], among: list[str], expected: float) -> None:
    assert share(of, among) == expected


_words = st.lists(st.text("abcd", min_size=1, max_size=5), max_size=8)


@given(_words, _words)
def test_words_agree_that_are_equal_or_of_which_one_of_three_letters_begins_the_other(
    of: list[str], among: list[str]
) -> None:
    def agree(one: str, other: str) -> bool:
        shorter, longer = sorted((one, other), key=len)
        return one == other or (len(shorter) >= 3 and longer.startswith(shorter))

    agreeing = [one for one in of if any(agree(one, other) for other in among)]
    assert share(of, among) == (len(agreeing) / len(of) if of else 0.0)
