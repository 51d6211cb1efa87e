"""Several models, or one model in several voices, at once; their answers made one."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from hybrid_coordinator.domain.ask import AskRequest
from hybrid_coordinator.domain.knowledge import JsonValue
from hybrid_coordinator.domain.route import Tier
from hybrid_coordinator.domain.templates import Voice
from hybrid_coordinator.errors import HybridError
from hybrid_coordinator.routing.checking.schemas import compile_schema
from hybrid_coordinator.routing.classification.classify import classify
from hybrid_coordinator.routing.modes.asking import (
    CALL_ERRORS,
    Answer,
    Ask,
    ModelChoice,
    in_one,
    joined,
    together,
)
from hybrid_coordinator.routing.modes.combining import code, fields, prose, votes
from hybrid_coordinator.routing.modes.combining.combined import Combined, Said

_REMOTE = Tier.API_FALLBACK
SEATS = 3
"""The fewest that can have a majority against one."""
_OWN_CHECK = 0.6
"""What the answer's own check weighs in the confidence; the rest is for agreement. So an answer
that all others contradict is never sure enough by itself (0.7), however well it reads."""


@dataclass(frozen=True, slots=True)
class _Seat:
    """Who is asked: a model, in a voice or plainly."""

    name: str
    model: ModelChoice
    voice: Voice | None = None


async def ensemble(ask: Ask, request: AskRequest, voices: Sequence[Voice]) -> Answer:
    """One answer of up to three, asked at the same time as far as there are slots.

    Different models sit first: remote ones alone where such a one is best for the task, or else
    local ones alone. Where there are fewer than three, the best one takes the other seats in
    ``voices`` that have something to say to this kind of task. A schema is combined field by field,
    code by its syntax tree, short answers by vote, prose by likeness; dissent is in the notices.

    Raises:
        InvalidArgumentError: no model can hold the prompt, or the schema is none.
        ModelUnavailableError: no model is ready, or none answers.
        ModelReplyError: no voice gave a usable answer.
    """
    seats = _seats(await ask.models(request), request, voices)
    turns = {seat.model.endpoint: asyncio.Semaphore(seat.model.slots) for seat in seats}
    failures: dict[str, HybridError] = {}
    answers: dict[str, Answer] = {}

    async def hear(seat: _Seat) -> None:
        async with turns[seat.model.endpoint]:
            try:
                answer = await ask.ask(
                    _in_voice(request, seat.voice),
                    step=f"ensemble: {seat.name}",
                    model=seat.model.name,
                )
            except CALL_ERRORS as error:
                failures[seat.name] = error
            else:
                answers[seat.name] = answer
        ask.saying(f"{len(answers)} of {len(seats)} voices have answered")

    ask.saying(f"asking {', '.join(seat.name for seat in seats)}")
    await together(hear(seat) for seat in seats)
    if not answers:
        raise joined(list(failures.values()), "every voice")
    return await _in_one_voice(request, answers, failures)


def _seats(
    choices: Sequence[ModelChoice], request: AskRequest, voices: Sequence[Voice]
) -> list[_Seat]:
    best = choices[0]
    # What is best done on this machine is not worth the money of asking elsewhere as well; and
    # where a remote model is best, weaker ones here would outvote what is paid for.
    asked = [each for each in choices if (each.tier is _REMOTE) == (best.tier is _REMOTE)]
    models = list({choice.name: choice for choice in reversed(asked)}.values())[::-1]
    task_type = request.task_type or classify(request.prompt).task_type
    fitting = [voice for voice in voices if task_type in voice.task_types]
    # One model asked once plainly would only repeat one of its voices.
    plain = [_Seat(model.name, model) for model in models[:SEATS]] if len(models) > 1 else []
    spoken = [_Seat(voice.name, models[0], voice) for voice in fitting[: SEATS - len(plain)]]
    return [*plain, *spoken] or [_Seat(models[0].name, models[0])]


def _in_voice(request: AskRequest, voice: Voice | None) -> AskRequest:
    if voice is None:
        return request
    system = [part for part in (voice.system, request.system) if part]
    return replace(request, system="\n\n".join(system))


async def _in_one_voice(
    request: AskRequest, answers: Mapping[str, Answer], failures: Mapping[str, HybridError]
) -> Answer:
    said = [Said(name, answer.text, answer.confidence) for name, answer in sorted(answers.items())]
    combined = await asyncio.to_thread(combine, said, request.prompt, request.json_schema)
    chosen = answers[combined.best]
    whole = in_one(chosen, list(answers.values()))
    lost = tuple(f"{name} failed: {error}" for name, error in sorted(failures.items()))
    if len(said) == 1:
        alone = f"only {combined.best} answered: nothing to compare it with"
        return replace(whole, notices=(alone, *lost, *whole.notices))
    agreed = (
        f"{', '.join(combined.agreeing) or 'none'} of {', '.join(one.voice for one in said)} "
        f"agree (agreement {combined.agreement:.2f}); the answer is nearest to {combined.best}'s"
    )
    dissent = tuple(f"dissent: {line}" for line in combined.dissent)
    confidence = _OWN_CHECK * chosen.confidence + (1 - _OWN_CHECK) * combined.agreement
    if isinstance(combined, prose.Likened):
        confidence = min(confidence, chosen.confidence)
    return replace(
        whole,
        text=combined.text,
        confidence=round(confidence, 4),
        notices=(agreed, *dissent, *lost, *whole.notices),
    )


def combine(
    said: Sequence[Said], prompt: str, json_schema: Mapping[str, JsonValue] | None
) -> Combined:
    """One answer of several, by what they have in common. The order of ``said`` does not count.

    Raises:
        InvalidArgumentError: the schema is none.
    """
    if len(said) == 1:
        return Combined(said[0].text, said[0].voice, 1.0, (said[0].voice,))
    if json_schema is not None:
        by_field = fields.combine(said, compile_schema(json_schema))
        if by_field is not None:
            return by_field
    if _most(code.has_code(one.text) for one in said):
        return code.combine(said)
    if _most(votes.final_answer(one.text, prompt) is not None for one in said):
        return votes.combine(said, prompt)
    return prose.combine(said)


def _most(signs: Iterable[bool]) -> bool:
    found = list(signs)
    return 2 * sum(found) > len(found)
