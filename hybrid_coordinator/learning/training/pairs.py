"""Failed answers to prefer a good one to: of the same task, of nearly the same, or of the attempt
before it in the same session."""

from __future__ import annotations

from array import array
from collections import defaultdict, deque
from collections.abc import Iterable
from uuid import UUID

from hybrid_coordinator.domain.recurrence import RECURRENCE_THRESHOLD, similarities
from hybrid_coordinator.domain.training import Candidate, Failure
from hybrid_coordinator.learning.training.examples import task_key
from hybrid_coordinator.learning.training.minhash import NearDuplicates, signature

_ATTEMPTS = 8
"""Failures of a session that are looked back on."""

_EDGE = 500
"""Characters of such a task that are kept."""

_MOST = 4
"""Failed answers offered for a good one, best first: the best may not be usable."""


class FailedAnswers:
    """Where failed answers are, by what they were to: about 300 bytes each, and the
    latest tasks of each session; no answers."""

    def __init__(self) -> None:
        self._ids = bytearray()
        self._times = array("d")
        self._tasks = NearDuplicates()
        self._latest: dict[bytes, int] = {}
        self._attempts: defaultdict[str, deque[tuple[int, str]]] = defaultdict(
            lambda: deque(maxlen=_ATTEMPTS)
        )

    def extend(self, failures: Iterable[Failure]) -> None:
        """Take in the next failures, the oldest first."""
        for failure in failures:
            self._add(failure)

    def _add(self, failure: Failure) -> None:
        number = self._tasks.add(signature(failure.query))
        self._ids += UUID(failure.id).bytes
        self._times.append(failure.created_at.timestamp())
        self._latest[task_key(failure.query)] = number
        if failure.session_id is not None:
            self._attempts[failure.session_id].append((number, failure.query[:_EDGE]))

    def of(self, good: Candidate) -> list[str]:
        """Ids of failed interactions to whose task this is a good answer, the best match first:
        the latest failure of the same task, near-duplicates of it, then the failed attempts before
        it in its session."""
        found: list[int] = []
        if (same := self._latest.get(task_key(good.query))) is not None:
            found.append(same)
        near, similarities = self._tasks.near(signature(good.query))
        # The latest first among equals.
        order = sorted(zip(similarities.tolist(), near.tolist(), strict=True), reverse=True)
        found += [number for _, number in order]
        found += self._earlier_attempts(good)
        return [self._id(number) for number in list(dict.fromkeys(found))[:_MOST]]

    def _earlier_attempts(self, good: Candidate) -> list[int]:
        """The latest first. People ask again with more or with other words, so that the task is of
        the same kind is enough here."""
        if good.session_id is None or good.session_id not in self._attempts:
            return []
        tried = [
            (number, query)
            for number, query in reversed(self._attempts[good.session_id])
            if self._times[number] < good.created_at.timestamp()
        ]
        alike = similarities(good.query[:_EDGE], [query for _, query in tried])
        return [
            number
            for (number, _), value in zip(tried, alike, strict=True)
            if value >= RECURRENCE_THRESHOLD
        ]

    def _id(self, number: int) -> str:
        return str(UUID(bytes=bytes(self._ids[16 * number : 16 * number + 16])))
