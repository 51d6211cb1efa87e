"""Questions with the code or text that answers them, cut from source files as the index cuts."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass

from embedder_training.documentation import documentation, first_sentence, inner_comments
from hybrid_coordinator.knowledge.code.chunks import Chunk, cut, embedding_text
from hybrid_coordinator.knowledge.code.languages import detect_language

MAX_TEXT = 2_000
"""Characters of an answer that are learned from."""

_DEFINITIONS = frozenset(
    {"function", "method", "class", "interface", "enum", "type", "macro", "module"}
)
_TEST_FILE = re.compile(
    r"(?:^|/)(?:tests?|specs?|testing|bench(?:marks)?)/|(?:^|/)test_|[._-](?:test|spec)s?\.", re.I
)
_PART = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+")
_MIN_BODY = 60


@dataclass(frozen=True, slots=True)
class Example:
    """A question and its answer.

    Attributes:
        kind: ``doc``, ``comment``, ``name``, ``heading`` or ``section``: what the question was.
        query: the question, one line.
        whole: the same at greater length; for most kinds equal to ``query``.
        text: the answer as it is embedded, without the words of the question.
        full: the answer as it stands in the index, question included; empty where the question
            is not part of it.
    """

    package: str
    language: str
    kind: str
    path: str
    query: str
    whole: str
    text: str
    full: str

    @property
    def order(self) -> bytes:
        """A place in a fixed, package-independent shuffle."""
        return hashlib.sha256(f"{self.package}\n{self.path}\n{self.query}".encode()).digest()


def examples_of(package: str, path: str, text: str) -> Iterator[Example]:
    """The examples in a file; none from tests, where comments speak of the test."""
    if _TEST_FILE.search(path):
        return
    language = detect_language(path, text[:200].split("\n", 1)[0])
    for chunk in cut(text, language).chunks:
        for kind, query, whole, answer, full in _of_chunk(path, chunk):
            yield Example(
                package,
                chunk.language,
                kind,
                path,
                query,
                whole,
                answer[:MAX_TEXT],
                full[:MAX_TEXT],
            )


_Found = tuple[str, str, str, str, str]


def _of_chunk(path: str, chunk: Chunk) -> Iterator[_Found]:
    if chunk.kind == "section":
        yield from _of_section(path, chunk)
    elif chunk.kind in _DEFINITIONS:
        yield from _of_definition(path, chunk)


def _of_definition(path: str, chunk: Chunk) -> Iterator[_Found]:
    said = documentation(chunk.text, chunk.language)
    body = said.rest if said else chunk.text
    if len(body.strip()) < _MIN_BODY:
        return
    if said:
        answer = _framed(path, chunk.symbol or "", body, chunk)
        yield "doc", said.sentence, said.whole, answer, embedding_text(path, chunk)
    for comment, rest in inner_comments(body)[:1]:
        yield "comment", comment, comment, _framed(path, chunk.symbol or "", rest, chunk), ""
    name = (chunk.symbol or "").rpartition(".")[2]
    words = [part.lower() for part in _PART.findall(name)]
    if len(words) >= 3 or (said and len(words) == 2):
        masked = re.sub(rf"\b{re.escape(name)}\b", "", body)
        owner = (chunk.symbol or "").rpartition(".")[0]
        yield "name", " ".join(words), " ".join(words), _framed(path, owner, masked, chunk), ""


def _of_section(path: str, chunk: Chunk) -> Iterator[_Found]:
    heading = (chunk.symbol or "").rpartition(".")[2]
    lines = chunk.text.split("\n")
    body = "\n".join(line for line in lines[1:] if not re.fullmatch(r"\W*", line))
    if len(body) < 2 * _MIN_BODY or heading not in lines[0]:
        return
    if len(heading.split()) >= 2 and heading.isascii():
        yield "heading", heading, heading, _framed(path, "", body, None), ""
    paragraphs = body.split("\n", 1)
    sentence = first_sentence(paragraphs[0])
    if sentence and len(paragraphs) == 2 and len(paragraphs[1]) > 2 * _MIN_BODY:
        yield "section", sentence, sentence, _framed(path, heading, paragraphs[1], None), ""


def _framed(path: str, symbol: str, body: str, chunk: Chunk | None) -> str:
    """A text with the head that the index gives it; the signature stands for the purpose."""
    lines = (line.strip() for line in body.split("\n"))
    signature = next((line for line in lines if line and line[0] not in "@#/*["), "")
    context = chunk.context if chunk is not None else ()
    head = (path.replace("/", " / "), symbol, signature[:200] if chunk else "", *context)
    return "\n".join([*filter(None, head), body])
