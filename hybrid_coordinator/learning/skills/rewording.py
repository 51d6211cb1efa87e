"""The job that has a local model word a proposal, in front of what was put together without one."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from hybrid_coordinator.domain.ask import AskRequest
from hybrid_coordinator.domain.interactions import Interaction, OutcomeKind
from hybrid_coordinator.domain.jobs import Job
from hybrid_coordinator.domain.knowledge import JsonValue
from hybrid_coordinator.domain.secrets import Scrubber
from hybrid_coordinator.domain.skills import WORDING, Proposal, ProposalKind, ProposalState
from hybrid_coordinator.domain.task_words import content_words
from hybrid_coordinator.errors import ModelReplyError
from hybrid_coordinator.learning.jobs.kinds import JobKind
from hybrid_coordinator.learning.patterns.pattern import hollow, read_fields
from hybrid_coordinator.routing.delegate import Delegate
from hybrid_coordinator.settings import Settings
from hybrid_coordinator.storage.postgres.attempts import RouteAttempts
from hybrid_coordinator.storage.postgres.interactions import InteractionRecords
from hybrid_coordinator.storage.postgres.skills import SkillRecords
from hybrid_coordinator.templating import prompt

_PROMPT_FILE = Path(__file__).with_name("word-skill.yaml")
_SESSION = "jobs"
"""Who asks, to the models: whoever waits for an answer of theirs takes turns with it."""
_TASKS, _TASK, _ANSWER = 3, 600, 1_800
"""Tasks that are read, and characters of each and of its answer; each further try reads less, since
that may be what a small model needs."""
_MAX_TOKENS = 700
_TEMPERATURE, _WARMER = 0.2, 0.2
"""Each further try is warmer: a cold model would only say the same again."""
_SHARED_WORDS = 3
"""Content words that the text must have of what was read: a model that made it up has none."""

_Sentence = Annotated[str, StringConstraints(strip_whitespace=True, min_length=8, max_length=400)]


class _Words(BaseModel):
    """What a model is asked for."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    purpose: _Sentence
    steps: Annotated[tuple[_Sentence, ...], Field(min_length=2, max_length=10)]
    caution: _Sentence


_SCHEMA: dict[str, JsonValue] = {
    "type": "object",
    "properties": {
        "purpose": {"type": "string"},
        "steps": {"type": "array", "items": {"type": "string"}},
        "caution": {"type": "string"},
    },
    "required": list(_Words.model_fields),
    "additionalProperties": False,
}
"""Without bounds, which the grammars of many servers cannot have."""


class SkillRewording:
    """Has local models word new proposals, never a remote one: what is read is the user's work.
    What a person has changed or decided stays as it is."""

    def __init__(
        self,
        models: Callable[[], Delegate],
        settings: Callable[[], Settings],
        skills: SkillRecords,
        interactions: InteractionRecords,
        attempts: RouteAttempts,
        scrubber: Scrubber,
    ) -> None:
        self._models = models
        self._settings = settings
        self._skills = skills
        self._interactions = interactions
        self._attempts = attempts
        self._scrubber = scrubber

    def kind(self) -> JobKind:
        """Its job."""
        return JobKind(WORDING, "skill description", self.reword, self._obstacle)

    async def reword(self, job: Job) -> None:
        """Word the proposal that the job is about, if it is as it was proposed.

        Raises:
            ModelUnavailableError: no local model answers.
            ModelReplyError: what it says is no text for a skill.
        """
        proposal = await self._skills.get(job.subject)
        if proposal is None or not _untouched(proposal):
            return
        # Only what is quoted already: then nothing else has to be forgotten with it.
        members = await self._skills.members(proposal.id)
        quoted = [key for key, member in members.items() if member.quoted]
        rows = [row for row in await self._interactions.get_many(quoted) if _succeeded(row)]
        if not rows:
            return
        words, model = await self._read(proposal.project, rows[-_TASKS:], job.tries)
        await self._skills.reword(
            proposal.id, f"{_text(words)}\n\n{proposal.content}", f"worded by {model}"
        )

    async def _obstacle(self) -> str | None:
        if not self._settings().learning.pattern_extraction:
            return "learning.pattern_extraction is off"
        return await self._models().local_obstacle()

    async def _read(
        self, project: str, rows: Sequence[Interaction], tries: int
    ) -> tuple[_Words, str]:
        material = "\n\n".join(_material(row, tries) for row in rows)
        template = prompt(_PROMPT_FILE)
        request = AskRequest(
            prompt=template.render({"tasks": material}),
            task_type=template.task_type,
            json_schema=_SCHEMA,
            max_tokens=_MAX_TOKENS,
            temperature=_TEMPERATURE + _WARMER * (tries - 1),
            local_only=True,
        )
        reply, tried = await self._models().ask(request, project=project, session=_SESSION)
        await self._attempts.add(project, tried)
        least = self._settings().inference.confidence_threshold
        if reply.confidence < least:
            why = f"{reply.model} is not to be relied on: confidence {reply.confidence:.2f}"
            raise ModelReplyError(f"{why}, and {least:.2f} is asked for")
        words = await asyncio.to_thread(_checked, reply.response, self._scrubber.scrub, material)
        return words, self._scrubber.scrub(reply.model)


def _material(row: Interaction, tries: int) -> str:
    task, answer = row.query[: _TASK // tries], row.response[: _ANSWER // tries]
    return f"Task: {task}\nHow it was done: {answer}"


def _untouched(proposal: Proposal) -> bool:
    return (
        proposal.kind is ProposalKind.NEW
        and proposal.state is ProposalState.PROPOSED
        and proposal.updated_at == proposal.created_at
    )


def _succeeded(row: Interaction) -> bool:
    return row.outcome is not None and row.outcome.kind is OutcomeKind.SUCCESS


def _checked(answer: str, clean: Callable[[str], str], material: str) -> _Words:
    """The words in a model's answer.

    Raises:
        ModelReplyError: there are none, or they say nothing about ``material``.
    """
    try:
        words = _Words.model_validate(read_fields(answer, clean))
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        field = ".".join(str(part) for part in first["loc"])
        raise ModelReplyError(f"the model's skill: {field}: {first['msg']}") from error
    for text in (words.purpose, *words.steps, words.caution):
        if (why := hollow(text)) is not None:
            raise ModelReplyError(f"the model's skill: {text[:40]!r} {why}")
    said = content_words(" ".join((words.purpose, *words.steps)))
    if len(said & content_words(material)) < _SHARED_WORDS:
        raise ModelReplyError("the model's skill has nothing of what was done")
    return words


def _text(words: _Words) -> str:
    steps = "\n".join(f"{number}. {_line(step)}" for number, step in enumerate(words.steps, 1))
    return f"{_line(words.purpose)}\n\n{steps}\n\nTake care: {_line(words.caution)}"


def _line(text: str) -> str:
    return " ".join(text.split())
