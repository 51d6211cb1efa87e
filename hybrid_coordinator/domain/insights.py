"""What a look at the product shows: the shapes behind dashboard, `stats`, resources and metrics.

Days are in UTC, and "the last N days" include today. Rates and shares are in 0-1, and None where
there is nothing to take one of; times are in milliseconds, money is in USD. ``project`` None stands
for all projects.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from hybrid_coordinator.domain.credit import Doubt, Uplift
from hybrid_coordinator.domain.health import CollectionState
from hybrid_coordinator.domain.histories import Evidence
from hybrid_coordinator.domain.indexing import RebuildState
from hybrid_coordinator.domain.interactions import AgentType, Interaction, OutcomeKind
from hybrid_coordinator.domain.items import CollectionName
from hybrid_coordinator.domain.jobs import JobCounts, JobReport
from hybrid_coordinator.domain.knowledge import JsonValue, Origin
from hybrid_coordinator.domain.skills import Proposal
from hybrid_coordinator.domain.usage import Calls, LoggedAttempt, ModelUse, UsageReport

MOST_ROWS = 200
"""Rows of a page at most."""


# Overview


@dataclass(frozen=True, slots=True)
class ModelTotals:
    """How a model did over its calls; latencies are percentiles in milliseconds.

    ``accepted`` counts calls whose answer was good enough; ``cost_usd`` leaves out calls of
    unknown price.
    """

    model: str
    tier: str
    attempts: int
    accepted: int
    tokens_in: int
    tokens_out: int
    cost_usd: float
    latency_p50_ms: int
    latency_p95_ms: int


@dataclass(frozen=True, slots=True)
class Totals:
    """Figures over the whole record, of a project or of everything.

    ``outcomes`` counts interactions by their latest outcome; those without one are in
    ``interactions`` only. ``success_rate`` is in 0-1 over known outcomes, a partial counting
    half, None while there is none. Latencies are percentiles in milliseconds over interactions
    that were timed, None while there is none. ``unprojected`` counts rows that the index does
    not have yet.
    """

    interactions: int
    outcomes: Mapping[OutcomeKind, int]
    success_rate: float | None
    high_value: int
    tokens_local: int
    tokens_remote: int
    latency_p50_ms: int | None
    latency_p95_ms: int | None
    models: tuple[ModelTotals, ...]
    knowledge: Mapping[str, int]
    files: int
    chunks: int
    unprojected: int


@dataclass(frozen=True, slots=True)
class Tally:
    """Interactions, and their latest outcomes; those without one are in ``interactions`` only.
    ``success_rate`` is over known outcomes, a partial one counting half. ``high_value`` counts
    those that are worth learning from."""

    interactions: int = 0
    success: int = 0
    partial: int = 0
    failure: int = 0
    unknown: int = 0
    success_rate: float | None = None
    high_value: int = 0


def success_rate(success: int, partial: int, failure: int) -> float | None:
    """Of known outcomes, a partial one counting half; None where there is none."""
    known = success + partial + failure
    return (success + partial / 2) / known if known else None


def tally(
    *,
    interactions: int,
    success: int,
    partial: int,
    failure: int,
    unknown: int,
    high_value: int,
) -> Tally:
    """The counts with their rate."""
    rate = success_rate(success, partial, failure)
    return Tally(interactions, success, partial, failure, unknown, rate, high_value)


@dataclass(frozen=True, slots=True)
class DayTally:
    """The interactions of a day, by when they were made."""

    day: dt.date
    tally: Tally


@dataclass(frozen=True, slots=True)
class Saving:
    """What local answers saved against asking ``reference`` for all of them.

    ``tokens`` are those of local answers, prompts and answers, that no remote model saw.
    ``spent_usd`` is of the ledger; with a project, what its recorded attempts cost.
    ``reserved_usd`` is set aside for calls under way, and by those whose process was killed, of all
    projects.
    ``all_remote_usd`` is what was spent and what was saved together; it, ``saved_usd`` and
    ``saved_share`` (of it) are None where the price of ``reference`` is unknown. ``today_usd`` and
    ``daily_budget_usd`` are of all projects.
    """

    tokens: int
    saved_usd: float | None
    spent_usd: float
    reserved_usd: float
    all_remote_usd: float | None
    saved_share: float | None
    today_usd: float
    daily_budget_usd: float
    reference: str
    prices_as_of: dt.date


@dataclass(frozen=True, slots=True)
class Overview:
    """What the product did for its user.

    ``totals`` are of the whole record; ``period``, ``by_day`` (every day of them, in order),
    ``calls`` and ``saving`` of the last ``days`` days. ``learned`` counts the entries in use by
    where they come from (as "pattern", "skill"), ``new_lessons`` those that came in the last
    ``days`` days, ``skills`` the proposals by their state. How the engines and models are is
    `Insights.health`, which asks them and so takes longer.
    """

    project: str | None
    days: int
    totals: Totals
    period: Tally
    by_day: tuple[DayTally, ...]
    calls: Calls
    saving: Saving
    learned: Mapping[Origin, int]
    new_lessons: int
    skills: Mapping[str, int]
    jobs: JobCounts
    high_value_threshold: float
    rebuild: RebuildState | None


Routing = UsageReport
"""Where calls went, how models did, and the money."""


# Learning


@dataclass(frozen=True, slots=True)
class ValueBin:
    """Interactions whose value score is from ``low`` to below ``high`` (to 1, in the last)."""

    low: float
    high: float
    interactions: int


@dataclass(frozen=True, slots=True)
class ItemInsight:
    """An entry that can be shown, and what that came to.

    ``uses`` and ``success_rate`` are as retrieval gives them; ``gained`` and ``lost`` the successes
    and failures that are put down to it. ``uplift`` compares with interactions from which chance
    held it back.
    """

    id: str
    collection: CollectionName
    project: str
    title: str
    origin: Origin
    retired: bool
    version: int
    updated_at: dt.datetime
    uses: int
    success_rate: float | None
    gained: float
    lost: float
    uplift: Uplift


class ItemOrder(StrEnum):
    """What entries are sorted by; ties by their id."""

    USES = "uses"
    SUCCESS_RATE = "success_rate"
    GAINED = "gained"
    UPDATED_AT = "updated_at"
    TITLE = "title"


@dataclass(frozen=True, slots=True)
class ItemSort:
    """The order of entries; the most used first unless told otherwise."""

    by: ItemOrder = ItemOrder.USES
    descending: bool = True


@dataclass(frozen=True, slots=True)
class ItemFilter:
    """Entries that meet every condition that is given. ``text`` stands in the title or the content,
    in whatever capitals; ``retired`` None takes those in use and those out of it."""

    project: str | None = None
    collection: CollectionName | None = None
    origin: Origin | None = None
    text: str | None = None
    retired: bool | None = False


@dataclass(frozen=True, slots=True)
class ItemPage:
    """A page of entries, numbered from 1, and how many there are on all of them."""

    rows: tuple[ItemInsight, ...]
    total: int
    page: int
    size: int


@dataclass(frozen=True, slots=True)
class DayLearned:
    """How many entries were first learned or stated on a day, by where they come from."""

    day: dt.date
    entries: Mapping[Origin, int]


@dataclass(frozen=True, slots=True)
class LearningInsight:
    """What was learned, and what that changed.

    ``values`` are ten bins over interactions of the last ``days`` days that have an outcome, and
    ``by_day`` is of these days. ``items`` are the most used entries in use, 20 at most;
    `Insights.items` pages through all. ``proposals`` wait for a person. ``waiting`` are jobs that
    are not done, oldest first, with the reason why, 100 at most; ``jobs`` counts all.
    """

    project: str | None
    days: int
    high_value_threshold: float
    values: tuple[ValueBin, ...]
    uplift: Uplift
    doubts: tuple[Doubt, ...]
    items: tuple[ItemInsight, ...]
    learned: Mapping[Origin, int]
    by_day: tuple[DayLearned, ...]
    skills: Mapping[str, int]
    proposals: tuple[Proposal, ...]
    jobs: JobCounts
    waiting: tuple[JobReport, ...]


# Interactions


class OutcomeFilter(StrEnum):
    """Outcomes to filter by; ``none`` is for interactions that nobody judged."""

    SUCCESS = "success"
    PARTIAL = "partial"
    FAILURE = "failure"
    UNKNOWN = "unknown"
    NONE = "none"


class InteractionOrder(StrEnum):
    """What interactions are sorted by; ties by time and id, and what has none comes last."""

    CREATED_AT = "created_at"
    VALUE_SCORE = "value_score"
    LATENCY_MS = "latency_ms"
    TOKENS_USED = "tokens_used"


@dataclass(frozen=True, slots=True)
class InteractionFilter:
    """Interactions that meet every condition that is given.

    ``text`` stands in the query or the response, in whatever capitals. ``task_type`` is that of a
    call of `ask_local_llm`; others have none. ``since`` is inclusive, ``until`` is not. ``user``
    is whose they are.
    """

    project: str | None = None
    agent_type: AgentType | None = None
    outcome: OutcomeFilter | None = None
    model: str | None = None
    task_type: str | None = None
    min_value: float | None = None
    text: str | None = None
    since: dt.datetime | None = None
    until: dt.datetime | None = None
    session_id: str | None = None
    user: str | None = None


@dataclass(frozen=True, slots=True)
class InteractionSort:
    """The order of a list; the newest first unless told otherwise."""

    by: InteractionOrder = InteractionOrder.CREATED_AT
    descending: bool = True


@dataclass(frozen=True, slots=True)
class PageRequest:
    """Which page, numbered from 1, of how many rows (at most ``MOST_ROWS``)."""

    page: int = 1
    size: int = 50


@dataclass(frozen=True, slots=True)
class InteractionRow:
    """An interaction in a list; ``query`` is its beginning. ``task_type`` and ``tier`` are those of
    the answer of `ask_local_llm`, None for what was tracked or seen. ``shown`` counts the items
    that were used as context."""

    id: str
    created_at: dt.datetime
    project: str
    session_id: str | None
    agent_type: AgentType
    model_used: str
    task_type: str | None
    tier: str | None
    query: str
    outcome: OutcomeKind | None
    outcome_source: str | None
    value_score: float | None
    high_value: bool
    tokens_used: int
    latency_ms: int
    shown: int


@dataclass(frozen=True, slots=True)
class InteractionPage:
    """A page of interactions, and how many there are on all pages."""

    rows: tuple[InteractionRow, ...]
    total: int
    page: int
    size: int


@dataclass(frozen=True, slots=True)
class Facets:
    """What interactions can be filtered by, each in the order of the alphabet."""

    projects: tuple[str, ...]
    models: tuple[str, ...]
    task_types: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ShownEntry:
    """An item that was shown in an interaction, or held back from it.

    ``title`` and ``source`` are as they were shown, or as the entry says them now; empty where
    neither is known any more. ``score`` is the ranking's, ``propensity`` the chance that it had to
    be shown; None where the coordinator did not choose it. ``cited`` says that the answer made use
    of it; what is not ``used`` was shown and not named as context by whoever did the work.
    """

    item_id: str
    rank: int
    title: str
    source: str
    collection: CollectionName | None
    score: float | None
    propensity: float | None
    withheld: bool
    cited: bool
    used: bool


@dataclass(frozen=True, slots=True)
class InteractionInsight:
    """One interaction: what was shown, asked and answered, attempted, done, and how it ended.

    ``components`` are those of the value, None without an outcome. ``actions`` and ``outcomes``
    (oldest first) are as the record has them; ``taught`` are entries that rest on it, and ``jobs``
    the kinds of those that are still to be done about it.
    """

    interaction: Interaction
    high_value: bool
    components: Mapping[str, float] | None
    shown: tuple[ShownEntry, ...]
    attempts: tuple[LoggedAttempt, ...]
    actions: tuple[Mapping[str, JsonValue], ...]
    outcomes: tuple[Mapping[str, JsonValue], ...]
    taught: tuple[Evidence, ...]
    jobs: tuple[str, ...]


# Models


@dataclass(frozen=True, slots=True)
class BreakerInsight:
    """Whether an endpoint is left alone: ``state`` is "closed", "open" or "half-open"."""

    state: str
    failures: int
    retry_in_seconds: float
    reason: str


@dataclass(frozen=True, slots=True)
class ModelInsight:
    """A model that an endpoint offers; None where the server does not say. ``parameters`` are in
    billions, context lengths in tokens. ``loaded`` is False where it is loaded by the first
    request."""

    name: str
    loaded: bool | None
    context_length: int | None
    max_context_length: int | None
    parameters: float | None
    thinking: bool | None


@dataclass(frozen=True, slots=True)
class EndpointInsight:
    """A configured model server: ``state`` is "ready", "loading", "down" or "wrong", with the
    reason. ``at_work`` of its ``slots`` are taken by calls of ours, and ``waiting`` wait."""

    kind: str
    url: str
    role: str
    remote: bool
    state: str
    reason: str
    slots: int
    at_work: int
    waiting: int
    breaker: BreakerInsight
    models: tuple[ModelInsight, ...]


@dataclass(frozen=True, slots=True)
class ModelsInsight:
    """The endpoints as they were a moment ago, and how models did in the last ``days`` days."""

    project: str | None
    days: int
    endpoints: tuple[EndpointInsight, ...]
    use: tuple[ModelUse, ...]


# Datasets, index, disk


@dataclass(frozen=True, slots=True)
class DatasetInsight:
    """An exported dataset, of one project or of all (None). ``counts`` are of each split,
    ``dropped`` of each reason. ``present`` says that its directory is still there."""

    id: int
    format: str
    project: str | None
    directory: str
    created_at: dt.datetime
    examples: int
    candidates: int
    counts: Mapping[str, int]
    dropped: Mapping[str, int]
    min_value: float
    sha256: str
    present: bool


@dataclass(frozen=True, slots=True)
class DatasetsInsight:
    """The datasets, latest first, and how many successes worth learning from (of ``min_value`` at
    least) were recorded since the latest one."""

    datasets: tuple[DatasetInsight, ...]
    new_successes: int
    min_value: float


@dataclass(frozen=True, slots=True)
class RootInsight:
    """An indexed directory of a project. ``complete`` is False while a run is to be finished."""

    project: str
    root: str
    files: int
    chunks: int
    indexed_at: dt.datetime
    complete: bool
    watched: bool


@dataclass(frozen=True, slots=True)
class IndexInsight:
    """The index: what it lies in, which model embeds it (None before the first use), its five
    collections, the code of each project, and what is yet to come into it."""

    engine: str | None
    embedder: str | None
    dimension: int | None
    collections: tuple[CollectionState, ...]
    roots: tuple[RootInsight, ...]
    unprojected: int
    rebuild: RebuildState | None


def in_words(size: int) -> str:
    """Bytes in the unit that tells."""
    amount = float(size)
    for unit in ("bytes", "kB", "MB"):
        if amount < 1000:
            return f"{amount:.0f} {unit}" if unit == "bytes" else f"{amount:.1f} {unit}"
        amount /= 1000
    return f"{amount:.1f} GB"


@dataclass(frozen=True, slots=True)
class DiskBlock:
    """A part of what lies on disk, by a name for people."""

    name: str
    bytes: int


@dataclass(frozen=True, slots=True)
class DiskInsight:
    """What the home takes on disk, largest first, and what is free beside it. Engines elsewhere are
    not in it; ``database_elsewhere_bytes`` is what a database takes on its own server."""

    blocks: tuple[DiskBlock, ...]
    total_bytes: int
    free_bytes: int
    database_elsewhere_bytes: int | None = None

    @property
    def words(self) -> str:
        """A line for people."""
        parts = [f"{block.name} {in_words(block.bytes)}" for block in self.blocks if block.bytes]
        if self.database_elsewhere_bytes is not None:
            parts.append(f"the database elsewhere {in_words(self.database_elsewhere_bytes)}")
        return f"{in_words(self.total_bytes)}: {', '.join(parts)}"


# Live


class Change(StrEnum):
    """What may have changed since a moment ago."""

    INTERACTIONS = "interactions"
    OUTCOMES = "outcomes"
    ATTEMPTS = "attempts"
    KNOWLEDGE = "knowledge"
    PROPOSALS = "proposals"
    JOBS = "jobs"
    DATASETS = "datasets"
    INDEX = "index"
