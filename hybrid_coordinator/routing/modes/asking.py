"""What the modes need of the models: one checked answer at a time, and which models there are."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Coroutine, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol, TypeVar

from hybrid_coordinator.domain.ask import AskRequest
from hybrid_coordinator.domain.knowledge import JsonValue
from hybrid_coordinator.domain.reply import AnswerChecks, Attempt
from hybrid_coordinator.domain.route import Tier
from hybrid_coordinator.errors import (
    HybridError,
    InvalidArgumentError,
    ModelReplyError,
    ModelUnavailableError,
)
from hybrid_coordinator.routing.checking.fences import find_fences

CALL_ERRORS = (InvalidArgumentError, ModelReplyError, ModelUnavailableError)
"""What one call may fail with while others go on."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Answer:
    """A checked answer, or several that were made one: then counts, costs and attempts are those
    of all of them. ``context_length`` is that of the model, None where it is unknown."""

    text: str
    model: str
    endpoint: str
    tier: Tier
    confidence: float
    checks: AnswerChecks
    reasons: tuple[str, ...]
    tokens_in: int
    tokens_out: int
    cost_usd: float | None
    attempts: tuple[Attempt, ...]
    notices: tuple[str, ...]
    first_token_ms: int | None
    tokens_per_second: float | None
    context_length: int | None


@dataclass(frozen=True, slots=True)
class ModelChoice:
    """A model that may be asked. ``slots`` is how many requests its endpoint works on at once."""

    name: str
    endpoint: str
    tier: Tier
    context_length: int | None
    slots: int


class Ask(Protocol):
    """The models, to the modes."""

    async def ask(self, request: AskRequest, *, step: str, model: str | None = None) -> Answer:
        """One answer, by the cascade. ``step`` says which of a mode's calls it is; ``model`` has
        one model asked, by its name, and no other.

        Raises:
            InvalidArgumentError: no model can hold the prompt, or use the schema.
            ModelUnavailableError: no model is ready, or none answers.
            ModelReplyError: no model gave a usable answer.
        """
        ...

    async def models(self, request: AskRequest) -> Sequence[ModelChoice]:
        """Those that the request may be put to, best first; at least one.

        Raises:
            ModelUnavailableError: no model is ready.
        """
        ...

    def saying(self, words: str) -> None:
        """What whoever waits is told from now on."""
        ...


async def ask_first(ask: Ask, request: AskRequest, *, step: str, model: str | None) -> Answer:
    """One answer of ``model``, or where it fails by the cascade; None leaves it to the cascade.
    What the model is not sure of goes no further, so that many small steps stay on the one that
    they were planned for.

    Raises:
        InvalidArgumentError: the model cannot hold the prompt, or use the schema.
        ModelUnavailableError, ModelReplyError: no other one gave an answer either.
    """
    try:
        return await ask.ask(request, step=step, model=model)
    except (ModelReplyError, ModelUnavailableError):
        if model is None:
            raise
        return await ask.ask(request, step=step)


def in_one(chosen: Answer, every: Sequence[Answer]) -> Answer:
    """``chosen`` with the counts, costs, attempts and notices of ``every`` answer."""
    costs = [answer.cost_usd for answer in every]
    known = [cost for cost in costs if cost is not None]
    return replace(
        chosen,
        tokens_in=sum(answer.tokens_in for answer in every),
        tokens_out=sum(answer.tokens_out for answer in every),
        cost_usd=sum(known) if len(known) == len(costs) else None,
        attempts=tuple(attempt for answer in every for attempt in answer.attempts),
        notices=tuple(dict.fromkeys(notice for answer in every for notice in answer.notices)),
        first_token_ms=every[0].first_token_ms,
    )


async def together(jobs: Iterable[Coroutine[None, None, T]]) -> list[T]:
    """The results of jobs done at the same time; when one raises, the others are cancelled."""
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(job) for job in jobs]
    except ExceptionGroup as errors:
        raise errors.exceptions[0] from errors
    return [task.result() for task in tasks]


def joined(errors: Sequence[HybridError], what: str) -> HybridError:
    """One error for calls that all failed; ``what`` names them, such as "every voice"."""
    if len({str(error) for error in errors}) == 1:
        return errors[0]
    causes = "; ".join(dict.fromkeys(str(error) for error in errors))
    kinds = {type(error) for error in errors}
    if all(issubclass(kind, ModelUnavailableError) for kind in kinds):
        return ModelUnavailableError(f"{what} failed: {causes}")
    if all(issubclass(kind, InvalidArgumentError) for kind in kinds):
        return errors[0]
    return ModelReplyError(f"{what} failed: {causes}")


def read_json(text: str) -> JsonValue:
    """The JSON value of an answer: bare, or in a fence. None where it holds none."""
    fences = find_fences(text)
    for candidate in (text, *(fence.text for fence in fences)):
        try:
            value: JsonValue = json.loads(candidate)
        except (ValueError, RecursionError):
            continue
        return value
    return None


def first_line(text: str, longest: int = 100) -> str:
    """The beginning of a text, for a notice."""
    line = " ".join(text.split())
    return line if len(line) <= longest else f"{line[: longest - 1].rstrip()}…"
