"""Small numbers by key do what a dict does, in less room."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from hybrid_coordinator.learning.training.numbers import Numbers, key_of

KEYS = st.one_of(
    st.integers(1, 20), st.integers(1, 2**64 - 1), st.integers(1, 50).map((1024).__mul__)
)


@given(st.lists(st.tuples(KEYS, st.integers(0, 2**31 - 1))), st.lists(KEYS))
def test_they_do_what_a_dict_does(given_: list[tuple[int, int]], asked: list[int]) -> None:
    numbers, known = Numbers(), dict[int, int]()
    for key, number in given_:
        numbers.put(key, number)
        known[key] = number
        assert numbers.get(key) == number
    for key in [*asked, *known]:
        assert (key in numbers) == (key in known)
        assert numbers.get(key, -1) == known.get(key, -1)
    assert len(numbers) == len(known)


def test_they_grow_and_lose_nothing() -> None:
    numbers = Numbers()
    keys = [key_of(f"session {n}") for n in range(5000)]
    for number, key in enumerate(keys):
        numbers.put(key, number)
    assert [numbers.get(key) for key in keys] == list(range(5000))
    assert len(numbers) == 5000
    assert key_of("another") not in numbers
    # At most 36 bytes each, at least where they have just grown.
    assert numbers._keys.nbytes + numbers._values.nbytes <= 36 * 5000 + 12 * 1024


def test_the_key_of_nothing_is_one_as_well() -> None:
    numbers = Numbers()
    assert 0 not in numbers
    numbers.put(0, 7)
    assert (0 in numbers, numbers.get(0), len(numbers)) == (True, 7, 1)
