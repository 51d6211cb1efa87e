"""What `/metrics` tells: every family by name, kind and labels, and a moment's values of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class MetricKind(StrEnum):
    """As Prometheus has them."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


class Source(StrEnum):
    """Where a figure comes from: what this process did since it started, or the record, which all
    coordinators on one database share."""

    PROCESS = "process"
    RECORD = "record"


@dataclass(frozen=True, slots=True)
class Metric:
    """A family. Seconds, bytes and USD are units of its name, as Prometheus asks."""

    name: str
    kind: MetricKind
    source: Source
    help: str
    labels: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Distribution:
    """How many of ``count`` observations were at most each bound (cumulative), and their sum."""

    buckets: Mapping[float, int]
    count: int
    sum: float


Value = float | Distribution


@dataclass(frozen=True, slots=True)
class MetricValues:
    """The values of a family by the values of its labels, in their order."""

    metric: Metric
    values: Mapping[tuple[str, ...], Value]


def _counter(name: str, text: str, *labels: str) -> Metric:
    return Metric(name, MetricKind.COUNTER, Source.PROCESS, text, labels)


def _now(name: str, text: str, *labels: str) -> Metric:
    return Metric(name, MetricKind.GAUGE, Source.PROCESS, text, labels)


def _recorded(name: str, text: str, *labels: str) -> Metric:
    return Metric(name, MetricKind.GAUGE, Source.RECORD, text, labels)


BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0)
"""Upper bounds in seconds: a recall takes milliseconds, a large model minutes."""

REQUESTS = _counter(
    "hybrid_requests_total",
    'Calls of tools. result is "ok", "error" (the caller was told what is wrong) or "fault" '
    "(ours).",
    "tool",
    "result",
)
REQUEST_SECONDS = Metric(
    "hybrid_request_seconds",
    MetricKind.HISTOGRAM,
    Source.PROCESS,
    "How long calls of tools took.",
    ("tool",),
)
MODEL_CALLS = _counter(
    "hybrid_model_calls_total",
    'Questions to models, by where the answer came from: "local", "remote", "cache", or "none".',
    "answered",
)
MODEL_ATTEMPTS = _counter(
    "hybrid_model_attempts_total",
    'Attempts that these questions took. outcome is "ok", "low_confidence" or the name of an '
    "error.",
    "model",
    "endpoint",
    "outcome",
)
MODEL_SECONDS = Metric(
    "hybrid_model_attempt_seconds",
    MetricKind.HISTOGRAM,
    Source.PROCESS,
    "How long attempts with an answer took.",
    ("model", "endpoint"),
)
MODEL_TOKENS = _counter(
    "hybrid_model_tokens_total",
    'Tokens of attempts. direction is "in" or "out".',
    "model",
    "endpoint",
    "direction",
)
MODEL_COST = _counter(
    "hybrid_model_cost_usd_total",
    "What attempts cost, where the price is known.",
    "model",
    "endpoint",
)
BUILD = _now("hybrid_build_info", "Always 1; the version is a label.", "version")
ENDPOINT_READY = _now(
    "hybrid_endpoint_ready", "1 where a model server answers.", "endpoint", "kind"
)
ENDPOINT_AT_WORK = _now("hybrid_endpoint_at_work", "Calls that it works on for us.", "endpoint")
ENDPOINT_WAITING = _now("hybrid_endpoint_waiting", "Calls that wait for their turn.", "endpoint")
BREAKER_OPEN = _now(
    "hybrid_breaker_open",
    "1 while an endpoint is left alone, 0.5 when it is to be tried again, 0 when all is well.",
    "endpoint",
)
RECORD_AGE = _now(
    "hybrid_record_age_seconds",
    "How long ago the figures of the record were read. They are read behind scrapes, once in 15 "
    "seconds at most; more than that says that the record is away.",
)

INTERACTIONS = _recorded(
    "hybrid_interactions", 'Interactions by their latest outcome; "none" without one.', "outcome"
)
HIGH_VALUE = _recorded("hybrid_interactions_high_value", "Interactions worth learning from.")
SUCCESS_RATIO = _recorded(
    "hybrid_success_ratio", "Success over known outcomes, a partial one counting half."
)
INTERACTION_TOKENS = _recorded("hybrid_interaction_tokens", "Tokens used.", "agent_type")
ENTRIES = _recorded("hybrid_knowledge_entries", "Entries in use.", "collection")
FILES = _recorded("hybrid_indexed_files", "Files in the index.")
CHUNKS = _recorded("hybrid_indexed_chunks", "Pieces of code in the index.")
UNPROJECTED = _recorded("hybrid_unprojected_rows", "Rows that the index does not have yet.")
POINTS = _recorded("hybrid_index_points", "Points in the index.", "collection")
JOBS = _recorded(
    "hybrid_jobs", 'Jobs that are not done. state is "waiting", "running" or "parked".', "state"
)
CALLS_30D = _recorded(
    "hybrid_calls_30d",
    'Questions to models in the last 30 days. answered is "local", "remote" or "none".',
    "answered",
)
PASSED_30D = _recorded("hybrid_calls_passed_30d", "Those whose answer was good enough.")
ESCALATED_30D = _recorded("hybrid_calls_escalated_30d", "Those that took a stronger model.")
CACHED_30D = _recorded("hybrid_calls_cached_30d", "Those answered from the cache.")
LATENCY_30D = _recorded(
    "hybrid_model_latency_seconds_30d",
    # Not "quantile", which Prometheus keeps for summaries.
    'Latency of answers in the last 30 days. percentile is "50", "95" or "99".',
    "model",
    "endpoint",
    "percentile",
)
TOKENS_SAVED_30D = _recorded(
    "hybrid_tokens_saved_30d", "Tokens of local answers in the last 30 days."
)
SAVED_30D = _recorded(
    "hybrid_money_saved_usd_30d", "What these would have cost at the remote model."
)
SPENT_30D = _recorded("hybrid_money_spent_usd_30d", "Spent on remote models in the last 30 days.")
SPENT_TODAY = _recorded("hybrid_money_spent_today_usd", "Spent and set aside today (UTC).")
BUDGET = _recorded("hybrid_money_daily_budget_usd", "What may be spent on a day.")
DISK = _recorded(
    "hybrid_disk_bytes", "What the home takes on disk: each coordinator tells its own.", "block"
)
DISK_FREE = _recorded("hybrid_disk_free_bytes", "What is free beside the home: take `min`.")
DATABASE = _recorded("hybrid_database_bytes", "What the database takes on its server.")

METRICS: tuple[Metric, ...] = (
    BUILD,
    REQUESTS,
    REQUEST_SECONDS,
    MODEL_CALLS,
    MODEL_ATTEMPTS,
    MODEL_SECONDS,
    MODEL_TOKENS,
    MODEL_COST,
    ENDPOINT_READY,
    ENDPOINT_AT_WORK,
    ENDPOINT_WAITING,
    BREAKER_OPEN,
    RECORD_AGE,
    INTERACTIONS,
    HIGH_VALUE,
    SUCCESS_RATIO,
    INTERACTION_TOKENS,
    ENTRIES,
    FILES,
    CHUNKS,
    UNPROJECTED,
    POINTS,
    JOBS,
    CALLS_30D,
    PASSED_30D,
    ESCALATED_30D,
    CACHED_30D,
    LATENCY_30D,
    TOKENS_SAVED_30D,
    SAVED_30D,
    SPENT_30D,
    SPENT_TODAY,
    BUDGET,
    DISK,
    DISK_FREE,
    DATABASE,
)
"""All of them, in the order in which they are told."""
