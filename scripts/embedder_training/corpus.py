"""The examples that are learned from: chosen, put as questions, and turned into tokens."""

from __future__ import annotations

import hashlib
import pickle
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

import numpy as np

from embedder_training.archives import source_files
from embedder_training.examples import Example, examples_of
from embedder_training.questions import as_question

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from tokenizers import Tokenizer

MAX_CHARACTERS = 3_000_000
"""Of one package; the files are taken in a fixed shuffle."""

QUOTAS: Mapping[str, int] = {
    "doc": 500,
    "comment": 200,
    "name": 150,
    "heading": 60,
    "section": 60,
}
"""Examples of a kind that one package gives at most, so that none sets the tone."""

REWRITES = 4
"""Ways in which each question is put."""

_SLICE = 1_000
_SPOKEN = {"tsx": "typescript", "rst": "", "markdown": "", "text": ""}


@dataclass(frozen=True, slots=True)
class Ragged:
    """Token ids of many texts in one array; text ``i`` has ``ids[ends[i]:ends[i + 1]]``."""

    ids: NDArray[np.int32]
    ends: NDArray[np.int64]

    @classmethod
    def of(cls, texts: Sequence[str], tokenizer: Tokenizer) -> Ragged:
        """Tokenise texts."""
        parts, lengths = [], [0]
        for start in range(0, len(texts), _SLICE):
            for encoding in tokenizer.encode_batch_fast(
                list(texts[start : start + _SLICE]), add_special_tokens=False
            ):
                parts.append(np.array(encoding.ids, np.int32))
                lengths.append(len(encoding.ids))
        return cls(np.concatenate(parts), np.cumsum(lengths, dtype=np.int64))

    def lengths(self) -> NDArray[np.int64]:
        """Tokens of each text."""
        return np.diff(self.ends)


@dataclass(frozen=True, slots=True)
class Corpus:
    """Tokenised examples, each with its package and kind.

    ``questions`` has ``REWRITES`` rows for each example, ``bare`` its answer
    without the question's words, ``full`` the answer as it is indexed; ``heads`` is how many tokens
    of an answer are its path; ``said`` numbers distinct questions."""

    packages: tuple[str, ...]
    kinds: tuple[str, ...]
    questions: Ragged
    bare: Ragged
    full: Ragged
    heads: NDArray[np.int64]
    said: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.packages)


def extract(archives: Mapping[str, Path], cache: Path) -> Iterator[Example]:
    """The examples in each archive (by package), at most ``QUOTAS`` of each; kept in ``cache``."""
    cache.mkdir(parents=True, exist_ok=True)
    missing = [each for each in archives.items() if not _cached(cache, each[0]).exists()]
    # A fresh process for every few packages gives memory back.
    with ProcessPoolExecutor(2, mp_context=get_context("spawn"), max_tasks_per_child=8) as pool:
        for name, found in pool.map(_examples, missing):
            _cached(cache, name).write_bytes(pickle.dumps(found))
    for name in sorted(archives):
        yield from pickle.loads(_cached(cache, name).read_bytes())


def distinct(examples: Iterable[Example], excluded: frozenset[str]) -> Iterator[Example]:
    """Examples without copies and without those that are ``excluded`` by their key."""
    seen = set()
    for example in examples:
        copy = (_plain(example.query), _plain(example.text)[-200:])
        if copy not in seen and key(example) not in excluded:
            seen.add(copy)
            yield example


def key(example: Example) -> str:
    """A short name of an example that gives nothing of it away."""
    return example.order.hex()[:16]


def tokenise(examples: Sequence[Example], tokenizer: Tokenizer, seed: int) -> Corpus:
    """The corpus of examples, with their questions put in several ways."""
    random = Random(seed)
    questions = [put for example in examples for put in _ways(example, random)]
    numbers: dict[str, int] = {}
    heads = Ragged.of([each.text.split("\n", 1)[0] for each in examples], tokenizer)
    return Corpus(
        packages=tuple(each.package for each in examples),
        kinds=tuple(each.kind for each in examples),
        questions=Ragged.of(questions, tokenizer),
        bare=Ragged.of([each.text for each in examples], tokenizer),
        full=Ragged.of([each.full or each.text for each in examples], tokenizer),
        heads=heads.lengths(),
        said=np.array([numbers.setdefault(_plain(each.query), len(numbers)) for each in examples]),
    )


def _ways(example: Example, random: Random) -> list[str]:
    language = _SPOKEN.get(example.language, example.language)
    asked = [as_question(example.query, language, random) for _ in range(REWRITES - 2)]
    return [*asked, example.query, as_question(example.whole, language, random)]


def _examples(package: tuple[str, Path]) -> tuple[str, list[Example]]:
    name, archive = package
    files = sorted(source_files(archive), key=lambda file: _shuffled(name + file[0]))
    found: dict[tuple[str, str], Example] = {}
    characters = 0
    for path, text in files:
        characters += len(text)
        if characters > MAX_CHARACTERS:
            break
        for example in examples_of(name, path, text):
            found.setdefault((example.kind, example.query.lower()), example)
    return name, within_quotas(found.values())


def within_quotas(examples: Iterable[Example]) -> list[Example]:
    """The first of each kind in the fixed shuffle, as many as its quota."""
    left = dict(QUOTAS)
    chosen = []
    for example in sorted(examples, key=lambda each: each.order):
        if left[example.kind]:
            left[example.kind] -= 1
            chosen.append(example)
    return chosen


def _cached(cache: Path, package: str) -> Path:
    return cache / f"{_shuffled(package).hex()[:16]}.pickle"


def _shuffled(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()


def _plain(text: str) -> str:
    return re.sub(r"\W+", " ", text.lower()).strip()
