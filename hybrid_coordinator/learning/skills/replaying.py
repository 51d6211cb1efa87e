"""Held-out replay: is a new version of a skill found by its tasks better than the old one?"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from hybrid_coordinator.domain.skills import Replay
from hybrid_coordinator.knowledge.embedding.protocol import Embedder
from hybrid_coordinator.storage.vectors.bm25 import Bm25Encoder

_RANK_CONSTANT = 60
"""Of reciprocal rank fusion, as the index's own hybrid query has it."""

Ranks = NDArray[np.float64]


async def replay(
    old: str,
    new: str,
    *,
    others: Sequence[str],
    successes: Sequence[str],
    failures: Sequence[str],
    embedder: Embedder,
    bm25: Bm25Encoder,
) -> Replay:
    """Rank each version among ``others`` (the texts of all else that could be found) for tasks
    that it should be found by (``successes``, one at least) and for those that it should not
    (``failures``): by embedding and BM25, fused as the index does."""
    tasks = [*successes, *failures]
    vectors = np.array(await embedder.embed([*tasks, *others, old, new]), np.float32)
    asked, known = vectors[: len(tasks)], vectors[len(tasks) :]
    dense = (asked @ known.T).astype(np.float64)
    sparse = _bm25(tasks, [*others, old, new], bm25)
    rest = list(range(len(others)))
    scores = []
    for version in (len(others), len(others) + 1):
        places = [*rest, version]
        found = _reciprocal_ranks(dense[:, places], sparse[:, places])
        good, bad = found[: len(successes)], found[len(successes) :]
        scores.append(float(good.mean()) - (float(bad.mean()) if len(bad) else 0.0))
    was, would_be = scores
    return Replay(round(would_be, 4), round(was, 4), len(successes), len(failures))


def _reciprocal_ranks(dense: Ranks, sparse: Ranks) -> Ranks:
    """One over the place of the last column in each row, by the fusion of both rankings."""
    fused = 1.0 / (_RANK_CONSTANT + _places(dense)) + 1.0 / (_RANK_CONSTANT + _places(sparse))
    ranks: Ranks = 1.0 / _places(fused)[:, -1]
    return ranks


def _places(scores: Ranks) -> Ranks:
    """The place of each column in its row, from 1; equal ones share the mean of theirs."""
    places = np.empty(scores.shape)
    for row, values in enumerate(scores):
        _, level, counts = np.unique(-values, return_inverse=True, return_counts=True)
        last = np.cumsum(counts)
        places[row] = (last - (counts - 1) / 2)[level]
    return places


def _bm25(tasks: Sequence[str], texts: Sequence[str], bm25: Bm25Encoder) -> Ranks:
    """(tasks, texts) scores, with the inverse document frequency over ``texts``."""
    documents = [bm25.document(text) for text in texts]
    weights = [dict(zip(each.indices, each.values, strict=True)) for each in documents]
    having: dict[int, int] = {}
    for each in weights:
        for index in each:
            having[index] = having.get(index, 0) + 1
    scores = np.zeros((len(tasks), len(texts)))
    for row, task in enumerate(tasks):
        for index in bm25.query(task).indices:
            count = having.get(index, 0)
            rarity = math.log(1 + (len(texts) - count + 0.5) / (count + 0.5))
            for column, each in enumerate(weights):
                scores[row, column] += rarity * each.get(index, 0.0)
    return scores
