"""What an answer makes use of: what it names, and not what anybody would write."""

from __future__ import annotations

import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hybrid_coordinator.domain.citations import Citable, cited

ENTRY = Citable(
    "8b58a5a7-5d36-58ee-8fa4-1bd2be8f0998",
    "Retry the nightly import with a queue",
    "stored knowledge, 2026-01-02",
)
CODE = Citable("d720e32d-4765-5177-b65b-42dd7f6e6445", "Basket.total_price", "shop/basket.py:10-24")
ITEMS = [ENTRY, CODE]


@pytest.mark.parametrize(
    ("response", "item"),
    [
        (f"As {ENTRY.id} says.", ENTRY),
        (f"As {ENTRY.id.upper()} says.", ENTRY),
        ("Following item 8b58a5a7, I used a queue.", ENTRY),
        ("See [8b58a5a7-5d36].", ENTRY),
        ("I did this: **retry the  nightly import\nwith a queue**.", ENTRY),
        ("Changed `shop/basket.py`.", CODE),
        ("Changed shop/basket.py:12.", CODE),
        ("Changed shop/basket.py:1-10, too.", CODE),
        ("In shop/basket.py, lines 20-30.", CODE),
        ("https://example.org/blob/main#shop", None),
        ("shop/basket.py#L24 rounds.", CODE),
        ("Basket.total_price rounds.", CODE),
        ("`Basket.total_price()` rounds.", CODE),
    ],
)
def test_what_is_named_is_used(response: str, item: Citable | None):
    assert cited(response, ITEMS) == (frozenset() if item is None else {item.id})


@pytest.mark.parametrize(
    "response",
    [
        "",
        "Done.",
        "I will retry the import.",
        "The commit is 8b58a5a.",
        "The commit is a8b58a5a7.",
        "The build is 8b58a5a7f.",
        "Changed shop/basket.py:99.",
        "Changed shop/basket.py:30-40.",
        "Changed workshop/basket.py.",
        "Changed old/shop/basket.py.",
        "Changed shop/basket.pyi and shop/basket.py.orig.",
        "Changed basket.py.",
        "MyBasket.total_price rounds, and Basket.total_prices too.",
    ],
)
def test_what_is_not_named_is_not_used(response: str):
    assert cited(response, ITEMS) == frozenset()


@pytest.mark.parametrize("title", ["Testing", "Use tests", "to be or", "get", "parse", "a b c d"])
@pytest.mark.parametrize("source", ["", "src/parse.py:1-9"])
def test_common_titles_are_no_evidence(title: str, source: str):
    item = Citable(CODE.id, title, source)
    assert cited(f"We {title} it. {title}.", [item]) == frozenset()


def test_what_the_question_says_is_no_evidence():
    question = f"Why does Basket.total_price in shop/basket.py:12 round? {ENTRY.title}"
    assert cited(question, ITEMS, question) == frozenset()
    answer = f"{question} It rounds in shop/basket.py:20."
    assert cited(answer, ITEMS, question) == {CODE.id}
    assert cited(f"By {ENTRY.id}", ITEMS, f"By {ENTRY.id}") == {ENTRY.id}


def test_a_beginning_that_several_ids_have_names_none():
    twins = [
        Citable("01a1fd4e-3ae9-750a-ade8-b12721c30c6f"),
        Citable("01a1fd4e-3ae9-7fff-8000-" + "0" * 12),
    ]
    assert cited("From 01a1fd4e.", twins) == frozenset()
    assert cited("From 01a1fd4e-3ae9-750a.", twins) == {twins[0].id}


@given(st.uuids(), st.text(alphabet=" \n.,;:()[]`*", max_size=3), st.integers(8, 36))
def test_an_id_or_its_beginning_is_found_among_any_marks(item: uuid.UUID, mark: str, length: int):
    written = str(item)[:length].rstrip("-")
    assert cited(f"see {mark}{written}{mark} there", [Citable(str(item))]) == {str(item)}


@given(st.text(), st.lists(st.builds(Citable, st.uuids().map(str), st.text(), st.text())))
def test_any_text_is_read(response: str, items: list[Citable]):
    assert cited(response, items) <= {item.id for item in items}


@given(st.text(), st.uuids(), st.text(), st.text())
def test_nothing_is_cited_for_its_title_or_place_by_a_question_repeated(
    question: str, item: uuid.UUID, title: str, source: str
):
    found = cited(question, [Citable(str(item), title, source)], question)
    assert found == frozenset() or str(item)[:8] in question.lower()
