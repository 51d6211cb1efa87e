"""The jobs that read patterns out of interactions, and that weigh them when an outcome changes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from hybrid_coordinator.domain.ask import AskRequest
from hybrid_coordinator.domain.interactions import Interaction, Outcome
from hybrid_coordinator.domain.jobs import Job, JobChanges, JobOrder
from hybrid_coordinator.domain.secrets import Scrubber
from hybrid_coordinator.errors import ModelReplyError
from hybrid_coordinator.learning.jobs.kinds import JobKind, OutcomeRule
from hybrid_coordinator.learning.patterns.pattern import SCHEMA, Pattern, read_pattern
from hybrid_coordinator.learning.patterns.shelf import PatternShelf
from hybrid_coordinator.routing.delegate import Delegate
from hybrid_coordinator.settings import Settings
from hybrid_coordinator.storage.postgres.attempts import RouteAttempts
from hybrid_coordinator.storage.postgres.interactions import InteractionRecords
from hybrid_coordinator.templating import prompt

EXTRACT, WEIGH = "extract_pattern", "weigh_patterns"
_PROMPT_FILE = Path(__file__).with_name("extract-pattern.yaml")
_SESSION = "jobs"
"""Who asks, to the models: whoever waits for an answer of theirs takes turns with it."""
_TASK, _WORK, _EVIDENCE = 3_000, 5_000, 1_000
"""Characters that are read of the task, of the answer, and of what showed that it worked: about
2,300 tokens, which a context of 4,096 holds with the rest. Of task and answer each further try
reads less, since that may be what a small model needs."""
_MAX_TOKENS = 900
_FRESH = timedelta(days=1)
_OLDER = 0.99
_MOST_WAITING = 200
"""Of a project. Each is a call of a local model, of half a minute on a usual machine: together an
hour or two, and what is left out after the import of years is worth less than all of them."""
_TURN = f"today's first, then by value; of a project the {_MOST_WAITING} that are worth most"
_TEMPERATURE, _WARMER = 0.2, 0.2
"""Each further try is warmer: a cold model would only say the same again."""


def pattern_rule(settings: Callable[[], Settings]) -> OutcomeRule:
    """What an outcome means for patterns."""

    def changes(interaction: Interaction, _: Outcome, value: float) -> JobChanges:
        learning = settings().learning
        made = JobChanges()
        if value < learning.high_value_threshold:
            made |= JobChanges(withdrawn=((EXTRACT, interaction.id),))
        elif (
            learning.pattern_extraction
            and interaction.query.strip()
            and interaction.response.strip()
        ):
            order = JobOrder(
                EXTRACT,
                interaction.id,
                interaction.project,
                worth=_worth(interaction, value),
                most=_MOST_WAITING,
            )
            made |= JobChanges((order,))
        if interaction.outcome is not None:  # something may rest on the outcome until now
            made |= JobChanges((JobOrder(WEIGH, interaction.id, interaction.project),))
        return made

    return changes


def _worth(interaction: Interaction, value: float) -> float:
    """Of what was done today, the newest is read first; of what is older, as an import brings by
    the thousand, the most valuable."""
    return 1.0 if datetime.now(UTC) - interaction.created_at < _FRESH else min(value, _OLDER)


class PatternExtraction:
    """Has local models read patterns, never a remote one: what is read is the user's work."""

    def __init__(
        self,
        models: Callable[[], Delegate],
        settings: Callable[[], Settings],
        interactions: InteractionRecords,
        attempts: RouteAttempts,
        shelf: PatternShelf,
        scrubber: Scrubber,
    ) -> None:
        self._models = models
        self._settings = settings
        self._interactions = interactions
        self._attempts = attempts
        self._shelf = shelf
        self._scrubber = scrubber

    def kinds(self) -> tuple[JobKind, ...]:
        """Its jobs."""
        return (
            JobKind(EXTRACT, "pattern", self.extract, self._obstacle, turn=_TURN),
            JobKind(WEIGH, "recount", self.weigh, upkeep=True),
        )

    async def extract(self, job: Job) -> None:
        """Read a pattern out of the interaction that the job is about, if that is still worth it.

        Raises:
            ModelUnavailableError: no local model answers.
            ModelReplyError: what it says is no pattern.
        """
        interaction = await self._worthy(job.subject)
        if interaction is None:
            return
        if await self._shelf.known_from(interaction.id):
            # By a process that ended before it could say so, and maybe before it had counted.
            await self._shelf.weigh(interaction.id, interaction.project)
            return
        pattern = await self._read(interaction, job.tries)
        # Reading takes minutes on some machines. What changes after this look is weighed below,
        # or by the job that the change orders.
        interaction = await self._worthy(job.subject)
        if interaction is None:
            return
        await self._shelf.keep(pattern, interaction)

    async def weigh(self, job: Job) -> None:
        """Count anew what rests on the interaction that the job is about."""
        await self._shelf.weigh(job.subject, job.project)

    async def _obstacle(self) -> str | None:
        if not self._settings().learning.pattern_extraction:
            return "learning.pattern_extraction is off"
        return await self._models().local_obstacle()

    async def _worthy(self, interaction_id: str) -> Interaction | None:
        found = await self._interactions.get_many([interaction_id])
        return found[0] if found and self._shelf.worth(found[0]) else None

    async def _read(self, interaction: Interaction, tries: int) -> Pattern:
        task = _ends(interaction.query, _TASK // tries)
        work = _ends(interaction.response, _WORK // tries)
        template = prompt(_PROMPT_FILE)
        evidence = interaction.outcome.evidence if interaction.outcome else None
        given = {"task": task, "answer": work, "evidence": _ends(evidence or "", _EVIDENCE)}
        request = AskRequest(
            prompt=template.render(given),
            task_type=template.task_type,
            json_schema=SCHEMA,
            max_tokens=_MAX_TOKENS,
            temperature=_TEMPERATURE + _WARMER * (tries - 1),
            local_only=True,
        )
        reply, tried = await self._models().ask(
            request, project=interaction.project, session=_SESSION
        )
        await self._attempts.add(interaction.project, tried)
        least = self._settings().inference.confidence_threshold
        if reply.confidence < least:
            why = f"{reply.model} is not to be relied on: confidence {reply.confidence:.2f}"
            raise ModelReplyError(f"{why}, and {least:.2f} is asked for")
        return await asyncio.to_thread(
            read_pattern, reply.response, self._scrubber.scrub, task, work
        )


def _ends(text: str, longest: int) -> str:
    """A text, or the start and the end of a long one."""
    if len(text) <= longest:
        return text
    half = longest // 2
    return f"{text[:half]}\n[...]\n{text[-half:]}"
