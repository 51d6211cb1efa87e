"""What learning is made of, put together: what shows, records and judges, and its work behind."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from typing import Any

from hybrid_coordinator.domain.items import CollectionName
from hybrid_coordinator.domain.secrets import Scrubber
from hybrid_coordinator.home import Home
from hybrid_coordinator.knowledge.collections import CollectionDefinition
from hybrid_coordinator.knowledge.embedding.protocol import Embedder
from hybrid_coordinator.knowledge.projection import Projector
from hybrid_coordinator.learning.capture.capturing import Capture
from hybrid_coordinator.learning.capture.inbox import Inbox
from hybrid_coordinator.learning.cleaning import clean
from hybrid_coordinator.learning.failures.lessons import FailureLessons
from hybrid_coordinator.learning.jobs.kinds import JobKind, OutcomeRule
from hybrid_coordinator.learning.jobs.queue import Jobs
from hybrid_coordinator.learning.jobs.rules import OutcomeJobs
from hybrid_coordinator.learning.jobs.worker import JobWorker
from hybrid_coordinator.learning.outcomes import OutcomeRecorder
from hybrid_coordinator.learning.patterns.extraction import PatternExtraction, pattern_rule
from hybrid_coordinator.learning.patterns.shelf import PatternShelf
from hybrid_coordinator.learning.reviewing import Reviewer
from hybrid_coordinator.learning.selection import Selector
from hybrid_coordinator.learning.sessions.importing import SessionImporter
from hybrid_coordinator.learning.sessions.inference import OutcomeInference
from hybrid_coordinator.learning.sessions.recording import TurnRecorder
from hybrid_coordinator.learning.sharing.knowledge import KnowledgeSharing
from hybrid_coordinator.learning.showing import Shower
from hybrid_coordinator.learning.skills.discovery import SkillDiscovery
from hybrid_coordinator.learning.skills.review import SkillReview
from hybrid_coordinator.learning.skills.rewording import SkillRewording
from hybrid_coordinator.learning.tracking import Tracker
from hybrid_coordinator.learning.training.fresh import FreshDatasets
from hybrid_coordinator.learning.training.generating import TrainingData
from hybrid_coordinator.routing.current import CurrentModels
from hybrid_coordinator.settings import SettingsStore
from hybrid_coordinator.storage.postgres.attempts import RouteAttempts
from hybrid_coordinator.storage.postgres.bookkeeping import Datasets
from hybrid_coordinator.storage.postgres.captured import CapturedEvents
from hybrid_coordinator.storage.postgres.credit import Credit
from hybrid_coordinator.storage.postgres.database import Database
from hybrid_coordinator.storage.postgres.failures import FailureRecords
from hybrid_coordinator.storage.postgres.imported_files import ImportedFiles
from hybrid_coordinator.storage.postgres.interactions import InteractionRecords
from hybrid_coordinator.storage.postgres.jobs import JobRecords
from hybrid_coordinator.storage.postgres.knowledge import KnowledgeRecords
from hybrid_coordinator.storage.postgres.sharing import SharedKnowledge
from hybrid_coordinator.storage.postgres.showings import Showings
from hybrid_coordinator.storage.postgres.skills import SkillRecords
from hybrid_coordinator.storage.postgres.training import TrainingRecords
from hybrid_coordinator.storage.vectors.bm25 import Bm25Encoder
from hybrid_coordinator.storage.vectors.protocol import VectorIndex
from hybrid_coordinator.traffic import Traffic


@dataclass(frozen=True, slots=True)
class Parts:
    """What learning works with. ``embedder`` is the shipped model, whichever one the index has."""

    settings: SettingsStore
    database: Database
    interactions: InteractionRecords
    knowledge: KnowledgeRecords
    definitions: Mapping[CollectionName, CollectionDefinition]
    index: VectorIndex
    bm25: Bm25Encoder
    projector: Projector
    models: CurrentModels
    scrubber: Scrubber
    embedder: Embedder
    home: Home
    traffic: Traffic


@dataclass(frozen=True, slots=True)
class Learning:
    """What the façade asks of learning. ``works`` are to run for as long as it is asked."""

    shower: Shower
    tracker: Tracker
    outcomes: OutcomeRecorder
    reviewer: Reviewer
    turns: TurnRecorder
    importer: SessionImporter
    capture: Capture
    jobs: Jobs
    training_data: TrainingData
    skills: SkillReview
    sharing: KnowledgeSharing
    works: tuple[Callable[[], Coroutine[Any, Any, None]], ...]


def build_learning(parts: Parts) -> Learning:
    """Wire learning to the rooms below it."""
    settings, scrubber, interactions = parts.settings, parts.scrubber, parts.interactions

    def recorded() -> None:
        parts.projector.wake_for_interactions()
        parts.models.news()
        discovery.wake()
        failures.wake()

    def judged() -> None:
        recorded()
        reviewer.wake()

    showings = Showings(parts.database)
    quotas = {name: definition.ranking.quota for name, definition in parts.definitions.items()}
    selector = Selector(lambda: settings.current().learning, quotas)
    reviewer = Reviewer(Credit(parts.database), parts.knowledge, showings, parts.projector.wake)
    training_data = TrainingData(
        TrainingRecords(parts.database), Datasets(parts.database), scrubber
    )
    fresh = FreshDatasets(training_data, settings.current, parts.home.datasets_dir / "fresh")
    failures = _failures(parts)
    jobs, worker, ordered = _jobs(parts, fresh)
    discovery, skills = _skills(parts, worker.wake)
    tracker = Tracker(interactions, showings, recorded, scrubber)
    outcomes = OutcomeRecorder(
        interactions, parts.index, parts.bm25, _high_value(parts), judged, scrubber, ordered
    )
    inference = OutcomeInference(interactions, outcomes)
    turns = TurnRecorder(tracker, inference)

    def clean_text(text: str) -> str:
        return clean(text, scrubber)

    capture = Capture(
        CapturedEvents(parts.database), turns, Inbox(parts.home.inbox_dir), scrubber.scrub
    )
    return Learning(
        shower=Shower(selector, showings),
        tracker=tracker,
        outcomes=outcomes,
        reviewer=reviewer,
        turns=turns,
        importer=SessionImporter(ImportedFiles(parts.database), turns, inference, clean_text),
        capture=capture,
        jobs=jobs,
        training_data=training_data,
        skills=skills,
        sharing=KnowledgeSharing(
            SharedKnowledge(parts.database, parts.knowledge),
            parts.definitions,
            scrubber,
            parts.projector.wake,
        ),
        works=(worker.run, reviewer.run, capture.run, discovery.run, failures.run),
    )


def _skills(parts: Parts, ordered: Callable[[], None]) -> tuple[SkillDiscovery, SkillReview]:
    """What proposes skills, and what decides on them; ``ordered`` is told of a new job."""
    records = SkillRecords(parts.database), parts.interactions, parts.knowledge
    discovery = SkillDiscovery(
        *records, parts.definitions, parts.embedder, parts.bm25, parts.scrubber, ordered
    )
    return discovery, SkillReview(*records, parts.projector.wake)


def _high_value(parts: Parts) -> Callable[[], float]:
    return lambda: parts.settings.current().learning.high_value_threshold


def _failures(parts: Parts) -> FailureLessons:
    return FailureLessons(
        FailureRecords(parts.database),
        parts.knowledge,
        JobRecords(parts.database),
        parts.scrubber,
        parts.projector.wake,
    )


def _jobs(parts: Parts, fresh: FreshDatasets) -> tuple[Jobs, JobWorker, OutcomeJobs]:
    """The queue, who works on it, and what outcomes order: kinds of jobs and the rules of outcomes
    are registered here."""
    records = JobRecords(parts.database)
    kinds: tuple[JobKind, ...] = (
        *_patterns(parts, records).kinds(),
        fresh.kind(),
        _rewording(parts).kind(),
    )
    rules: tuple[OutcomeRule, ...] = (pattern_rule(parts.settings.current), fresh.rule)
    worker = JobWorker(records, kinds, parts.scrubber.scrub, parts.traffic)
    return Jobs(records, worker), worker, OutcomeJobs(records, kinds, rules, worker.wake)


def _rewording(parts: Parts) -> SkillRewording:
    return SkillRewording(
        parts.models.current,
        parts.settings.current,
        SkillRecords(parts.database),
        parts.interactions,
        RouteAttempts(parts.database),
        parts.scrubber,
    )


def _patterns(parts: Parts, records: JobRecords) -> PatternExtraction:
    shelf = PatternShelf(
        parts.knowledge,
        parts.interactions,
        records,
        parts.embedder.embed,
        _high_value(parts),
        parts.projector.wake,
    )
    return PatternExtraction(
        parts.models.current,
        parts.settings.current,
        parts.interactions,
        RouteAttempts(parts.database),
        shelf,
        parts.scrubber,
    )
