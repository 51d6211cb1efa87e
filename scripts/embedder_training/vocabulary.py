"""A vocabulary for code: its frequent words become tokens, in the place of words never seen."""

from __future__ import annotations

import json
import math
import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np
from tokenizers import Tokenizer

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from embedder_training.corpus import Ragged

WORDS = 5_000
"""Tokens that are exchanged, so that the model keeps its size."""

_MIN_COUNT, _MIN_PACKAGES, _MAX_PIECES = 12, 4, 5
_WORD = re.compile(r"[a-z][a-z0-9]{1,24}")
_HEX = re.compile(r"[a-f0-9]*\d[a-f0-9]*\d[a-f0-9]*")

_Pieces = tuple[int, ...]


def for_code(
    tokenizer: Tokenizer,
    vectors: NDArray[np.float32],
    answers: Ragged,
    questions: Ragged,
    packages: Sequence[str],
) -> tuple[Tokenizer, NDArray[np.float32]]:
    """The tokenizer and its vectors with ``WORDS`` tokens exchanged.

    A new token starts as the sum of the pieces it was cut into, so no text's vector changes yet.
    Tokens of other scripts and single characters stay: each is the only one for what it means.

    Args:
        tokenizer: WordPiece, its vocabulary numbered from 0.
        vectors: a row a token.
        answers, questions: texts by that tokenizer.
        packages: where each of the answers is from.
    """
    vocabulary: dict[str, int] = tokenizer.get_vocab()
    new = _frequent(_words(answers, packages, vocabulary), vocabulary)
    counts = np.bincount(answers.ids, minlength=len(vocabulary))
    counts += np.bincount(questions.ids, minlength=len(vocabulary))
    unseen = [
        token
        for token, number in sorted(vocabulary.items(), key=lambda item: -item[1])
        if counts[number] == 0 and token.isascii() and len(token) > 3 and token[0] != "["
    ]
    size = min(WORDS, len(new), len(unseen))
    gone = set(unseen[:size])  # the teacher's numbers rise as words get rarer
    kept = [token for token in sorted(vocabulary, key=vocabulary.__getitem__) if token not in gone]
    rows = [vectors[[vocabulary[token] for token in kept]]]
    rows += [vectors[list(pieces)].sum(axis=0)[None] for _, pieces in new[:size]]
    state = json.loads(tokenizer.to_str())
    numbers = {
        token: number for number, token in enumerate([*kept, *(word for word, _ in new[:size])])
    }
    state["model"]["vocab"] = numbers
    for special in state["added_tokens"]:
        special["id"] = numbers[special["content"]]
    return Tokenizer.from_str(json.dumps(state)), np.concatenate(rows)


def _words(
    texts: Ragged, packages: Sequence[str], vocabulary: dict[str, int]
) -> Iterator[tuple[_Pieces, str]]:
    """Every word that is cut into pieces, as often as it is there, with its package."""
    continues = np.zeros(len(vocabulary), bool)
    continues[[number for token, number in vocabulary.items() if token.startswith("##")]] = True
    for package, begin, end in zip(packages, texts.ends[:-1], texts.ends[1:], strict=True):
        ids = texts.ids[begin:end]
        starts = np.flatnonzero(~continues[ids])
        ends = np.append(starts[1:], len(ids))
        several = (ends - starts > 1) & (ends - starts <= _MAX_PIECES)
        for start, stop in zip(starts[several], ends[several], strict=True):
            yield tuple(ids[start:stop].tolist()), package


def _frequent(
    words: Iterator[tuple[_Pieces, str]], vocabulary: dict[str, int]
) -> list[tuple[str, _Pieces]]:
    """Words that several packages have, those that most have first."""
    tokens = {number: token for token, number in vocabulary.items()}
    counts: Counter[_Pieces] = Counter()
    spread: defaultdict[_Pieces, set[str]] = defaultdict(set)
    for pieces, package in words:
        counts[pieces] += 1
        spread[pieces].add(package)
    scored = []
    for pieces, packages in spread.items():
        word = "".join(tokens[piece].removeprefix("##") for piece in pieces)
        common = len(packages) >= _MIN_PACKAGES and counts[pieces] >= _MIN_COUNT
        if common and word not in vocabulary and _WORD.fullmatch(word) and not _HEX.fullmatch(word):
            scored.append((-len(packages) * math.log1p(counts[pieces]), word, pieces))
    return [(word, pieces) for _, word, pieces in sorted(scored)]
