"""Skills found in what was done: what is proposed, what it rests on, and what was decided."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from hybrid_coordinator.domain.interactions import OutcomeKind
from hybrid_coordinator.domain.knowledge import JsonValue

LEAST_MEMBERS = 3
LEAST_SESSIONS = 2
LEAST_SUCCESSES = 2
"""What a skill has to rest on. Clusters of less are mostly chance."""

SURE = 0.5
"""Confidence from which an outcome that was inferred counts."""


WORDING = "word_skill"
"""The kind of job that has a local model word a proposal, by its id."""


class ProposalKind(StrEnum):
    """A skill of its own, or another version of one that was accepted."""

    NEW = "new"
    REVISION = "revision"


class ProposalState(StrEnum):
    """What was decided; a retired one had been accepted."""

    PROPOSED = "proposed"
    ACCEPTED = "accepted"
    REJECTED = "rejected"
    RETIRED = "retired"


@dataclass(frozen=True, slots=True)
class Task:
    """What was asked in an interaction, and how it went; ``confidence`` (0-1) is the outcome's."""

    id: str
    query: str
    session_id: str | None
    outcome: OutcomeKind
    confidence: float

    @property
    def succeeded(self) -> bool:
        """Whether it went well for sure."""
        return self.outcome is OutcomeKind.SUCCESS and self.confidence >= SURE

    @property
    def failed(self) -> bool:
        """Whether it went wrong for sure."""
        return self.outcome is OutcomeKind.FAILURE and self.confidence >= SURE


@dataclass(frozen=True, slots=True)
class Replay:
    """How two versions of an entry are found by tasks that neither was written from.

    Each score is the mean reciprocal rank (0-1) for tasks that succeeded less that for tasks that
    failed; the counts are of those tasks.
    """

    new: float
    old: float
    successes: int
    failures: int

    @property
    def won(self) -> bool:
        """Whether the new version is better. With a tie the old one stays."""
        return self.new > self.old


@dataclass(frozen=True, slots=True)
class Member:
    """An interaction that a proposal rests on: whether it was held out to judge the text by, and
    whether the text quotes it."""

    held_out: bool = False
    quoted: bool = False


@dataclass(frozen=True, slots=True)
class NewProposal:
    """A skill as it is proposed. ``members`` are the interactions that it rests on, by id; a
    revision names the entry and its version (from 1) that it would
    replace, and has a ``replay``."""

    project: str
    kind: ProposalKind
    title: str
    content: str
    fields: Mapping[str, JsonValue]
    members: Mapping[str, Member]
    sessions: int
    successes: int
    failures: int
    state: ProposalState = ProposalState.PROPOSED
    item_id: str | None = None
    base_version: int | None = None
    replay: Replay | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Proposal:
    """A proposal as the record has it; ``item_id`` is the entry that it became or would change."""

    id: str
    project: str
    kind: ProposalKind
    state: ProposalState
    reason: str
    item_id: str | None
    base_version: int | None
    title: str
    content: str
    fields: Mapping[str, JsonValue]
    members: int
    sessions: int
    successes: int
    failures: int
    replay: Replay | None
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class Covered:
    """Interactions that a skill or a proposal was made from, and tasks that it quotes. ``item_id``
    is None where no entry came of it; ``closed`` says that nothing learned may change it."""

    item_id: str | None
    closed: bool
    interaction_ids: frozenset[str]
    examples: tuple[str, ...] = ()
