"""Recording how interactions went, and what that makes them worth. No model is called here."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace

from hybrid_coordinator.domain.estimates import estimate
from hybrid_coordinator.domain.interactions import Interaction, Outcome
from hybrid_coordinator.domain.items import CollectionName
from hybrid_coordinator.domain.jobs import JobChanges
from hybrid_coordinator.domain.secrets import Scrubber
from hybrid_coordinator.domain.task_words import excerpt
from hybrid_coordinator.domain.value import (
    ValueComponents,
    feedback_component,
    outcome_component,
    value_score,
)
from hybrid_coordinator.errors import NotFoundError, StorageError, UnavailableError
from hybrid_coordinator.learning.jobs.rules import OutcomeJobs
from hybrid_coordinator.storage.postgres.interactions import InteractionRecords, Standing
from hybrid_coordinator.storage.vectors.bm25 import Bm25Encoder
from hybrid_coordinator.storage.vectors.protocol import VectorIndex

_MATCHED = 10
"""Earlier interactions to compare with that share words with the task."""

_RECENT = 10
"""And the latest ones from the record, which the index may not have yet."""

_QUICK_CHARACTERS = 8_000
"""Texts of this many characters are compared in about 1 ms, so no thread is asked to."""

_INDEX_SECONDS = 0.5
"""How long the index may take, in seconds. A slow one costs candidates, never the outcome."""


@dataclass(frozen=True, slots=True)
class OutcomeResult:
    """What an outcome made of an interaction; ``queued`` names the jobs that it
    ordered; said again, those that are not done yet."""

    interaction_id: str
    value_score: float
    components: ValueComponents
    high_value: bool
    queued: tuple[str, ...] = ()


class OutcomeRecorder:
    """Sets outcomes with the value score that follows from them."""

    def __init__(
        self,
        records: InteractionRecords,
        index: VectorIndex,
        bm25: Bm25Encoder,
        high_value_threshold: Callable[[], float],
        wake: Callable[[], None],
        scrubber: Scrubber,
        jobs: OutcomeJobs | None = None,
    ) -> None:
        """``wake`` tells the projection into the index that there is something new; without
        ``jobs`` nothing follows from an outcome."""
        self._records = records
        self._index = index
        self._bm25 = bm25
        self._high_value_threshold = high_value_threshold
        self._wake = wake
        self._scrubber = scrubber
        self._jobs = jobs

    async def update(self, interaction_id: str, outcome: Outcome) -> OutcomeResult:
        """Set an outcome. The same one again, with the same evidence or none, changes nothing and
        gives the stored score.

        Raises:
            InvalidArgumentError: ``interaction_id`` is no UUID.
            NotFoundError: there is no such interaction.
        """
        if outcome.evidence is not None:
            outcome = replace(outcome, evidence=self._scrubber.scrub(outcome.evidence))
        standing = await self._records.standing(interaction_id, _RECENT)
        if not _repeats(standing.interaction.outcome, outcome):
            components = await self._components(standing, outcome)
            score = value_score(components)
            jobs = JobChanges()
            if self._jobs is not None:
                jobs = self._jobs.changes(standing.interaction, outcome, score)
            if await self._records.set_outcome(
                standing.interaction.id, outcome, score, components.as_dict(), jobs
            ):
                self._wake()
                queued: tuple[str, ...] = ()
                if self._jobs is not None and jobs.ordered:
                    self._jobs.wake()
                    queued = self._jobs.named(jobs)
                return self._result(standing.interaction.id, score, components, queued)
            # Someone else has just said the same.
            standing = await self._records.standing(interaction_id, 0)
        return await self._stored(standing)

    async def _stored(self, standing: Standing) -> OutcomeResult:
        score, components = standing.interaction.value_score, standing.components
        # An outcome is stored together with its value.
        assert score is not None
        assert components is not None
        found = standing.interaction.id
        queued = () if self._jobs is None else await self._jobs.open(found)
        return self._result(found, score, ValueComponents(**components), queued)

    def _result(
        self,
        interaction_id: str,
        score: float,
        components: ValueComponents,
        queued: tuple[str, ...],
    ) -> OutcomeResult:
        high_value = score >= self._high_value_threshold()
        return OutcomeResult(interaction_id, score, components, high_value, queued)

    async def _components(self, standing: Standing, outcome: Outcome) -> ValueComponents:
        interaction = standing.interaction
        earlier = [*({**standing.recent, **await self._matched(interaction)}).values()]
        texts = (interaction.query, interaction.response, *earlier)
        if sum(map(len, texts)) <= _QUICK_CHARACTERS:
            guessed = estimate(interaction.query, interaction.response, earlier)
        else:
            guessed = await asyncio.to_thread(
                estimate, interaction.query, interaction.response, earlier
            )
        return ValueComponents(
            outcome=outcome_component(outcome.kind),
            feedback=feedback_component(outcome.feedback),
            reusability=guessed.reusability,
            complexity=guessed.complexity,
            novelty=guessed.novelty,
        )

    async def _matched(self, interaction: Interaction) -> dict[str, str]:
        """Queries by id of earlier interactions of the project, from the index."""
        sparse = self._bm25.query(excerpt(interaction.query))
        try:
            async with asyncio.timeout(_INDEX_SECONDS):
                hits = await self._index.matching(
                    CollectionName.INTERACTION_HISTORY,
                    sparse,
                    where={"project": interaction.project},
                    # Later ones may be among the best; they are left out below.
                    limit=2 * _MATCHED,
                )
        except (UnavailableError, StorageError, NotFoundError, TimeoutError):
            return {}  # the latest ones of the record must do
        # Ids are UUIDv7: in the order of their making.
        earlier = [hit for hit in hits if hit.id < interaction.id][:_MATCHED]
        return {hit.id: str(hit.payload.get("query", "")) for hit in earlier}


def _repeats(stored: Outcome | None, given: Outcome) -> bool:
    """Whether ``given`` says nothing new: evidence that is left out was given once, and stays."""
    return stored is not None and given in (stored, replace(stored, evidence=None))
