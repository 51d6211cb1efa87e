"""What the jobs of learning are made of: their kinds and the rules of outcomes, registered here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from hybrid_coordinator.domain.secrets import Scrubber
from hybrid_coordinator.learning.jobs.kinds import JobKind, OutcomeRule
from hybrid_coordinator.learning.jobs.queue import Jobs
from hybrid_coordinator.learning.jobs.rules import OutcomeJobs
from hybrid_coordinator.learning.jobs.worker import JobWorker
from hybrid_coordinator.learning.patterns.extraction import PatternExtraction, pattern_rule
from hybrid_coordinator.learning.patterns.shelf import PatternShelf
from hybrid_coordinator.routing.caching import Embed
from hybrid_coordinator.routing.current import CurrentModels
from hybrid_coordinator.settings import SettingsStore
from hybrid_coordinator.storage.postgres.attempts import RouteAttempts
from hybrid_coordinator.storage.postgres.database import Database
from hybrid_coordinator.storage.postgres.interactions import InteractionRecords
from hybrid_coordinator.storage.postgres.jobs import JobRecords
from hybrid_coordinator.storage.postgres.knowledge import KnowledgeRecords


@dataclass(frozen=True, slots=True)
class Parts:
    """What jobs work with. ``wake`` tells the projection into the index that there is something
    new; ``embed`` makes vectors by the shipped model."""

    settings: SettingsStore
    database: Database
    models: CurrentModels
    scrubber: Scrubber
    interactions: InteractionRecords
    knowledge: KnowledgeRecords
    wake: Callable[[], None]
    embed: Embed


def build_jobs(parts: Parts) -> tuple[Jobs, JobWorker, OutcomeJobs]:
    """The queue, who works on it, and what outcomes order."""
    records = JobRecords(parts.database)
    kinds: tuple[JobKind, ...] = (*_patterns(parts, records).kinds(),)
    rules: tuple[OutcomeRule, ...] = (pattern_rule(parts.settings.current),)
    worker = JobWorker(records, kinds)
    return Jobs(records, worker), worker, OutcomeJobs(records, rules, worker.wake)


def _patterns(parts: Parts, records: JobRecords) -> PatternExtraction:
    def high_value() -> float:
        return parts.settings.current().learning.high_value_threshold

    shelf = PatternShelf(
        parts.knowledge, parts.interactions, records, parts.embed, high_value, parts.wake
    )
    return PatternExtraction(
        parts.models.current,
        parts.settings.current,
        parts.interactions,
        RouteAttempts(parts.database),
        shelf,
        parts.scrubber,
    )
