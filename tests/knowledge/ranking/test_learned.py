"""Ranking what was learned by its evidence."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hybrid_coordinator.domain.interactions import ItemStats
from hybrid_coordinator.knowledge.ranking.asked import read_question
from hybrid_coordinator.knowledge.ranking.learned import rank_learned
from hybrid_coordinator.storage.vectors.protocol import ScoredHit

NOW = datetime(2026, 6, 1, tzinfo=UTC)


def order(
    question: str, hits: list[ScoredHit], stats: dict[str, ItemStats] | None = None
) -> list[str]:
    return [each.id for each in rank_learned(hits, read_question(question), stats or {}, now=NOW)]


def entry(name: str, score: float = 1.0, **payload: object) -> ScoredHit:
    return ScoredHit(name, score, {"title": "an entry"} | payload)


def test_a_title_that_says_the_question_comes_first() -> None:
    hits = [entry("a"), entry("b", 0.9, title="Parsing dates with time zones")]
    assert order("time zones when parsing a date", hits) == ["b", "a"]


def test_what_was_seen_to_work_comes_first_and_a_failure_last() -> None:
    hits = [
        entry("failed", outcome="failure"),
        entry("unknown", outcome="unknown"),
        entry("worked", 0.95, outcome="success"),
        entry("verified", 0.96, solution_verified=True),
        entry("unverified", 0.94, solution_verified=False),
    ]
    assert order("a question", hits) == ["verified", "worked", "unknown", "unverified", "failed"]


def test_what_helped_comes_before_what_did_not_and_one_use_proves_little() -> None:
    hits = [entry(name) for name in ("bad", "good", "lucky", "new")]
    stats = {
        "good": ItemStats(uses=20, success_rate=0.9),
        "lucky": ItemStats(uses=1, success_rate=1.0),
        "bad": ItemStats(uses=20, success_rate=0.1),
    }
    assert order("a question", hits, stats) == ["good", "lucky", "new", "bad"]


def test_what_is_fresh_comes_before_what_is_old() -> None:
    hits = [
        entry("old", timestamp=(NOW - timedelta(days=400)).isoformat()),
        entry("fresh", timestamp=(NOW - timedelta(days=1)).isoformat()),
        entry("naive", updated_at=(NOW - timedelta(days=200)).replace(tzinfo=None).isoformat()),
    ]
    assert order("a question", hits) == ["fresh", "naive", "old"]


@pytest.mark.parametrize("written", ["yesterday", 5, None, (NOW + timedelta(days=9)).isoformat()])
def test_a_date_that_says_nothing_makes_nothing_old(written: object) -> None:
    hits = [entry("odd", 1.0, timestamp=written), entry("undated", 0.999)]
    assert order("a question", hits) == ["odd", "undated"]


entries = st.fixed_dictionaries(
    {},
    optional={
        "title": st.sampled_from(["a question", "an entry"]),
        "outcome": st.sampled_from(["success", "failure", "unknown"]),
        "solution_verified": st.booleans(),
        "timestamp": st.just((NOW - timedelta(days=900)).isoformat()),
    },
)
rates = st.builds(ItemStats, uses=st.integers(1, 100), success_rate=st.floats(0, 1))


@given(st.lists(st.tuples(st.floats(-1, 10), entries, rates), max_size=20))
def test_evidence_adds_at_most_half_and_takes_off_at_most_a_quarter_of_the_best(
    found: list[tuple[float, dict[str, object], ItemStats]],
) -> None:
    hits = [entry(f"{at:02}", score, **payload) for at, (score, payload, _) in enumerate(found)]
    stats = {f"{at:02}": rate for at, (_, _, rate) in enumerate(found)}
    ranked = rank_learned(hits, read_question("a question"), stats, now=NOW)
    assert sorted(each.id for each in ranked) == [each.id for each in hits]
    best = max((score for score, _, _ in found), default=0)
    for one in ranked:
        base = max(0.0, found[int(one.id)][0]) / (best if best > 0 else 1)
        assert -0.25 - 1e-9 <= one.score - base <= 0.5 + 1e-9
