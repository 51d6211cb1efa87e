"""What models were used for: figures over the record of attempts."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass

from hybrid_coordinator.domain.knowledge import JsonValue


@dataclass(frozen=True, slots=True)
class Calls:
    """Calls of one tier or task type, or all of them. A call is answered by one or more attempts.

    ``name`` is None for all. ``local`` and ``remote`` count answered calls by where the answer
    came from, ``failed`` those without one; ``passed`` those whose answer was good enough.
    ``escalated`` calls asked another model after the first one's answer did not stand; ``cached``
    ones were answered from the cache. The tokens are those of local answers.
    """

    name: str | None
    calls: int
    local: int
    remote: int
    failed: int
    passed: int
    escalated: int
    cached: int
    local_tokens_in: int
    local_tokens_out: int


@dataclass(frozen=True, slots=True)
class ModelUse:
    """How a model at an endpoint did; times are percentiles in milliseconds, None where there is
    nothing to take one of. ``passed`` counts answers that were good enough, ``failed`` attempts
    without an answer. ``unpriced`` attempts have a cost that nobody knows, and ``cost_usd`` is
    that of the others."""

    model: str
    endpoint: str
    remote: bool
    attempts: int
    passed: int
    failed: int
    latency_p50_ms: int | None
    latency_p95_ms: int | None
    latency_p99_ms: int | None
    first_token_p50_ms: int | None
    first_token_p95_ms: int | None
    tokens_per_second: float | None
    tokens_in: int
    tokens_out: int
    cost_usd: float
    unpriced: int


@dataclass(frozen=True, slots=True)
class DayCalls:
    """The calls of a day in UTC, as ``Calls`` counts them, and what all projects spent and set
    aside on it."""

    day: dt.date
    calls: int
    local: int
    remote: int
    failed: int
    passed: int
    escalated: int
    cached: int
    spent_usd: float
    reserved_usd: float


@dataclass(frozen=True, slots=True)
class Spent:
    """What a remote model cost: settled, and set aside for calls that are under way or whose
    process was killed."""

    model: str
    calls: int
    spent_usd: float
    reserved_usd: float


@dataclass(frozen=True, slots=True)
class Money:
    """What was spent in the days of a report, and what local answers saved.

    ``saved_usd`` is what the tokens of the local answers would have cost at ``reference``; None
    where its price is unknown. Of all projects, but for ``saved_usd``.
    """

    today_usd: float
    spent: tuple[Spent, ...]
    daily_budget_usd: float
    reference: str
    saved_usd: float | None
    prices_as_of: dt.date


@dataclass(frozen=True, slots=True)
class UsageReport:
    """Figures over the last ``days`` days, today included; ``by_day`` has every one of them, in
    order."""

    days: int
    total: Calls
    by_day: tuple[DayCalls, ...]
    tiers: tuple[Calls, ...]
    task_types: tuple[Calls, ...]
    models: tuple[ModelUse, ...]
    money: Money


@dataclass(frozen=True, slots=True)
class DayUse:
    """The answered calls of a day in UTC, with the tokens of their answers."""

    day: dt.date
    calls: int
    local: int
    tokens_in: int
    tokens_out: int


@dataclass(frozen=True, slots=True)
class LoggedAttempt:
    """One line of the log: an attempt, and what it was made for. ``position`` counts the attempts
    of a call from 1; a call that nothing came of has no interaction."""

    id: int
    created_at: dt.datetime
    project: str
    interaction_id: str | None
    task_type: str | None
    complexity: str | None
    position: int
    model: str
    endpoint: str
    tier: str
    remote: bool
    rule: str
    outcome: str
    confidence: float | None
    checks: Mapping[str, JsonValue] | None
    reason: str
    latency_ms: int
    first_token_ms: int | None
    tokens_per_second: float | None
    tokens_in: int
    tokens_out: int
    cost_usd: float | None


@dataclass(frozen=True, slots=True)
class LogPlace:
    """Where a page of the log begins: after this row, or with id -1 at this time."""

    created_at: dt.datetime
    id: int = -1
