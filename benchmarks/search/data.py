"""The questions that are asked, and the packages and functions that they are asked about."""

from __future__ import annotations

import gzip
import json
from dataclasses import dataclass
from pathlib import Path

PACKAGES_HELP = """\
The source of these packages is missing: {missing}. Get each and unpack it into {folder}:
    pip download --no-deps --no-binary PACKAGE PACKAGE==VERSION --dest {folder}
    tar -xzf {folder}/PACKAGE-VERSION.tar.gz -C {folder}"""


class DataMissingError(Exception):
    """Data is not where it was said to be; the message says how to get it."""


@dataclass(frozen=True, slots=True)
class Target:
    """Lines of a file that answer a question; all of them where none are named."""

    path: str
    start_line: int = 0
    end_line: int = 10**9


@dataclass(frozen=True, slots=True)
class Question:
    """A question about a package, and every place that answers it."""

    package: str
    text: str
    category: str
    targets: tuple[Target, ...]


@dataclass(frozen=True, slots=True)
class Corpus:
    """A tree to index: paths below ``root`` are known to the questions with ``prefix`` before."""

    name: str
    root: Path
    prefix: str = ""

    def known_as(self, path: str) -> str:
        """A path relative to the root, as the questions' targets have it."""
        return f"{self.prefix}/{path}" if self.prefix else path

    def characters(self) -> int:
        """What reading all of it costs."""
        return sum(
            file.stat().st_size
            for file in self.root.rglob("*")
            if file.is_file() and "__pycache__" not in file.parts
        )


@dataclass(frozen=True, slots=True)
class WebQuestion:
    """A question that somebody typed into a search engine, and the function that answers it."""

    text: str
    answer: int


def load_questions(data: Path, packages: Path) -> tuple[list[Corpus], list[Question]]:
    """The packages of ``data/code_search/dev.json``, and the questions about them.

    Raises:
        DataMissingError: a file or a package is not there.
    """
    corpora, questions, missing = [], [], []
    for package in json.loads(_read(data / "code_search" / "dev.json")):
        name = package["package"]
        folder = f"{name}-{package['version']}"
        corpus = Corpus(name, packages / folder / package["index_root"], package["index_root"])
        corpora.append(corpus)
        if not corpus.root.is_dir():
            missing.append(folder)
        for query in package["queries"]:
            targets = tuple(Target(**each) for each in query["relevant"] + query["secondary"])
            questions.append(Question(name, query["query"], query["category"], targets))
    if missing:
        raise DataMissingError(PACKAGES_HELP.format(missing=", ".join(missing), folder=packages))
    return corpora, questions


def load_web_questions(data: Path) -> tuple[dict[int, str], list[WebQuestion]]:
    """CoSQA: the functions by number, and the questions.

    Raises:
        DataMissingError: a file is not there.
    """
    functions = json.loads(_read(data / "cosqa" / "code_idx_map.txt.gz"))
    asked = json.loads(_read(data / "cosqa" / "cosqa-retrieval-dev-500.json.gz"))
    return (
        {number: code for code, number in functions.items()},
        [WebQuestion(each["doc"], each["retrieval_idx"]) for each in asked],
    )


def _read(file: Path) -> str:
    if not file.is_file():
        raise DataMissingError(
            f"{file} is missing. docs/benchmarks/search.md says where the data comes from."
        )
    content = file.read_bytes()
    return (gzip.decompress(content) if file.suffix == ".gz" else content).decode("utf-8")
