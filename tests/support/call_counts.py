"""Calls of models in a record, counted by SQL that is none of the product's, and calls of the kinds
that the large record lacks."""

from __future__ import annotations

from tests.support.browser import Dashboard

TODAY = "(now() AT TIME ZONE 'UTC')::date"
CALLS = (
    # One row a call: what was best of what its models answered, and how often one was asked.
    "(SELECT (array_agg(attempt ORDER BY confidence DESC NULLS LAST, position))[1] AS best, "
    "count(*) AS tried FROM route_attempts AS attempt GROUP BY interaction_id) AS call"
)
_ANSWERED = "(best).outcome IN ('ok', 'cached', 'low_confidence')"
COUNTS = (
    "count(*) AS all, "
    f"count(*) FILTER (WHERE NOT {_ANSWERED}) AS failed, "
    f"count(*) FILTER (WHERE NOT (best).remote AND {_ANSWERED}) AS local, "
    f"count(*) FILTER (WHERE (best).remote AND {_ANSWERED}) AS remote, "
    "count(*) FILTER (WHERE (best).outcome IN ('ok', 'cached')) AS passed, "
    "count(*) FILTER (WHERE (best).outcome = 'cached') AS cached, "
    "count(*) FILTER (WHERE tried > 1) AS escalated"
)


def with_all_kinds(large: Dashboard) -> None:
    """Add calls that nothing answered, calls that the cache did, and money set aside for one that
    is under way, where the record has none of them yet."""
    if large.value("SELECT count(*) FROM route_attempts WHERE outcome = 'timeout'"):
        return
    for outcome, many in (("timeout", 3000), ("cached", 2000)):
        large.sql(
            "INSERT INTO route_attempts (interaction_id, position, model, endpoint, tier, "
            "latency_ms, confidence, outcome, tokens_in, tokens_out, cost_usd, created_at, "
            "project, task_type, complexity, rule) "
            "SELECT id, 1, 'gemma-3n-e4b', 'http://127.0.0.1:8080', 'LOCAL_FAST', 30000, NULL, "
            "$1, 0, 0, 0, created_at, project, 'edit', 'simple', 'tier:local_fast' "
            "FROM interactions AS asked WHERE NOT EXISTS "
            "(SELECT FROM route_attempts WHERE interaction_id = asked.id) "
            "ORDER BY id LIMIT $2",
            outcome,
            many,
        )
    large.sql(
        "INSERT INTO spend (day, model, amount_usd, settled) "
        f"VALUES ({TODAY}, 'claude-haiku-4-5', 0.25, false)"
    )
