"""What the embedding model is trained on: examples from packages, as questions, as tokens."""

from __future__ import annotations

import io
import re
import tarfile
import zipfile
from pathlib import Path
from random import Random

import numpy as np
import pytest
from embedder_training.archives import source_files
from embedder_training.corpus import REWRITES, Ragged, distinct, key, tokenise, within_quotas
from embedder_training.documentation import documentation
from embedder_training.examples import Example, examples_of
from embedder_training.packages import excluded, manifest
from embedder_training.questions import as_question
from embedder_training.vocabulary import for_code
from tokenizers import Tokenizer

from hybrid_coordinator.knowledge.embedding.static import MODEL_FOLDER

PYTHON = '''\
def read_lines(path, limit):
    """Read the first lines of a file.

    Args:
        path: where it is.
    """
    with open(path) as file:
        return [line for _, line in zip(range(limit), file)]
'''


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    return Tokenizer.from_file(str(MODEL_FOLDER / "tokenizer.json"))


def example(query: str, kind: str = "doc", text: str = "a / path\nbody") -> Example:
    return Example("pypi:one", "python", kind, "a/path", query, query, text, "")


# Documentation


@pytest.mark.parametrize(
    ("language", "text", "sentence"),
    [
        ("python", PYTHON, "Read the first lines of a file"),
        (
            "go",
            "// Open opens the file with that name. More.\nfunc Open() {}\n",
            "Open opens the file with that name",
        ),
        (
            "java",
            "/**\n * Closes the {@link Door} behind the last guest.\n * @see b\n */\nvoid f() {}\n",
            "Closes the Door behind the last guest",
        ),
        (
            "ruby",
            "# Yields every row of the table\ndef each; end\n",
            "Yields every row of the table",
        ),
        (
            "elixir",
            '@doc """\nSends a message to each of them.\n"""\ndef f, do: 1\n',
            "Sends a message to each of them",
        ),
        (
            "haskell",
            "-- | Runs the parser on the given input.\nrun = 1\n",
            "Runs the parser on the given input",
        ),
    ],
)
def test_documentation_is_told_from_the_code(language: str, text: str, sentence: str) -> None:
    found = documentation(text, language)
    assert found is not None
    assert found.sentence == sentence
    assert not any(word in found.rest for word in sentence.split()[-2:] if len(word) > 4)
    assert text[: found.start] + text[found.end :] == found.rest


@pytest.mark.parametrize(
    "text",
    [
        "// Copyright 2020 The Authors of the Program\nfunc f() {}\n",
        "// Liest die ersten Zeilen einer Datei für später\nfunc f() {}\n",
        "// TODO\nfunc f() {}\n",
        "func f() {}\n",
        "// password = hunter2 is what all of us use here\nfunc f() {}\n",
    ],
)
def test_what_says_nothing_is_no_documentation(text: str) -> None:
    assert documentation(text, "go") is None


# Examples


def test_an_answer_does_not_hold_its_question() -> None:
    found = {each.kind: each for each in examples_of("pypi:one", "pkg/files.py", PYTHON)}
    assert set(found) == {"doc", "name"}
    assert found["doc"].query == "Read the first lines of a file"
    assert "first lines" not in found["doc"].text
    assert "first lines" in found["doc"].full
    assert found["doc"].text.startswith("pkg / files.py\nread_lines\ndef read_lines(")
    assert found["name"].query == "read lines"
    assert "read_lines" not in found["name"].text


@pytest.mark.parametrize("path", ["tests/files.py", "pkg/test_files.py", "src/a.spec.py"])
def test_tests_give_no_examples(path: str) -> None:
    assert list(examples_of("pypi:one", path, PYTHON)) == []


def test_a_section_answers_its_heading() -> None:
    text = "# Reading large files\n\n" + "Open the file and read it by line. " * 8
    (found,) = examples_of("npm:one", "docs/guide.md", text)
    assert (found.kind, found.query) == ("heading", "Reading large files")
    assert "Reading large" not in found.text


def test_questions_vary_and_keep_the_subject() -> None:
    drawn = map(Random, range(60))
    asked = {as_question("Read the lines of a file.", "python", each) for each in drawn}
    assert len(asked) > 20
    assert "python read lines of file" in asked
    assert sum("lines" in each for each in asked) > 0.8 * len(asked)


