"""Ranking what was learned by more than its text: titles, proof, use, and age."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from hybrid_coordinator.domain.interactions import ItemStats, OutcomeKind
from hybrid_coordinator.domain.knowledge import JsonValue
from hybrid_coordinator.knowledge.ranking.asked import Asked, read_title
from hybrid_coordinator.knowledge.ranking.words import share
from hybrid_coordinator.storage.vectors.protocol import ScoredHit


@dataclass(frozen=True, slots=True)
class LearnedWeights:
    """What each kind of evidence adds to the engine's score, which is brought to 0-1 before.

    Together they add at most half of it, and take off at most a quarter: proof and use order what
    is about as near to the question.
    """

    title: float = 0.2
    """Times the share of the question's words in the entry's title."""
    proven: float = 0.1
    """For a solution that was seen to work, or a task that succeeded; as much off for a task that
    failed, which is better known of than followed."""
    helped: float = 0.15
    """Times how much oftener than not it helped where it was shown, from -1 to 1."""
    age: float = 0.05
    """Times how fresh it is: 1 now, a half after ``HALF_LIFE``."""


SEARCHED = LearnedWeights()
RELEVANCE = LearnedWeights(helped=0.0)
"""For who lets outcomes choose among what is relevant."""

HALF_LIFE = timedelta(days=90)
"""In which half of a project's habits change: what was learned then still counts, but less than
the same learned today."""

_DOUBT = 2.0
"""Uses of unknown worth that each entry is taken to have had (Laplace's rule of succession): one
lucky use proves little."""


def rank_learned(
    hits: Sequence[ScoredHit],
    asked: Asked,
    stats: Mapping[str, ItemStats],
    weights: LearnedWeights | None = None,
    now: datetime | None = None,
) -> list[ScoredHit]:
    """The hits of one collection in the order of their evidence, best first, with the scores that
    it gives them. ``stats`` are by id; ``now`` is when ages are counted from."""
    best = max((hit.score for hit in hits), default=0.0)
    best = best if best > 0 else 1.0
    weights, moment = weights or LearnedWeights(), now or datetime.now(UTC)
    unused = ItemStats()
    scored = [
        replace(
            hit,
            score=max(0.0, hit.score) / best
            + weights.title * _title_share(hit, asked)
            + weights.proven * _proof(hit.payload)
            + weights.helped * _help(stats.get(hit.id, unused))
            + weights.age * _freshness(hit.payload, moment),
        )
        for hit in hits
    ]
    return sorted(scored, key=lambda hit: (-hit.score, hit.id))


def _title_share(hit: ScoredHit, asked: Asked) -> float:
    title = hit.payload.get("title")
    return share(asked.terms, read_title(title)) if isinstance(title, str) else 0.0


def _proof(payload: Mapping[str, JsonValue]) -> float:
    if payload.get("solution_verified") is True:
        return 1.0
    match payload.get("outcome"):
        case OutcomeKind.SUCCESS.value:
            return 1.0
        case OutcomeKind.FAILURE.value:
            return -1.0
        case _:
            return 0.0


def _help(stats: ItemStats) -> float:
    if stats.success_rate is None:
        return 0.0
    return (2 * stats.success_rate - 1) * stats.uses / (stats.uses + _DOUBT)


def _freshness(payload: Mapping[str, JsonValue], now: datetime) -> float:
    """1 for what is of now, and for what bears no date."""
    written = payload.get("timestamp") or payload.get("updated_at")
    if not isinstance(written, str):
        return 1.0
    try:
        moment = datetime.fromisoformat(written)
    except ValueError:
        return 1.0
    age = now - (moment if moment.tzinfo else moment.replace(tzinfo=UTC))
    return float(0.5 ** (max(age, timedelta()) / HALF_LIFE))
