"""Cutting files into chunks: every line once, at boundaries that mean something."""

from __future__ import annotations

import random
import time

import pytest
import semble_grammars
from hypothesis import given, settings
from hypothesis import strategies as st

from hybrid_coordinator.knowledge.code import grammars
from hybrid_coordinator.knowledge.code.chunks import Chunk, cut, embedding_text
from hybrid_coordinator.knowledge.code.languages import (
    TEXT,
    Language,
    detect_language,
    known_languages,
)
from hybrid_coordinator.knowledge.code.pieces import MAX_CHUNK_CHARACTERS
from hybrid_coordinator.knowledge.code.syntax import MAX_NESTING
from tests.knowledge.code.sources import DEFINED, PYTHON

_PYTHON = Language("python", "python")
_LANGUAGES = [
    TEXT,
    _PYTHON,
    Language("markdown", "markdown"),
    Language("rst", "rst"),
    Language("typescript", "typescript"),
    Language("yaml", "yaml"),
    Language("json", "json"),
    Language("unknown", "no-such-grammar"),
]


def check(text: str, chunks: tuple[Chunk, ...]) -> None:
    """Every line that is not blank is in exactly one chunk, in order, and as it was."""
    lines = text.split("\n")
    covered = [n for chunk in chunks for n in range(chunk.start_line, chunk.end_line + 1)]
    assert covered == sorted(set(covered))
    assert {n for n in covered if lines[n - 1].strip()} == {
        n for n, line in enumerate(lines, 1) if line.strip()
    }
    for chunk in chunks:
        assert chunk.text == "\n".join(lines[chunk.start_line - 1 : chunk.end_line])
        assert chunk.text.strip()
        assert len(chunk.text) <= MAX_CHUNK_CHARACTERS or chunk.start_line == chunk.end_line
        assert "\n" not in chunk.purpose
        assert len(chunk.purpose) <= 200


_WORDS = st.sampled_from(
    [
        "def",
        "class",
        "if",
        "x",
        ":",
        "(",
        ")",
        "[",
        "]",
        "{",
        "}",
        "'",
        '"',
        "'''",
        "#",
        "//",
        "/*",
        "*/",
        "=>",
        "->",
        ",",
        ";",
        "=",
        "@a",
        "import",
        "return",
        "lambda",
        "<a>",
        "---",
        "#",
        "==",
        "```",
        "~~~",
        "-",
        "a:",
        "1",
        "|",
        "\\",
        "function",
        "const",
        "f(x)",
        "名",
        "🙂",
        "\u2028",
        "\x0b",
        "\x1c",
        "\x85",
    ]
)
_SCRAMBLED = st.lists(
    st.one_of(_WORDS, st.sampled_from(["\n", "\n    ", "\n\n", "\n\t", " " * 9])), max_size=200
).map(" ".join)


@settings(max_examples=150, deadline=None)
@given(st.one_of(st.text(max_size=3_000), _SCRAMBLED), st.sampled_from(_LANGUAGES))
def test_any_text(text: str, language: Language) -> None:
    check(text, cut(text, language).chunks)


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_broken_python(data: st.DataObject) -> None:
    """Real source with pieces cut out, doubled and put elsewhere."""
    text = PYTHON * data.draw(st.integers(1, 4))
    for _ in range(data.draw(st.integers(0, 6))):
        start = data.draw(st.integers(0, len(text)))
        end = min(len(text), start + data.draw(st.integers(0, 300)))
        text = text[:start] + data.draw(_SCRAMBLED) + text[end:] + text[start:end]
    check(text, cut(text, _PYTHON).chunks)


