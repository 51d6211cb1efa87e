"""What must be equal between two requests before one may stand for the other."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hybrid_coordinator.routing.likeness import nearest, same_particulars


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Sort the list in ascending order", "Sort the list in descending order"),
        ("Wait 5 seconds", "Wait 50 seconds"),
        ("Wait 1.5 s", "Wait 15 s"),
        ("Take the first two rows", "Take the first three rows"),
        ("Is the cache on?", "Is the cache not on?"),
        ("It works", "It doesn't work"),
        ("It works with a key", "It works without a key"),
        ("Explain `load_dataset`", "Explain `save_dataset`"),
        ("Explain load_dataset", "Explain save_dataset"),
        ('Rename it to "alpha"', 'Rename it to "beta"'),
        ("Explain os.path", "Explain os.fork"),
        ("Why is it slow?", "How is it slow?"),
        ("Run it with --force", "Run it with --dry-run"),
        ("Explain readFile", "Explain writeFile"),
        ("What does GET do?", "What does PUT do?"),
        ("Use python3", "Use python2"),
        ("Add a user", "Remove a user"),
        ("Look in src/a.py", "Look in src/b.py"),
        ("Translate it from English to German", "Translate it from German to English"),
        ("Can you translate this from English to German?", "Translate it from German to English"),
        ("Use tabs rather than spaces", "Use spaces rather than tabs"),
        ("Subtract 3 from 10", "Subtract 10 from 3"),
        ("Does `a` call `b`?", "Does `b` call `a`?"),
        ("How do I convert it from JSON into YAML?", "Convert it from YAML into JSON"),
        ("What is the capital of France?", "What is the capital of Germany?"),
        ("Write a haiku about the sea in Spanish", "Write a haiku about the sea in French"),
    ],
)
def test_what_tells_requests_apart(one: str, other: str):
    assert not same_particulars(one, other)
    assert not same_particulars(other, one)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Explain what `load_dataset()` does", "What `load_dataset` does, explained"),
        ("Please wait 5 seconds", "Wait for 5 seconds, please"),
        ("Please stop", "Stop, please"),
        ("Read it from the file", "Can you read it from a file?"),
        ("Compare before and after", "Compare after with what was before"),
        ("It doesn't start", "It does not begin"),
        ("Is there a way to sort rows?", "Can rows be sorted?"),
    ],
)
def test_what_does_not(one: str, other: str):
    assert same_particulars(one, other)


@given(st.text(max_size=300), st.text(max_size=300))
def test_it_is_symmetric_and_true_of_oneself(one: str, other: str):
    assert same_particulars(one, one)
    assert same_particulars(one, other) == same_particulars(other, one)


def test_long_texts_are_never_alike():
    text = "word " * 500
    assert not same_particulars(text, text)


def test_the_nearest_come_first():
    others = [[1.0, 0.0], [0.6, 0.8], [0.8, 0.6]]
    assert nearest([0.0, 1.0], others, 0.5) == [1, 2]
    assert nearest([0.0, 1.0], others, 0.9) == []
    assert nearest([0.0, 1.0], []) == []