def test_the_same_seed_asks_the_same() -> None:
    first, second = ([as_question("Read it all now", "go", Random(3)) for _ in "ab"] for _ in "ab")
    assert first == second


def test_copies_and_excluded_examples_are_left_out() -> None:
    one, copy, other = example("Read a file"), example("read  a file"), example("Close a file")
    assert list(distinct([one, copy, other], frozenset())) == [one, other]
    assert list(distinct([one, copy, other], frozenset([key(other)]))) == [one]


def test_a_package_gives_so_many_of_a_kind() -> None:
    many = [example(f"Read file number {number}", "section") for number in range(100)]
    assert within_quotas(many) == within_quotas(reversed(many))
    assert len(within_quotas(many)) == 60


# Tokens


def test_texts_become_rows_of_tokens(tokenizer: Tokenizer) -> None:
    texts = ["read a file", "", "close it"]
    ragged = Ragged.of(texts, tokenizer)
    for number, text in enumerate(texts):
        ids = ragged.ids[ragged.ends[number] : ragged.ends[number + 1]]
        assert ids.tolist() == tokenizer.encode(text, add_special_tokens=False).ids


def test_a_corpus_knows_equal_questions_and_where_paths_end(tokenizer: Tokenizer) -> None:
    corpus = tokenise([example("Read a file"), example("read a file!")], tokenizer, 1)
    assert corpus.said.tolist() == [0, 0]
    assert len(corpus.questions.lengths()) == 2 * REWRITES
    assert corpus.heads.tolist() == [3, 3]  # a / path


def test_new_words_change_no_vector(tokenizer: Tokenizer) -> None:
    texts = ["the zorbulator starts"] * 20
    packages = [f"pypi:{number % 5}" for number in range(20)]
    vectors = np.random.default_rng(0).normal(size=(tokenizer.get_vocab_size(), 4))
    ragged = Ragged.of(texts, tokenizer)
    grown, rows = for_code(tokenizer, vectors.astype(np.float32), ragged, ragged, packages)
    assert len(rows) == tokenizer.get_vocab_size() == grown.get_vocab_size()
    old, new = (each.encode(texts[0], add_special_tokens=False) for each in (tokenizer, grown))
    assert "zorbulator" in new.tokens
    assert "zorbulator" not in old.tokens
    assert rows[new.ids].sum(axis=0) == pytest.approx(vectors[old.ids].sum(axis=0), abs=1e-5)


# Packages


def test_archives_of_every_registry_are_read_alike(tmp_path: Path) -> None:
    sdist = tmp_path / "one.pypi"
    with tarfile.open(sdist, "w:gz") as tar:
        for name in ("one-1/pkg/a.py", "one-1/vendor/b.py", "one-1/LICENSE.txt", "one-1/c.min.js"):
            info = tarfile.TarInfo(name)
            info.size = len(PYTHON)
            tar.addfile(info, io.BytesIO(PYTHON.encode()))
    assert list(source_files(sdist)) == [("pkg/a.py", PYTHON)]
    for archive, name in (("one.go", "host/one@v1.0.0/pkg/a.go"), ("one.maven", "pkg/a.go")):
        with zipfile.ZipFile(tmp_path / archive, "w") as opened:
            opened.writestr(name, PYTHON)
        assert list(source_files(tmp_path / archive)) == [("pkg/a.go", PYTHON)]


def test_the_manifest_is_permissive_and_leaves_the_measured_packages_out() -> None:
    packages = manifest()
    assert len({package.label for package in packages}) == len(packages) > 500
    assert len({package.ecosystem for package in packages}) == 6
    measured = {"requests", "httpx", "click", "pydantic", "starlette", "fastapi", "model2vec"}
    assert measured.isdisjoint(package.name for package in packages)
    for package in packages:
        assert re.fullmatch(r"[0-9a-f]{64}", package.sha256)
        assert package.licence
        choices = re.split(r" OR ", package.licence, flags=re.IGNORECASE)
        assert not all(re.search(r"GPL|MPL|EPL", choice) for choice in choices), package
    assert all(re.fullmatch(r"[0-9a-f]{16}", key) for key in excluded())
