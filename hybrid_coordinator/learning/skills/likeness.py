"""How far tasks are from each other, all of them at once."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from hybrid_coordinator.domain.recurrence import terms

NEAREST = 0.1
"""The least distance of two tasks. What differs in no more than a word or two is as good as the
same: without this, whoever asks one thing five times word by word gets a kind of task of that
alone, since it is infinitely dense."""

_EDGE = 500
"""Characters that are read of each end of a long task: they bound the terms, and so the memory."""

_COMMON = 16
"""Tasks from which a term is common. Common terms go through a matrix product, a block of them at
a time; the many rare ones are cheaper to add up pair by pair."""

_DIGITS = 4

_BLOCK = 1_024
"""Terms of a block: 8 MB at 2,000 tasks."""


def distances(tasks: Sequence[str]) -> NDArray[np.float32]:
    """(n, n) distances of n tasks, from NEAREST to 1: 1 minus their similarity as
    ``domain.recurrence`` has it. At 2,000 tasks of a sentence they take 0.4 s and 16 MB, and
    at most 80 MB while they are made."""
    count = len(tasks)
    rows, weights, starts = _postings(tasks)
    alike = np.zeros((count, count), np.float32)
    sizes = np.diff(starts)
    for size in range(2, _COMMON):
        places = starts[:-1][sizes == size, None] + np.arange(size)
        tasks_of, weights_of = rows[places], weights[places]
        for one in range(size):
            for other in range(one):
                pair = (tasks_of[:, one], tasks_of[:, other])
                np.add.at(alike, pair, weights_of[:, one] * weights_of[:, other])
    alike += alike.T.copy()
    common = np.flatnonzero(sizes >= _COMMON)
    for first in range(0, len(common), _BLOCK):
        block = np.zeros((count, min(_BLOCK, len(common) - first)), np.float32)
        for column, term in enumerate(common[first : first + _BLOCK]):
            span = slice(starts[term], starts[term + 1])
            block[rows[span], column] = weights[span]
        alike += block @ block.T
    # Sums of floats differ in their last digits with the order of the tasks.
    np.clip(np.round(1.0 - alike, _DIGITS), NEAREST, 1.0, out=alike)
    np.fill_diagonal(alike, NEAREST)
    return alike


def _postings(
    tasks: Sequence[str],
) -> tuple[NDArray[np.int32], NDArray[np.float32], NDArray[np.intp]]:
    """The task and the weight of every term in every task, equal terms beside each other, and
    where each term starts; the end is the last start. A task's weights have length 1."""
    keys: list[int] = []
    rows: list[NDArray[np.int32]] = []
    weights: list[NDArray[np.float32]] = []
    for task, text in enumerate(tasks):
        weighted = terms(text if len(text) <= 2 * _EDGE else f"{text[:_EDGE]} {text[-_EDGE:]}")
        keys += map(_key, weighted)
        values = np.fromiter(weighted.values(), np.float32, len(weighted))
        length = math.sqrt(math.fsum(weight * weight for weight in weighted.values())) or 1.0
        rows.append(np.full(len(weighted), task, np.int32))
        weights.append(values / np.float32(length))
    terms_of = np.array(keys, np.uint64)
    order = np.argsort(terms_of, kind="stable")
    changes = np.flatnonzero(np.diff(terms_of[order])) + 1
    starts = np.concatenate([[0], changes, [len(order)]]).astype(np.intp)
    if not rows:
        return np.zeros(0, np.int32), np.zeros(0, np.float32), starts
    return np.concatenate(rows)[order], np.concatenate(weights)[order], starts


def _key(term: str) -> int:
    """64 bits for a term, so that the terms themselves need not be kept."""
    digest = hashlib.blake2b(term.encode(errors="surrogatepass"), digest_size=8)
    return int.from_bytes(digest.digest(), "big")
