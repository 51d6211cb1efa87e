"""Models that think: telling which do, and the thinking from the answer, whole and in pieces."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hybrid_coordinator.inference.chat import Piece
from hybrid_coordinator.inference.thinking import (
    ThinkingSplitter,
    reasons_at_openai,
    split_thinking,
    thinks_by_name,
)


@pytest.mark.parametrize(
    ("text", "answer", "thinking"),
    [
        ("plain", "plain", ""),
        ("<think>a</think>b", "b", "a"),
        ("\n<think>\na\n</think>\n\nb", "b", "\n\na\n"),
        ("a</think>b", "b", "a"),
        ("<think>never closed", "", "never closed"),
        ("what <think> means: <think></think>", "what <think> means: <think></think>", ""),
        ("", "", ""),
    ],
)
def test_thinking_is_split_off(text: str, answer: str, thinking: str):
    assert split_thinking(text) == (answer, thinking)


@given(st.text(alphabet="ab<think>/ \n"))
def test_splitting_never_invents_text(text: str):
    answer, _ = split_thinking(text)
    assert answer in text


TEXTS = st.lists(
    st.sampled_from(["<think>", "</think>", "<thi", "nk>", "</", "think>", "a", "b c", " ", "\n"])
).map("".join)


def cut_up(text: str, cuts: list[int]) -> list[str]:
    places = sorted({0, len(text), *(cut % (len(text) + 1) for cut in cuts)})
    return [text[start:end] for start, end in pairwise(places)]


def pieces(splitter: ThinkingSplitter, chunks: list[str]) -> tuple[str, str]:
    found = [*(splitter.feed(chunk) for chunk in chunks), splitter.finish()]
    shown = [piece for piece in found if piece is not None]
    return "".join(each.text for each in shown), "".join(each.thinking for each in shown)


@given(TEXTS, st.lists(st.integers(0, 100)))
def test_text_that_arrives_in_pieces_is_split_like_the_whole(text: str, cuts: list[int]):
    answer, thinking = pieces(ThinkingSplitter(unopened=True), cut_up(text, cuts))
    whole_answer, whole_thinking = split_thinking(text)
    assert answer == whole_answer
    assert thinking.strip() == whole_thinking.strip()


@given(TEXTS, st.lists(st.integers(0, 100)))
def test_without_an_unseen_opening_only_a_lone_closing_tag_differs(text: str, cuts: list[int]):
    answer, thinking = pieces(ThinkingSplitter(), cut_up(text, cuts))
    if text.lstrip().startswith("<think>") or "</think>" not in text:
        whole_answer, whole_thinking = split_thinking(text)
        assert answer == whole_answer
        assert thinking.strip() == whole_thinking.strip()
    else:
        assert (answer, thinking) == (text, "")


def test_an_answer_is_shown_as_it_comes():
    splitter = ThinkingSplitter()
    assert splitter.feed("<th") is None
    assert splitter.feed("ink>hm") == Piece(thinking="hm")
    assert splitter.feed("m</thi") == Piece(thinking="m")
    assert splitter.feed("nk>\n\nIt") == Piece("It")
    assert splitter.feed(" is ") == Piece(" is")
    assert splitter.feed("2. ") == Piece(" 2.")
    assert splitter.finish() is None


def test_text_is_no_longer_held_back_once_thinking_comes_apart():
    splitter = ThinkingSplitter(unopened=True)
    assert splitter.feed("It is") is None
    assert splitter.plain() == Piece("It is")
    assert splitter.feed(" 2.") == Piece(" 2.")


@pytest.mark.parametrize(
    "name",
    [
        "qwen3:8b",
        "Qwen/Qwen3-4B-Thinking-2507",
        "deepseek-r1:14b",
        "DeepSeek-R1-Distill-Qwen-7B-Q4_K_M.gguf",
        "openai/gpt-oss-20b",
        "qwq:32b",
        "magistral-small",
        "phi-4-mini-reasoning",
        "zai-org/GLM-4.6",
    ],
)
def test_families_that_think_are_known_by_name(name: str):
    assert thinks_by_name(name) is True


@pytest.mark.parametrize(
    "name",
    [
        "qwen2.5-coder:3b",
        "Qwen3-Coder-30B-A3B-Instruct",
        "Qwen3-4B-Instruct-2507",
        "llama3.2:latest",
        "gemma-3-4b",
        "mistral-small",
        "codestral",
        "tiny-random",
    ],
)
def test_of_the_others_the_name_tells_nothing(name: str):
    assert thinks_by_name(name) is None


@pytest.mark.parametrize(
    ("name", "reasons"),
    [
        ("o4-mini", True),
        ("gpt-5.2", True),
        ("gpt-5-mini-2025-08-07", True),
        ("gpt-5-chat-latest", False),
        ("gpt-4.1", False),
        ("gpt-4o", False),
        ("chatgpt-4o-latest", False),
    ],
)
def test_openais_reasoning_models_are_known_by_name(name: str, reasons: bool):
    assert reasons_at_openai(name) is reasons
