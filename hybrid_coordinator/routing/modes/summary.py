"""Making one answer of the notes from a reading, and telling what was read and what was not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from math import ceil

from hybrid_coordinator.domain.ask import AskRequest, FileText
from hybrid_coordinator.domain.route import TaskType
from hybrid_coordinator.errors import HybridError
from hybrid_coordinator.routing.modes.asking import (
    CALL_ERRORS,
    Answer,
    Ask,
    ask_first,
    in_one,
    together,
)
from hybrid_coordinator.routing.modes.notes import (
    Note,
    as_list,
    groups,
    numbered,
    read_notes,
    schema_for,
)
from hybrid_coordinator.routing.modes.passages import Passage, merged

_MOST_NAMED = 10
_UNFINISHED = 0.5
"""What confidence is worth in notes that nobody has summed up."""

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


@dataclass(slots=True)
class Reading:
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


@dataclass(frozen=True, slots=True)
class Bounds:
    """Which model sums up, None for any, and how many tokens come of some notes and of all."""

    model: str | None
    reply: int
    answer: int


class Summary:
    """Makes one answer of the notes."""

    def __init__(self, ask: Ask, request: AskRequest, reading: Reading, bounds: Bounds) -> None:
        self._ask = ask
        self._request = request
        self._reading = reading
        self._bounds = bounds
        self._answers = list(reading.answers)

    async def answer(self) -> Answer:
        """The answer to the request, with what happened in the notices.

        Raises:
            InvalidArgumentError, ModelUnavailableError, ModelReplyError: an answer in the form of
                a schema failed. Without one, the notes themselves are the answer then.
        """
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
            text = "Nothing in the files that were read bears on this."
            return self._whole(self._answers[-1], text, [])
        self._ask.saying(f"answering from {len(notes)} notes")
        if self._request.json_schema is not None:
            return await self._in_form(notes)
        return await self._as_statements(notes)

    async def _fewer(self, notes: list[Note]) -> list[Note]:
        """What a run of notes comes down to: half of what a prompt holds, or less."""
        kept = await self._summed_up(notes, self._bounds.reply, "digest: sum up")
        short = groups(kept or notes, min(self._bounds.reply, self._reading.budget // 2))[0]
        self._reading.dropped += len(kept or notes) - len(short)
        return short

    async def _as_statements(self, notes: list[Note]) -> Answer:
        statements = await self._summed_up(notes, self._bounds.answer, "digest: answer")
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
            quality_critical=False,
            prefer_local=True,
        )
        try:
            answer = await ask_first(self._ask, request, step=step, model=self._bounds.model)
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
        told = [f"files: {files}, read in {parts} parts, {reading.share:.0%} of the text"]
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


def _some(names: Sequence[str]) -> str:
    more = len(names) - _MOST_NAMED
    return ", ".join(names[:_MOST_NAMED]) + (f" and {more} more" if more > 0 else "")
