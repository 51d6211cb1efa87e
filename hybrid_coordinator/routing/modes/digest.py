"""Answering from material that no context holds: read it in parts, note, and sum up the notes.

The model names what it takes a statement from by numbers of passages; the sources come from here.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import ceil

from hybrid_coordinator.domain.ask import AskRequest
from hybrid_coordinator.domain.route import TaskType, Tier
from hybrid_coordinator.domain.tokens import estimate_tokens
from hybrid_coordinator.errors import HybridError, InvalidArgumentError
from hybrid_coordinator.routing.modes.asking import (
    CALL_ERRORS,
    Answer,
    Ask,
    ModelChoice,
    ask_first,
    first_line,
    joined,
    together,
)
from hybrid_coordinator.routing.modes.notes import (
    FORM_TOKENS,
    Note,
    groups,
    read_notes,
    schema_for,
)
from hybrid_coordinator.routing.modes.passages import Material, Passage, merged
from hybrid_coordinator.routing.modes.summary import Bounds, Reading, Summary

MAX_CALLS = 800
"""Calls that one request may cost at the worst: some hours of a small model on a CPU."""

_UNKNOWN_CONTEXT = 4096
"""The shortest that servers start models with today."""
_REPLY_SHARE = 4
"""Of the context, a reply has this part: enough for notes, and most is left for reading."""
_LONGEST_REPLY = 1024
_PROMPT_TOKENS = 260
"""The longest of the prompts below, and what surrounds a chat."""
_LEAST_TOKENS = 128
"""A smaller part is all frame."""
_PASSAGE_TOKENS = 400
"""About forty lines of code: a source that one look takes in."""
_PASSAGES = 3
"""A part holds this many passages at least, so that little room is left over."""
_MAX_IN_A_ROW = 3
"""Parts that may fail one after another before the rest is left unread."""
_MOST_AT_ONCE = 8

_READ = """\
Question: {question}

