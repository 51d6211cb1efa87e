"""Complexity: what raises it, and that padding does not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hybrid_coordinator.domain.effort import complexity
from hybrid_coordinator.domain.file_names import file_name
from tests.domain.task_examples import FIXES

QUERY, RESPONSE = FIXES["verbose"]

lines = st.lists(
    st.one_of(
        st.sampled_from([*QUERY.splitlines(), *RESPONSE.splitlines()]),
        st.text(max_size=60),
        st.sampled_from(["```", "- step one two", "1. open the file", "x = f(1)", "see a.py"]),
    ),
    max_size=20,
)
filler = st.lists(
    st.sampled_from(
        [
            "",
            "   ",
            "This was a really interesting problem and I am happy to help.",
            "Das war eine gute Frage, und ich helfe gern weiter.",
            "这是一个很好的问题。",
            "# a comment that says little",
            "// another comment = noise;",
            "/* and a third one */",
            " * of a block",
            "-- and SQL",
            "<!-- and markup -->",
            "Let me know whether (or not) this works for you!",
            "> It works; thank you.",
            "```",
            "```python",
        ]
    ),
    max_size=10,
)


@given(lines, st.data())
def test_repeating_any_lines_changes_nothing(parts: list[str], data: st.DataObject) -> None:
    text = "\n".join(parts)
    parts = text.splitlines()
    begin = data.draw(st.integers(0, len(parts)))
    end = data.draw(st.integers(begin, len(parts)))
    again = "\n".join([*parts[:end], *parts[begin:]])
    assert complexity(QUERY, again) == complexity(QUERY, text)
    assert complexity("", again) == complexity("", text)


@given(filler, st.sampled_from(sorted(FIXES)), st.integers(0, 5))
def test_filler_does_not_raise_it(padding: list[str], name: str, place: int) -> None:
    query, response = FIXES[name]
    around = response.splitlines()
    padded = "\n".join([*around[:place], *padding, *around[place:]])
    assert complexity(query, padded) <= complexity(query, response)


@given(st.sampled_from(sorted(FIXES)), st.integers(2, 5))
def test_saying_it_all_again_changes_nothing(name: str, times: int) -> None:
    query, response = FIXES[name]
    assert complexity(query, "\n".join([response] * times)) == complexity(query, response)
    assert complexity(query, response + query) <= complexity(query, f"{response}\n{query}")


def test_the_same_code_with_other_spacing_numbers_and_comments_is_the_same() -> None:
    once = "total = price(3) + tax"
    again = f"{once}\n  total  =  price(4)  + tax  # four\n+ total = price(5) + tax"
    assert complexity("", again) == complexity("", once)


def test_one_file_under_several_paths_is_one() -> None:
    assert complexity("", "see src/app.py:10, b/src/app.py and app.py") == complexity("", "app.py")


@pytest.mark.parametrize(
    "more",
    ["5. Moved the retries into the client.", "rate = limit(burst, window)", "see also web/api.ts"],
)
def test_work_raises_it(more: str) -> None:
    assert complexity(QUERY, f"{RESPONSE}\n{more}") > complexity(QUERY, RESPONSE)


def test_prose_alone_is_not_complex() -> None:
    assert complexity("what is a monad", "A monad is a monoid. (It is, really; ask anyone.)") == 0


@given(st.text(max_size=200), st.text(max_size=200))
def test_it_is_a_fraction(query: str, response: str) -> None:
    assert 0 <= complexity(query, response) <= 1


@pytest.mark.parametrize(
    ("token", "name"),
    [
        ("src/app.py:12", "app.py"),
        ("README.md", "readme.md"),
        ("/etc/hosts", "hosts"),
        ("./run", "run"),
        (r"C:\src\main.cs", "main.cs"),
        ("a/b/c", "c"),
        ("and/or", None),
        ("self.name", None),
        ("https://example.org/a.py", None),
        (".", None),
        ("", None),
        ("/", None),
        ("x" * 400 + ".py", None),
    ],
)
def test_file_names(token: str, name: str | None) -> None:
    assert file_name(token) == name
