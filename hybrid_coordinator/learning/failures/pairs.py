"""Failures of a session, and what solved them: found in what was done, and in what was said of it.

A failure is solved where the same command, or one that would have come upon it, passed later, and
something had been changed in between. What went away by itself was no failure to learn from.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from hybrid_coordinator.domain.episodes import Episode
from hybrid_coordinator.domain.error_signatures import ErrorSignature, root_error
from hybrid_coordinator.domain.interactions import OutcomeKind
from hybrid_coordinator.domain.recurrence import RECURRENCE_THRESHOLD, similarity
from hybrid_coordinator.learning.failures.steps import Change, Run, Step, steps_of

_MOST_CHANGES = 40
"""Changes that are remembered of one failure: after more of them nobody can tell which helped."""


@dataclass(frozen=True, slots=True)
class Failure:
    """An error that came up in a session, and what became of it.

    Attributes:
        signature: the error.
        seen: places of the episodes in which it came up, one for each time, in order.
        run: the command that met it; None where it was only told.
        solved_in: the place of the episode in which it was seen to be gone; None while it is not.
        fix: what was changed between its last time and the next run.
        tried: what was changed before, and did not help.
        proof: the run that passed; None where it was only told.
        told: what was said to show it, where no run did.
    """

    signature: ErrorSignature
    seen: tuple[int, ...]
    run: Run | None = None
    solved_in: int | None = None
    fix: tuple[Change, ...] = ()
    tried: tuple[Change, ...] = ()
    proof: Run | None = None
    told: str = ""


@dataclass(slots=True)
class _Open:
    """A failure that is not solved yet."""

    failure: Failure
    run: Run
    since: list[Change] = field(default_factory=list)
    """Changes since it was last seen."""
    fix: list[Change] | None = None
    """Those before the first run that did not meet it any more."""


def failures_of(episodes: Sequence[Episode]) -> list[Failure]:
    """The failures of one session, whose episodes are given in order: those that commands met, and
    those that somebody told of. What stopped by itself is left out."""
    met = _met(steps_of(episodes))
    known = {(place, each.signature.key) for each in met for place in each.seen}
    told = [
        each
        for each in _told(episodes)
        if not any((place, each.signature.key) in known for place in each.seen)
    ]
    return met + told


def _met(steps: Sequence[Step]) -> list[Failure]:
    open_: list[_Open] = []
    closed: list[Failure] = []
    for step in steps:
        for run in step.runs:
            if run.passed:
                closed += _pass(open_, run, step.episode)
            elif run.passed is False:
                _fail(open_, run, step.episode)
        for change in step.changes:
            for each in open_:
                if len(each.since) < _MOST_CHANGES:
                    each.since.append(change)
    return closed + [each.failure for each in open_]


def _pass(open_: list[_Open], run: Run, place: int) -> list[Failure]:
    """Close what the run covers; returns what was changed to solve it, and drops what was not."""
    covered: list[_Open] = []
    left: list[_Open] = []
    for each in open_:
        (covered if run.covers(each.run) else left).append(each)
    open_[:] = left
    solved = []
    for each in covered:
        changed = each.since if each.fix is None else each.fix
        fix = tuple(change for change in changed if change.bears_on(each.run.printed))
        if fix:
            solved.append(replace(each.failure, solved_in=place, fix=fix, proof=run))
    return solved


def _fail(open_: list[_Open], run: Run, place: int) -> None:
    keys = {error.key for error in run.errors}
    for each in open_:
        if not run.covers(each.run):
            continue
        if each.failure.signature.key in keys:
            tried = each.since if each.fix is None else each.fix + each.since
            failure = each.failure
            each.failure = replace(
                failure, seen=(*failure.seen, place), tried=(*failure.tried, *tried)
            )
            each.run, each.since, each.fix = run, [], None
        elif each.fix is None and each.since:
            each.fix, each.since = each.since, []
    root = run.root
    if root is None or any(
        each.failure.signature.key == root.key and run.covers(each.run) for each in open_
    ):
        return
    open_.append(_Open(Failure(root, (place,), run), run))


def _told(episodes: Sequence[Episode]) -> list[Failure]:
    """What outcomes tell: a failure with its error, and a success after it, of the same episode or
    of a later one on the same task."""
    found = []
    for place, episode in enumerate(episodes):
        failed = [
            (number, error)
            for number, outcome in enumerate(episode.outcomes)
            if outcome.kind is OutcomeKind.FAILURE
            and (error := root_error(outcome.evidence or "") or root_error(episode.query))
        ]
        if not failed:
            continue
        _, error = failed[-1]
        failure = Failure(error, (place,))
        solved = _solved(episodes, place)
        if solved is not None:
            proof = episodes[solved].outcomes[-1].evidence or ""
            failure = replace(failure, solved_in=solved, told=proof)
        found.append(failure)
    return found


def _solved(episodes: Sequence[Episode], place: int) -> int | None:
    """The place of the first episode, from this one on, that succeeded at its task."""
    task = episodes[place].query
    for later, episode in enumerate(episodes[place:], place):
        if episode.outcome is OutcomeKind.SUCCESS and (
            later == place or similarity(task, episode.query) >= RECURRENCE_THRESHOLD
        ):
            return later
    return None