Above are passages of files, numbered [1] to [{count}]: one part of a larger body. Note down every
fact in them that helps to answer the question. One fact a note, in a short sentence that can be
understood alone; names and figures exactly as they stand there; and in "from" the numbers of the
passages that show it. No advice and no guesses. If nothing above bears on the question, give no
notes."""


async def digest(ask: Ask, request: AskRequest, *, max_calls: int = MAX_CALLS) -> Answer:
    """The answer from the files of ``request``, read in parts by the best local model.

    Without a schema it is a list of statements, each with the lines it comes from, in at most
    ``max_tokens`` tokens; with one, an answer in that form, its sources in the notices. What could
    not be read is in the notices, and lowers the confidence. ``context`` is not used.

    Raises:
        InvalidArgumentError: it would take more than ``max_calls`` calls, the files hold no text,
            or the prompt leaves no room for them.
        ModelUnavailableError: no model is ready, or none answers.
        ModelReplyError: no part got a usable answer.
    """
    local = replace(request, files=(), context="", quality_critical=False, prefer_local=True)
    choices = await ask.models(local)
    on_this_machine = (choice for choice in choices if choice.tier is not Tier.API_FALLBACK)
    choice = next(on_this_machine, choices[0])
    plan = await asyncio.to_thread(_Plan.of, request, choice, max_calls)
    if len(choices) == 1:  # then there is nobody to hand over to
        plan = replace(plan, model=None)
    reading = await _Reader(ask, request, plan).read(_at_once(choice))
    if not reading.answers:
        what = "every part of the files"
        empty = InvalidArgumentError("files", "hold no text")
        raise joined(reading.errors, what) if reading.errors else empty
    bounds = Bounds(plan.model, plan.reply, plan.answer)
    return await Summary(ask, request, reading, bounds).answer()


def _at_once(choice: ModelChoice) -> int:
    return max(1, min(choice.slots, _MOST_AT_ONCE))


@dataclass(frozen=True, slots=True)
class _Plan:
    """What is read, and within which bounds, in tokens. ``reply`` is the longest reply with notes,
    ``answer`` the longest answer, ``room`` what a prompt can hold of passages or notes."""

    model: str | None
    material: Material
    reply: int
    answer: int
    room: int
    most_reads: int

    @classmethod
    def of(cls, request: AskRequest, choice: ModelChoice, max_calls: int) -> _Plan:
        """The plan for a model. Takes some 0.05 s a megabyte.

        Raises:
            InvalidArgumentError: it would take too many calls, or there is no room.
        """
        context = choice.context_length or _UNKNOWN_CONTEXT
        share = context // _REPLY_SHARE
        room = context - share - _tokens(request) - _PROMPT_TOKENS - FORM_TOKENS
        if room < max(_LEAST_TOKENS, share):
            raise InvalidArgumentError(
                "prompt", f"leaves no room for the files in a context of {context} tokens"
            )
        reply = min(_LONGEST_REPLY, share)
        passage = max(_LEAST_TOKENS, min(_PASSAGE_TOKENS, room // _PASSAGES))
        material = Material(request.files, passage)
        reads = max(1, material.parts(room))
        calls = _most_calls(reads, reply, room)
        if calls > max_calls:
            size = sum(len(file.text) for file in request.files)
            raise InvalidArgumentError(
                "files",
                f"{size:,} characters are about {material.tokens:,} tokens, and would take "
                f"{choice.name} up to {calls:,} calls with {room:,} tokens in each; {max_calls:,} "
                "calls are allowed: name fewer files, or start a model with a longer context",
            )
        answer, most_reads = min(request.max_tokens, share), max_calls * reads // calls
        return cls(choice.name, material, reply, answer, room, most_reads)


def _most_calls(reads: int, reply: int, room: int) -> int:
    """How many calls ``reads`` parts lead to at the most, summing up included."""
    calls, runs = reads, reads
    while runs > 1:
        # What a run of notes comes down to leaves room for another in the same prompt.
        runs = ceil(runs * min(reply, room // 2) / room)
        calls += runs
    return calls + 1


class _Reader:
    """Reads the material in parts, and notes."""

    def __init__(self, ask: Ask, request: AskRequest, plan: _Plan) -> None:
        self._ask = ask
        self._plan = plan
        self._material = plan.material
        self._question = request.prompt
        self._request = replace(
            request,
            task_type=TaskType.EXTRACTION,
            context="",
            system=None,
            max_tokens=plan.reply,
            quality_critical=False,
            prefer_local=True,
        )

    async def read(self, at_once: int) -> Reading:
        """Read everything, ``at_once`` parts at a time. The first part goes alone: it shows how
        many tokens the model's own tokenizer makes of the text."""
        reading = Reading(self._plan.room)
        await self._read_on(reading, most=1)
        await together(self._read_on(reading) for _ in range(at_once))
        reading.unread += self._material.take(self._material.tokens)
        return reading

    async def _read_on(self, reading: Reading, most: int | None = None) -> None:
        """Read parts until nothing is left, or ``most`` are read, or it is no use."""
        done = 0
        while done != most and reading.in_a_row < _MAX_IN_A_ROW:
            budget = reading.budget
            part = self._material.take(budget) if reading.calls < self._plan.most_reads else ()
            if not part:
                return
            reading.calls += 1
            try:
                await self._read_part(part, reading)
            except CALL_ERRORS as error:
                if _does_not_fit(error) and budget // 2 >= _LEAST_TOKENS:
                    reading.budget = min(reading.budget, budget // 2)
                    self._material.put_back(part)
                    continue
                reading.errors.append(error)
                reading.unread += part
                reading.in_a_row += 1
            done += 1

    async def _read_part(self, part: Sequence[Passage], reading: Reading) -> None:
        number = reading.begun = reading.begun + 1
        total = number + self._material.parts(reading.budget)
        self._ask.saying(f"reading part {number} of {total}")
        request = replace(
            self._request,
            prompt=_READ.format(question=self._question, count=len(part)),
            files=tuple(passage.shown(at) for at, passage in enumerate(part, 1)),
            json_schema=schema_for(len(part)),
        )
        step = f"digest: part {number}"
        answer = await ask_first(self._ask, request, step=step, model=self._plan.model)
        found = read_notes(answer.text, [(passage.source,) for passage in part])
        if found is None:
            # Not in the form: what it says can only be put down to all that it was shown.
            sources = merged([passage.source for passage in part])
            found = [Note(first_line(answer.text, 300), sources)], 0
        notes, dropped = found
        kept = groups(notes, min(self._plan.reply, reading.budget // 2))[0] if notes else []
        reading.notes[number] = kept
        reading.dropped += dropped + len(notes) - len(kept)
        reading.answers.append(answer)
        reading.in_a_row = 0
        reading.looked_at.update(passage.source.path for passage in part)
        reading.budget = min(reading.budget, self._learned(answer, part))

    def _learned(self, answer: Answer, part: Sequence[Passage]) -> int:
        """How large a part may be, if its tokens are more than they were taken for."""
        frame = estimate_tokens(self._question) + _PROMPT_TOKENS + FORM_TOKENS
        thought = sum(passage.tokens for passage in part) + frame
        # The frame takes its part of what was thought too little, and the same in every prompt.
        room = (self._plan.room + frame) * min(1.0, thought / answer.tokens_in) - frame
        return max(_LEAST_TOKENS, int(room))


def _tokens(request: AskRequest) -> int:
    schema = "" if request.json_schema is None else json.dumps(request.json_schema)
    return sum(estimate_tokens(text) for text in (request.prompt, request.system or "", schema))


def _does_not_fit(error: HybridError) -> bool:
    return isinstance(error, InvalidArgumentError) and error.field == "prompt"