def test_definitions_of_python() -> None:
    chunks = cut(PYTHON, _PYTHON).chunks
    check(PYTHON, chunks)

    found = {chunk.symbol: chunk for chunk in chunks}
    assert list(found) == [None, "Store", "Store.load", "Store.save", "main"]
    imports, store, load, save, main = found.values()
    assert (imports.kind, imports.purpose) == ("block", "Reading and writing.")
    assert (store.kind, store.purpose) == ("class", "Keeps things.")
    assert store.text.startswith("# What holds it all.\n@dataclass\nclass Store(Base):")
    assert store.context == ()
    assert (load.kind, load.purpose) == ("method", "Read what was kept.")
    assert load.context == ("class Store(Base):",)
    assert save.purpose == "async def save(self, things: list[str]) -> None:"
    assert (main.kind, main.purpose) == ("function", "def main() -> None:")


def test_the_parts_of_a_long_function_know_where_they_are() -> None:
    body = "\n\n".join(f"    if x == {n}:\n        return '{'y' * 300}'" for n in range(20))
    text = f"class A:\n    def f(self, x):\n{body.replace('    ', '        ')}\n"
    chunks = cut(text, _PYTHON).chunks

    check(text, chunks)
    assert len(chunks) > 4
    assert chunks[0].text.startswith("class A:\n    def f(self, x):\n        if x == 0:")
    for chunk in chunks[1:]:
        assert chunk.symbol == "A.f"
        assert chunk.context == ("class A:", "def f(self, x):")


def test_small_neighbours_are_joined_and_large_ones_are_not() -> None:
    small = "".join(f"def f{n}():\n    return {n}\n\n\n" for n in range(5))
    large = "".join(f"def g{n}():\n    return '{'x' * 600}'\n\n\n" for n in range(3))

    assert len(cut(small, _PYTHON).chunks) == 1
    assert [chunk.symbol for chunk in cut(large, _PYTHON).chunks] == ["g0", "g1", "g2"]


@pytest.mark.parametrize("language", sorted(DEFINED))
def test_definitions_of_many_languages(language: str) -> None:
    name, text, expected = DEFINED[language]
    detected = detect_language(name)
    assert detected.name == language
    # What is long stands by itself, so each definition shows.
    filler = "x" * 300
    result = cut(text.replace("FILL", filler), detected)

    assert result.problem is None
    check(text.replace("FILL", filler), result.chunks)
    assert [(chunk.kind, chunk.symbol) for chunk in result.chunks] == expected


def test_markdown_is_cut_at_headings() -> None:
    long = "Words and words.\n" * 20
    text = (
        f"Before.\n\n# Guide\n\n{long}\n## Install ##\n\n{long}\n```sh\n# not a heading\n```\n\n"
        f"Setext\n------\n\n{long}\n# Other\n\n{long}"
    )
    chunks = cut(text, Language("markdown")).chunks

    check(text, chunks)
    assert [chunk.symbol for chunk in chunks] == [
        "Guide",
        "Guide > Install",
        "Guide > Setext",
        "Other",
    ]
    assert {chunk.kind for chunk in chunks} == {"section"}
    assert "# not a heading" in chunks[1].text
    assert chunks[1].purpose == "Words and words."


def test_restructured_text_is_cut_at_headings() -> None:
    long = "Words and words.\n" * 20
    text = f"=====\nGuide\n=====\n\n{long}\nInstall\n-------\n\n{long}\nUse\n---\n\n{long}\n"
    chunks = cut(text, Language("rst")).chunks

    check(text, chunks)
    assert [chunk.symbol for chunk in chunks] == ["Guide", "Guide > Install", "Guide > Use"]
    assert chunks[0].text.startswith("=====\nGuide\n=====")


def test_text_of_an_unknown_kind_is_cut_at_blank_lines() -> None:
    paragraph = "word " * 100
    text = "\n\n".join([paragraph] * 10)
    chunks = cut(text, TEXT).chunks

    check(text, chunks)
    assert all(chunk.text.endswith(paragraph) for chunk in chunks)
    assert {(chunk.kind, chunk.symbol) for chunk in chunks} == {("block", None)}


