"""Splitting identifiers: examples, and what holds for any text."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hybrid_coordinator.domain.words import split_identifier, words

ANY_TEXT = st.text(st.characters(exclude_categories=()))  # unpaired surrogates too
ASCII_IDENTIFIER = st.from_regex(r"[A-Za-z0-9_]+", fullmatch=True)


@pytest.mark.parametrize(
    ("identifier", "parts"),
    [
        ("word", ["word"]),
        ("camelCase", ["camel", "Case"]),
        ("PascalCase", ["Pascal", "Case"]),
        ("snake_case_", ["snake", "case"]),
        ("__init__", ["init"]),
        ("SCREAMING_CASE", ["SCREAMING", "CASE"]),
        ("HTTPServer", ["HTTP", "Server"]),
        ("parseHTTPResponse", ["parse", "HTTP", "Response"]),
        ("XMLHttpRequest", ["XML", "Http", "Request"]),
        ("userIDs", ["user", "IDs"]),
        ("sha256sum", ["sha", "256", "sum"]),
        ("utf8", ["utf", "8"]),
        ("getX", ["get", "X"]),
        ("ÜberGroßeStraße", ["Über", "Große", "Straße"]),
        ("ДлинноеИмя", ["Длинное", "Имя"]),
        ("日本語", ["日本語"]),
        ("_", []),
        ("", []),
    ],
)
def test_parts_of_an_identifier(identifier: str, parts: list[str]) -> None:
    assert split_identifier(identifier) == parts


def test_the_whole_follows_its_parts() -> None:
    assert words("def parseHTTP(self): return self.http_server") == [
        *["def", "parse", "http", "parsehttp", "self"],
        *["return", "self", "http", "server", "httpserver"],
    ]


@pytest.mark.parametrize("text", ["HTTPServer", "httpServer", "http_server", "HTTP_SERVER"])
def test_every_style_of_a_name_gives_the_same_words(text: str) -> None:
    assert words(text) == ["http", "server", "httpserver"]


def test_dots_slashes_and_dashes_separate() -> None:
    text = "storage/vectors/edge-index.py os.path"
    assert words(text) == ["storage", "vectors", "edge", "index", "py", "os", "path"]


def test_forms_of_one_text_give_the_same_words() -> None:
    composed = unicodedata.normalize("NFC", "café ﬁle")
    assert words(composed) == words(unicodedata.normalize("NFD", composed)) == ["café", "file"]


@given(ASCII_IDENTIFIER)
def test_the_parts_are_the_identifier_without_its_underscores(identifier: str) -> None:
    assert "".join(split_identifier(identifier)) == identifier.replace("_", "")


@given(ASCII_IDENTIFIER)
def test_a_part_has_no_parts(identifier: str) -> None:
    for part in split_identifier(identifier):
        assert split_identifier(part) == [part]


@given(ANY_TEXT)
def test_no_letter_or_number_is_lost(text: str) -> None:
    kept = {
        folded
        for character in unicodedata.normalize("NFKC", text)
        if character.isalnum()
        for folded in character.casefold()
    }
    assert kept <= set("".join(words(text)))


@given(ANY_TEXT)
def test_words_are_folded_and_hold_no_separator(text: str) -> None:
    for word in words(text):
        assert word
        assert not any(character.isspace() or character == "_" for character in word)
        assert word == word.casefold()
        word.encode()  # no unpaired surrogate is left


@given(ANY_TEXT, ANY_TEXT)
def test_texts_are_split_independently(one: str, two: str) -> None:
    assert words(f"{one} \n {two}") == words(one) + words(two)
