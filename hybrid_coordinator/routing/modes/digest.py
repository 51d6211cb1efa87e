"""Answering from material that no context holds: read it in parts, note, and sum up the notes.

The model names what it takes a statement from by numbers of passages; the sources come from here.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from math import ceil

from hybrid_coordinator.domain.ask import AskRequest, FileText
from hybrid_coordinator.domain.route import TaskType
from hybrid_coordinator.domain.tokens import estimate_tokens
from hybrid_coordinator.errors import HybridError, InvalidArgumentError
from hybrid_coordinator.routing.modes.asking import (
    CALL_ERRORS,
    Answer,
    Ask,
    ModelChoice,
    first_line,
    in_one,
    joined,
    together,
)
from hybrid_coordinator.routing.modes.notes import (
    FORM_TOKENS,
    Note,
    as_list,
    groups,
    numbered,
    read_notes,
    schema_for,
)
from hybrid_coordinator.routing.modes.passages import Material, Passage, merged

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
_MOST_NAMED = 10
_UNFINISHED = 0.5

_READ = """\
Question: {question}

Above are passages of files, numbered [1] to [{count}]: one part of a larger body. Note down every
fact in them that helps to answer the question. One fact a note, in a short sentence that can be
understood alone; names and figures exactly as they stand there; and in "from" the numbers of the
passages that show it. No advice and no guesses. If nothing above bears on the question, give no
notes."""

_SUM_UP = """\
Question: {question}

Above are numbered notes, taken from files. Answer the question with statements that rest on these
notes alone, the most important first, and give in "from" the numbers of the notes that each rests
on. Make one statement of notes that say the same, and leave out what does not matter. Keep names
and figures exactly."""

_ANSWER = """\
{question}

