"""What a question asks for."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hybrid_coordinator.knowledge.ranking.asked import Kind, read_question


@pytest.mark.parametrize(
    ("question", "kind", "names"),
    [
        ("HTTPAdapter", Kind.SYMBOL, {"HTTPAdapter"}),
        ("requests.adapters.HTTPAdapter", Kind.SYMBOL, {"HTTPAdapter"}),
        ("Session::open", Kind.SYMBOL, {"open"}),
        ("user->save", Kind.SYMBOL, {"save"}),
        ("parse_date()", Kind.SYMBOL, {"parse_date"}),
        ("distill", Kind.SYMBOL, {"distill"}),
        ("how does parse_date treat time zones", Kind.PROSE, {"parse_date"}),
        ("where is BaseModel instantiated", Kind.PROSE, {"BaseModel"}),
        ("what calls render()", Kind.PROSE, {"render"}),
        ("how are routes registered", Kind.PROSE, set()),
        ("OpenAPI schema generation", Kind.PROSE, {"OpenAPI"}),
        ("TypeError: 'NoneType' object is not iterable", Kind.ERROR, {"TypeError", "NoneType"}),
        ("error: linking with cc failed", Kind.ERROR, set()),
        ("panic: runtime error: index out of range", Kind.ERROR, set()),
        ("Traceback (most recent call last)", Kind.ERROR, set()),
        ("error[E0308]: mismatched types", Kind.ERROR, set()),
        ("ValueError:  ", Kind.SYMBOL, {"ValueError"}),
        ("where is HTTPStatusError raised", Kind.PROSE, {"HTTPStatusError"}),
        ("where is parse_date?", Kind.PROSE, {"parse_date", "parse_date?"}),
        ("what is HTTPAdapter?", Kind.PROSE, {"HTTPAdapter", "HTTPAdapter?"}),
        ("valid?", Kind.SYMBOL, {"valid", "valid?"}),
        ("src/cookies.py", Kind.SYMBOL, {"cookies"}),
        ("Fix the error: when the user logs in the cookie is lost", Kind.PROSE, set()),
        ("error and exception types", Kind.PROSE, set()),
        ("how are errors handled", Kind.PROSE, set()),
    ],
)
def test_kind_and_names(question: str, kind: Kind, names: set[str]) -> None:
    asked = read_question(question)
    assert asked.kind is kind
    assert asked.names == names


def test_names_that_no_word_of_prose_is_written_like() -> None:
    asked = read_question("Session HTTPAdapter parse_date is OAuth")
    assert asked.distinctive_names == {"HTTPAdapter", "parse_date", "OAuth"}
    assert read_question("Session").distinctive_names == frozenset()


def test_pasted_names_are_not_all_asked_for() -> None:
    assert len(read_question(" ".join(f"name_{n}" for n in range(400))).names) == 20


def test_terms_are_informative_words_and_the_parts_of_names() -> None:
    assert read_question("how does the HTTPServer parse cookies?").terms == (
        "http",
        "serv",
        "pars",
        "cook",
    )


@given(st.text(max_size=400))
def test_any_text_is_a_question(text: str) -> None:
    asked = read_question(text)
    assert len(asked.terms) == len(set(asked.terms)) <= 40
    assert all(name for name in asked.names)