@pytest.mark.parametrize("text", ["", "\n", " \n\t\n\n"])
def test_nothing_to_see_is_no_chunk(text: str) -> None:
    for language in _LANGUAGES:
        assert cut(text, language).chunks == ()


@pytest.mark.parametrize(
    "text",
    [
        "(" * 100_000,
        "x = " + "[\n" * 50_000 + "]\n" * 50_000,
        "x = (1\n" + "+ a\n" * 10_000 + ")",
        "x = {" + "'k': 1,\n" * 20_000 + "}",
        "".join(f"{' ' * depth}if x:\n" for depth in range(600)),
        "def f():\n" + "    x = 1\n" * 20_000,
        "'''" + "text\n" * 30_000,
        "@a\n" * 20_000,
    ],
    ids=["open", "nested", "expression", "mapping", "indented", "long", "unclosed", "decorated"],
)
def test_hostile_source(text: str) -> None:
    began = time.perf_counter()
    check(text, cut(text, _PYTHON).chunks)
    assert time.perf_counter() - began < 20.0


@pytest.mark.parametrize("word", ["function f() {\n", "class A { m() {\n", "x = {\na: "])
def test_definitions_nested_deeply(word: str) -> None:
    text = word * 5_000
    chunks = cut(text, Language("javascript", "javascript")).chunks

    check(text, chunks)
    assert all(len(chunk.context) <= MAX_NESTING for chunk in chunks)


@pytest.mark.parametrize("text", ["- " * 50_000, "\n".join(" " * n + "- a:" for n in range(900))])
def test_hostile_yaml(text: str) -> None:
    """The grammar of YAML for tree-sitter ends the process on these."""
    check(text, cut(text, detect_language("a.yaml")).chunks)


def test_yaml_is_cut_at_keys() -> None:
    step = "      - run: " + "x" * 400 + "\n"
    text = f"# All of it.\nname: ci\njobs:\n  # First.\n  test:\n    steps:\n{step * 8}  lint: 1\n"
    chunks = cut(text, detect_language("ci.yml")).chunks

    check(text, chunks)
    assert [chunk.symbol for chunk in chunks] == ["name", "jobs", "jobs.test.steps", "jobs"]
    assert chunks[1].text.startswith("jobs:\n  # First.\n  test:\n    steps:\n      - run: xx")
    assert chunks[2].context == ("jobs:", "test:", "steps:")


def test_parsing_ends_in_time() -> None:
    noise = random.Random(1)  # makes the parser try everything
    text = "".join(noise.choice("([{<'\"#:=*&%$ \n\tabc0") for _ in range(300_000))

    with pytest.raises(grammars.ParseError, match="more than 0.05 s"):
        grammars.parse(text.encode(), "python", seconds=0.05)


def test_without_a_grammar_text_is_cut_by_lines() -> None:
    result = cut("x\n\ny\n", Language("unknown", "no-such-grammar"))

    assert result.problem is not None
    assert "no-such-grammar cannot be loaded" in result.problem
    assert [chunk.text for chunk in result.chunks] == ["x\n\ny"]


def test_a_parser_that_was_cut_off_leaves_nothing_behind() -> None:
    text = "([{" * 100_000
    with pytest.raises(grammars.ParseError):
        grammars.parse(text.encode(), "python", seconds=0.0)

    root = grammars.parse(b"x = 1", "python")

    assert (root.end_byte, root.has_error) == (5, False)


def test_every_grammar_that_is_named_is_there() -> None:
    named = {language.grammar for language in known_languages()} - {None}

    assert named <= set(semble_grammars.available_languages())
    assert len(named) > 60


def test_what_is_embedded() -> None:
    chunk = Chunk("return 1", 7, 7, "A.f", "method", "python", "Gives one.", ("class A:",))

    assert embedding_text("src/a.py", chunk) == ("src / a.py\nA.f\nGives one.\nclass A:\nreturn 1")