The files themselves are too large to be shown. Above are notes taken from them; answer from these
notes alone."""


def too_large(request: AskRequest, choices: Sequence[ModelChoice]) -> bool:
    """Whether the files and the prompt fit none of the models: then they are to be digested. A
    model whose context is unknown is taken to hold them."""
    files = sum(estimate_tokens(file.text) + estimate_tokens(file.path) for file in request.files)
    tokens = _tokens(request) + estimate_tokens(request.context) + files + request.max_tokens
    return bool(request.files) and all(
        choice.context_length is not None and choice.context_length < tokens for choice in choices
    )


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
    plan = await asyncio.to_thread(_Plan.of, request, choices[0], max_calls)
    reading = await _Reader(ask, request, plan).read(_at_once(choices[0]))
    if not reading.answers:
        what = "every part of the files"
        empty = InvalidArgumentError("files", "hold no text")
        raise joined(reading.errors, what) if reading.errors else empty
    return await _Summary(ask, request, plan, reading).answer()


def _at_once(choice: ModelChoice) -> int:
    return max(1, min(choice.slots, _MOST_AT_ONCE))


@dataclass(frozen=True, slots=True)
class _Plan:
    """What is read, and within which bounds, in tokens. ``reply`` is the longest reply with notes,
    ``answer`` the longest answer, ``room`` what a prompt can hold of passages or notes."""

    material: Material
    reply: int
    answer: int
    room: int
    most_reads: int

    @classmethod
    def of(cls, request: AskRequest, choice: ModelChoice, max_calls: int) -> _Plan:
        """The plan for a model. Takes some 0.2 s a megabyte.

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
        reads = max(1, ceil(material.tokens / (room - passage // 2)))
        calls = _most_calls(reads, reply, room)
        if calls > max_calls:
            size = sum(len(file.text) for file in request.files)
            raise InvalidArgumentError(
                "files",
                f"{size:,} characters are about {material.tokens:,} tokens, and would take "
                f"{choice.name} up to {calls:,} calls with {room:,} tokens in each; {max_calls:,} "
                "calls are allowed: name fewer files, or start a model with a longer context",
            )
        return cls(
            material, reply, min(request.max_tokens, share), room, max_calls * reads // calls
        )


def _most_calls(reads: int, reply: int, room: int) -> int:
    """How many calls ``reads`` parts lead to at the most, summing up included."""
    calls, runs = reads, reads
    while runs > 1:
        runs = ceil(runs * reply / room)
        calls += runs
    return calls + 1


@dataclass(slots=True)
class _Reading:
    """What reading has come to. ``notes`` are by part."""

    budget: int
    notes: dict[int, list[Note]] = field(default_factory=dict)
    answers: list[Answer] = field(default_factory=list)
    errors: list[HybridError] = field(default_factory=list)
    unread: list[Passage] = field(default_factory=list)
    looked_at: set[str] = field(default_factory=set)
    calls: int = 0
    begun: int = 0
    in_a_row: int = 0
    dropped: int = 0

    @property
    def share(self) -> float:
        """How much of the material was read, in 0-1."""
        unread = ceil(sum(passage.tokens for passage in self.unread) / self.budget)
        return len(self.notes) / max(1, len(self.notes) + unread)


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

    async def read(self, at_once: int) -> _Reading:
        """Read everything, ``at_once`` parts at a time. The first part goes alone: it shows how
        many tokens the model's own tokenizer makes of the text."""
        reading = _Reading(self._plan.room)
        await self._read_on(reading, most=1)
        await together(self._read_on(reading) for _ in range(at_once))
        reading.unread += self._material.take(self._material.tokens)
        return reading

    async def _read_on(self, reading: _Reading, most: int | None = None) -> None:
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

    async def _read_part(self, part: Sequence[Passage], reading: _Reading) -> None:
        number = reading.begun = reading.begun + 1
        total = number + ceil(self._material.tokens / reading.budget)
        self._ask.saying(f"reading part {number} of {total}")
        request = replace(
            self._request,
            prompt=_READ.format(question=self._question, count=len(part)),
            files=tuple(passage.shown(at) for at, passage in enumerate(part, 1)),
            json_schema=schema_for(len(part)),
        )
        answer = await self._ask.ask(request, step=f"digest: part {number}")
        found = read_notes(answer.text, [(passage.source,) for passage in part])
        if found is None:
            # Not in the form: what it says can only be put down to all that it was shown.
            sources = merged([passage.source for passage in part])
            found = [Note(first_line(answer.text, 300), sources)], 0
        notes, dropped = found
        kept = groups(notes, self._plan.reply)[0] if notes else []
        reading.notes[number] = kept
        reading.dropped += dropped + len(notes) - len(kept)
        reading.answers.append(answer)
        reading.in_a_row = 0
        reading.looked_at.update(passage.source.path for passage in part)
        reading.budget = min(reading.budget, self._learned(answer, part))

    def _learned(self, answer: Answer, part: Sequence[Passage]) -> int:
        """How large a part may be, if its tokens are more than they were taken for."""
        thought = sum(passage.tokens for passage in part) + _PROMPT_TOKENS + FORM_TOKENS
        return max(_LEAST_TOKENS, int(self._plan.room * min(1.0, thought / answer.tokens_in)))


class _Summary:
    """Makes one answer of the notes."""

    def __init__(self, ask: Ask, request: AskRequest, plan: _Plan, reading: _Reading) -> None:
        self._ask = ask
        self._request = request
        self._plan = plan
        self._reading = reading
        self._answers = list(reading.answers)

    async def answer(self) -> Answer:
        reading = self._reading
        by_part = (reading.notes[number] for number in sorted(reading.notes))
        notes = list(dict.fromkeys(note for part in by_part for note in part))
        while len(runs := groups(notes, reading.budget)) > 1:
            self._ask.saying(f"summing up {len(notes)} notes")
            made = await together(self._fewer(run) for run in runs)
            fewer = [note for run in made for note in run]
            if len(fewer) == len(notes):  # notes so long that no two fit one prompt
                fewer = runs[0]
                reading.dropped += len(notes) - len(fewer)
            notes = fewer
        if not notes:
            text = f"Nothing in the {len(reading.looked_at)} files that were read bears on this."
            return self._whole(self._answers[-1], text, [])
        self._ask.saying(f"answering from {len(notes)} notes")
        if self._request.json_schema is not None:
            return await self._in_form(notes)
        return await self._as_statements(notes)

    async def _fewer(self, notes: list[Note]) -> list[Note]:
        """What a run of notes comes down to: half of what a prompt holds, or less."""
        kept = await self._summed_up(notes, self._plan.reply, "digest: sum up")
        short = groups(kept or notes, min(self._plan.reply, self._reading.budget // 2))[0]
        self._reading.dropped += len(kept or notes) - len(short)
        return short

    async def _as_statements(self, notes: list[Note]) -> Answer:
        statements = await self._summed_up(notes, self._plan.answer, "digest: answer")
        shown = statements or notes
        text, left_out = as_list(shown, self._request.max_tokens)
        self._reading.dropped += left_out
        whole = self._whole(self._answers[-1], text, shown)
        if statements:
            return whole
        unfinished = "the notes are shown as they were taken: summing them up failed"
        return replace(
            whole,
            confidence=round(whole.confidence * _UNFINISHED, 4),
            notices=(unfinished, *whole.notices),
        )

    async def _in_form(self, notes: list[Note]) -> Answer:
        request = replace(
            self._request,
            prompt=_ANSWER.format(question=self._request.prompt),
            files=(FileText("notes", numbered(notes)),),
            context="",
        )
        answer = await self._ask.ask(request, step="digest: answer")
        self._answers.append(answer)
        return self._whole(answer, answer.text, notes)

    async def _summed_up(self, notes: list[Note], max_tokens: int, step: str) -> list[Note]:
        """Statements that rest on the notes; none where that failed, which is put down."""
        request = replace(
            self._request,
            task_type=TaskType.ANALYSIS,
            prompt=_SUM_UP.format(question=self._request.prompt),
            files=(FileText("notes", numbered(notes)),),
            context="",
            json_schema=schema_for(len(notes), least=1),
            max_tokens=max_tokens,
        )
        try:
            answer = await self._ask.ask(request, step=step)
        except CALL_ERRORS as error:
            self._reading.errors.append(error)
            return []
        self._answers.append(answer)
        found, dropped = read_notes(answer.text, [note.sources for note in notes]) or ([], 0)
        self._reading.dropped += dropped
        return found

    def _whole(self, answer: Answer, text: str, notes: Sequence[Note]) -> Answer:
        whole = in_one(answer, self._answers)
        return replace(
            whole,
            text=text,
            confidence=round(answer.confidence * self._reading.share, 4),
            notices=(*self._told(notes), *whole.notices[:_MOST_NAMED]),
        )

    def _told(self, notes: Sequence[Note]) -> list[str]:
        reading = self._reading
        sources = merged([source for note in notes for source in note.sources])
        parts, files = len(reading.notes), len(self._request.files)
        told = [f"read {parts} parts of {files} files, {reading.share:.0%} of the text"]
        if self._request.json_schema is not None and sources:
            told.append(f"sources: {_some([str(source) for source in sources])}")
        if unread := sorted({passage.source.path for passage in reading.unread}):
            told.append(f"not read, or not wholly: {_some(unread)}")
        if empty := sorted(reading.looked_at - {source.path for source in sources}):
            told.append(f"looked at, and nothing taken from: {_some(empty)}")
        if reading.dropped:
            told.append(f"{reading.dropped} notes left out: no source, or no room")
        told += list(dict.fromkeys(f"failed: {error}" for error in reading.errors))[:_MOST_NAMED]
        return told


def _tokens(request: AskRequest) -> int:
    schema = "" if request.json_schema is None else json.dumps(request.json_schema)
    return sum(estimate_tokens(text) for text in (request.prompt, request.system or "", schema))


def _does_not_fit(error: HybridError) -> bool:
    return isinstance(error, InvalidArgumentError) and error.field == "prompt"


def _some(names: Sequence[str]) -> str:
    more = len(names) - _MOST_NAMED
    return ", ".join(names[:_MOST_NAMED]) + (f" and {more} more" if more > 0 else "")
