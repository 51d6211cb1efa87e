"""Which tasks are of one kind, and which of those kinds are a skill to propose."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from hybrid_coordinator.domain.estimates import generality
from hybrid_coordinator.domain.ids import content_id
from hybrid_coordinator.domain.recurrence import RECURRENCE_THRESHOLD, similarities
from hybrid_coordinator.domain.skills import (
    LEAST_MEMBERS,
    LEAST_SESSIONS,
    LEAST_SUCCESSES,
    Covered,
    Task,
)
from hybrid_coordinator.learning.skills.clustering import NOISE, hdbscan
from hybrid_coordinator.learning.skills.likeness import distances

CUT = 0.65
"""Distance up to which a step leads from one task of a kind to another. People word a task anew
(0.60 to 0.71 between three ways to report a flaky test), and what is too near to another kind the
density parts again: on WebArena's tasks the adjusted Rand index is 0.87 at any cut from 0.5 to
0.65, and 0.86 without one."""

_SAYS = 0.3
"""Generality that the task of a skill has: "run the tests again" has 0.21, "add a unit test for
parse_date" 0.47."""

_MORE_SUCCESSES = 3
"""New successes of an accepted skill's kind from which another version is tried."""

_HELD_OUT = 3
"""One in this many members is held out from a revision, by the hash of its id: whether one is
never changes when there are more."""


@dataclass(frozen=True, slots=True)
class Kind:
    """Tasks of one kind, oldest first, that are enough for a skill. ``central`` is the one of
    those that succeeded that is nearest to all."""

    tasks: tuple[Task, ...]
    central: Task

    @property
    def ids(self) -> frozenset[str]:
        """The interactions."""
        return frozenset(task.id for task in self.tasks)

    @property
    def sessions(self) -> int:
        """In how many sessions they came up."""
        return len({task.session_id for task in self.tasks if task.session_id is not None})

    @property
    def successes(self) -> tuple[Task, ...]:
        """Those that succeeded."""
        return tuple(task for task in self.tasks if task.succeeded)

    @property
    def failures(self) -> tuple[Task, ...]:
        """Those that failed."""
        return tuple(task for task in self.tasks if task.failed)

    def kept(self) -> Kind | None:
        """The same without the tasks that are held out; None where that is too little."""
        return _kind([task for task in self.tasks if not held_out(task.id)])


@dataclass(frozen=True, slots=True)
class Found:
    """A kind that a skill can be made of, or another version of the skill ``item_id``."""

    kind: Kind
    item_id: str | None = None


def held_out(interaction: str) -> bool:
    """Whether an interaction is kept from the text of revisions, to judge them by."""
    return int(content_id("held out", interaction).replace("-", ""), 16) % _HELD_OUT == 0


def kinds(tasks: Sequence[Task]) -> list[Kind]:
    """The kinds of tasks that have enough evidence, those with most successes first."""
    # One task may stand for another of the same kind wherever the order of the two decides.
    ordered = sorted(tasks, key=lambda task: task.id)
    labels = hdbscan(
        distances([task.query for task in ordered]),
        least=LEAST_MEMBERS,
        cut=CUT,
    )
    members: dict[int, list[Task]] = {}
    for task, label in zip(ordered, labels.tolist(), strict=True):
        if label != NOISE:
            members.setdefault(label, []).append(task)
    found = [kind for each in members.values() if (kind := _kind(each)) is not None]
    return sorted(found, key=lambda kind: (-len(kind.successes), kind.tasks[0].id))


def candidates(found: Sequence[Kind], covered: Sequence[Covered]) -> Iterator[Found]:
    """The kinds that nothing covers yet, or that have news for the skill that covers them."""
    for kind in found:
        over = [each for each in covered if _covers(each, kind)]
        if not over:
            yield Found(kind)
            continue
        skill = next((each for each in over if not each.closed), None)
        if skill is not None:
            fresh = [task for task in kind.successes if task.id not in skill.interaction_ids]
            if len(fresh) >= _MORE_SUCCESSES:
                yield Found(kind, skill.item_id)


def _covers(covered: Covered, kind: Kind) -> bool:
    """Whether one is about the other: most of the smaller one is in both, or what came up in one
    is what comes up in the other (of which nothing need be left, where old work is deleted)."""
    shared = len(covered.interaction_ids & kind.ids)
    if shared and 2 * shared >= min(len(covered.interaction_ids), len(kind.ids)):
        return True
    alike = similarities(kind.central.query, covered.examples)
    return max(alike, default=0.0) >= RECURRENCE_THRESHOLD


def _kind(tasks: Sequence[Task]) -> Kind | None:
    """The tasks as a kind, None where they are too few, or say too little."""
    successes = [task for task in tasks if task.succeeded]
    if len(tasks) < LEAST_MEMBERS or len(successes) < LEAST_SUCCESSES:
        return None
    matrix = distances([task.query for task in tasks])
    totals = matrix.sum(axis=1)
    _, place = min((totals[at], at) for at, task in enumerate(tasks) if task.succeeded)
    kind = Kind(tuple(tasks), tasks[place])
    if kind.sessions < LEAST_SESSIONS or generality(kind.central.query) < _SAYS:
        return None
    return kind
