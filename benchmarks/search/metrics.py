"""How good a ranking is, and what numbers say together."""

from __future__ import annotations

import math
import random
import statistics
from collections.abc import Hashable, Iterable, Sequence

from benchmarks.search.data import Target
from benchmarks.search.systems import Result

DEPTH = 10
_RESAMPLES = 10_000


def ndcg(results: Sequence[Result], targets: Sequence[Target]) -> float:
    """NDCG@10: a target counts at the rank of the first result in its file that overlaps its
    lines; ideally, all targets come first."""
    gain = 0.0
    for target in targets:
        for rank, result in enumerate(results[:DEPTH], start=1):
            if result.overlaps(target):
                gain += 1 / math.log2(rank + 1)
                break
    ideal = sum(1 / math.log2(rank + 1) for rank in range(1, min(len(targets), DEPTH) + 1))
    return gain / ideal


def rank_of(answer: Hashable, found: Iterable[Hashable]) -> int | None:
    """The place of the answer among the different things found, from 1; None without it."""
    for rank, each in enumerate(dict.fromkeys(found), start=1):
        if each == answer:
            return rank
    return None


def mean_reciprocal_rank(ranks: Sequence[int | None]) -> float:
    """1/rank on average, 0 where the answer is not there."""
    return statistics.fmean(0.0 if rank is None else 1 / rank for rank in ranks)


def recall(ranks: Sequence[int | None], depth: int = DEPTH) -> float:
    """The share of answers among the first ``depth``."""
    return statistics.fmean(rank is not None and rank <= depth for rank in ranks)


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that is not exceeded by ``share`` of all (nearest rank)."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def bootstrap(values: Sequence[float]) -> tuple[float, float]:
    """The 95% interval of the mean, if these values are a sample of many such."""
    chance = random.Random(1)
    means = [statistics.fmean(chance.choices(values, k=len(values))) for _ in range(_RESAMPLES)]
    return percentile(means, 0.025), percentile(means, 0.975)
