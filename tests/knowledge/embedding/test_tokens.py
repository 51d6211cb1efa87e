"""Token ids put together from words: those that the tokenizer gives for the whole text."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer

from hybrid_coordinator.knowledge.embedding.static import MODEL_FOLDER
from hybrid_coordinator.knowledge.embedding.tokens import WordTokens

TOKENIZER = Tokenizer.from_file(str(MODEL_FOLDER / "tokenizer.json"))
TOKENS = WordTokens(TOKENIZER)

# What the parts of a text could do to each other, if anything does.
FRAGMENTS = st.sampled_from(
    [
        *("getHTTPResponse", "HTTP", "foo_bar2Baz", "x", "Ab", "Za", "9", "é", "É", "ß", "İ", "ﬁ"),
        *("中", "日本語", "\u0301", "\u00a0", "\u2028", "\u200d", "\x85", "\x0b", "\x0c", "\x1c"),
        *("\0", "\x7f", "\ufffd", "[PAD]", "[UNK]", "[", "]", "_", "-", "'", "#", "€", "…", "😀"),
        *(" ", "\t", "\n", "\r\n", "w" * 101),
    ]
)


@given(
    st.one_of(st.text(st.characters(exclude_categories=["Cs"])), st.lists(FRAGMENTS).map("".join))
)
@example("")
@settings(deadline=None, max_examples=500)
def test_they_are_those_of_the_whole_text(text: str) -> None:
    assert TOKENS.ids(text) == TOKENIZER.encode(text, add_special_tokens=False).ids


@pytest.mark.parametrize("file", sorted(Path(__file__).parent.glob("*.py")), ids=lambda f: f.stem)
def test_of_source_code_too(file: Path) -> None:
    text = file.read_text(encoding="utf-8")
    assert TOKENS.ids(text) == TOKENIZER.encode(text, add_special_tokens=False).ids
