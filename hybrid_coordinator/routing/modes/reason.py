"""Plan, solve, criticise, correct: an answer by steps, bounded in calls and tokens."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from hybrid_coordinator.domain.ask import AskRequest, FileText
from hybrid_coordinator.domain.knowledge import JsonValue
from hybrid_coordinator.domain.route import TaskType
from hybrid_coordinator.domain.templates import fenced
from hybrid_coordinator.errors import InvalidArgumentError, ModelReplyError
from hybrid_coordinator.routing.modes.asking import (
    CALL_ERRORS,
    Answer,
    Ask,
    first_line,
    in_one,
    read_json,
)

MAX_CALLS = 6
"""A plan, an answer, and two rounds of criticism and correction."""

_TOKENS = 4
"""All answers together, corrected ones included, may take this many times ``max_tokens``."""
_PLAN_TOKENS = 400
_CRITIQUE_TOKENS = 500
"""Of a plan and of a criticism: bounds of their own, since a short answer may need a long one."""
_MOST_FAULTS = 5
_LONGEST_QUOTE, _LONGEST_FAULT = 120, 240

_PLAN = """\
{task}

Do not answer yet. Write a plan of at most six short steps: what is asked for and in what form,
what is known, what has to be found out and in which order, and how the result can be checked."""

_SOLVE = """\
The file "plan" is a draft of how to go about the task. Follow it where it helps; it may be wrong.
Give the answer alone, in the form that the task asks for, without a word on the plan."""

_CRITIQUE = """\
{task}

The above is a task, and this is the answer that someone gave:
{answer}

Look for faults that change the result. Check every step, figure, name and condition against the
task; do calculations again. For each fault quote a few words of the answer exactly as they stand
there and say what is wrong. Under "missing" put what the task asks for and the answer does not
give. Style is no fault. If the answer is right and complete, leave both lists empty."""

_CORRECT = """\
The file "answer" is what someone answered to the task, and the file "review" what a reviewer finds
wrong with it. The reviewer may be mistaken: check each point. Then give the whole answer, corrected
where it was wrong, in the form that the task asks for, without a word on the review."""

_VERDICT: dict[str, JsonValue] = {
    "type": "object",
    "properties": {
        "faults": {
            "type": "array",
            "maxItems": _MOST_FAULTS,
            "items": {
                "type": "object",
                "properties": {
                    "quote": {"type": "string", "maxLength": _LONGEST_QUOTE},
                    "fault": {"type": "string", "maxLength": _LONGEST_FAULT},
                },
                "required": ["quote", "fault"],
                "additionalProperties": False,
            },
        },
        "missing": {
            "type": "array",
            "maxItems": _MOST_FAULTS,
            "items": {"type": "string", "maxLength": _LONGEST_FAULT},
        },
    },
    "required": ["faults", "missing"],
    "additionalProperties": False,
}


@dataclass(slots=True)
class _Course:
    """The steps so far."""

    answers: list[Answer] = field(default_factory=list)
    told: list[str] = field(default_factory=list)
    tokens_left: int = 0

    def step(self, title: str, answer: Answer, line: str) -> None:
        self.answers.append(answer)
        number = len(self.answers)
        self.told.append(f"step {number}, {title}: {answer.tokens_out} tokens, {line}")


async def reason(ask: Ask, request: AskRequest, *, max_calls: int = MAX_CALLS) -> Answer:
    """One answer, by steps that the notices list.

    It ends as soon as the criticism finds nothing, after ``max_calls`` calls (2 at least), or
    when four times ``max_tokens`` tokens are spent on answers; plans and criticisms are bounded
    by themselves. Of answers before and after a correction, the one is kept that its check is
    surer of.

    Raises:
        InvalidArgumentError: no model can hold the prompt, or the schema is none.
        ModelUnavailableError: no model is ready, or none answers.
        ModelReplyError: no model gave a usable answer.
    """
    return await _Reasoning(ask, request, max_calls).answer()


class _Reasoning:
    """One request's way through the steps."""

    def __init__(self, ask: Ask, request: AskRequest, max_calls: int) -> None:
        self._ask = ask
        self._request = request
        self._max_calls = max_calls
        self._course = _Course(tokens_left=_TOKENS * request.max_tokens)

    async def answer(self) -> Answer:
        plan = await self._plan()
        best = await self._solve(plan)
        try:
            best = await self._improved(best)
        except CALL_ERRORS as error:
            # What there is by now is an answer; only the attempt to better it has failed.
            self._course.told.append(f"ended there: {error}")
        course = self._course
        whole = in_one(best, course.answers)
        return replace(whole, notices=(*course.told, *whole.notices))

    async def _plan(self) -> str | None:
        prompt = _PLAN.format(task=self._request.prompt)
        request = replace(
            self._request,
            prompt=prompt,
            task_type=TaskType.PLANNING,
            json_schema=None,
            max_tokens=_PLAN_TOKENS,
        )
        try:
            answer = await self._step("plan", request)
        except (InvalidArgumentError, ModelReplyError) as error:
            # Where the task itself is at fault, solving it says so.
            self._course.told.append(f"no plan: {error}")
            return None
        self._course.step("plan", answer, first_line(answer.text))
        return answer.text

    async def _solve(self, plan: str | None) -> Answer:
        request = self._request
        if plan is not None:
            request = _with(request, _SOLVE, plan=plan)
        try:
            answer = await self._step("solve", request)
        except InvalidArgumentError as error:
            if plan is None:
                raise
            # The task alone may fit where the task and the plan do not.
            self._course.told.append(f"solved without the plan: {error}")
            return await self._solve(None)
        self._course.tokens_left -= answer.tokens_out
        self._course.step("solve", answer, first_line(answer.text))
        return answer

    async def _improved(self, best: Answer) -> Answer:
        """The answer after rounds of criticism and correction."""
        while self._may_go_on(calls=2):
            faults = await self._faults(best)
            if not faults or not self._may_go_on(calls=1):
                return best
            review = "\n".join(f"- {fault}" for fault in faults)
            request = _with(self._request, _CORRECT, answer=best.text, review=review)
            corrected = await self._step("correct", request)
            self._course.tokens_left -= corrected.tokens_out
            better = corrected.confidence >= best.confidence
            kept = "kept" if better else "the answer before is surer, and kept"
            self._course.step("correct", corrected, f"{first_line(corrected.text)} ({kept})")
            if not better or corrected.text.strip() == best.text.strip():
                return best
            best = corrected
        return best

    async def _faults(self, answer: Answer) -> list[str]:
        request = replace(
            self._request,
            prompt=_CRITIQUE.format(task=self._request.prompt, answer=fenced(answer.text)),
            task_type=TaskType.ANALYSIS,
            json_schema=_VERDICT,
            max_tokens=_CRITIQUE_TOKENS,
            temperature=0.0,
        )
        verdict = await self._step("criticise", request)
        faults = read_faults(verdict.text, answer.text)
        found = "nothing found" if not faults else f"{len(faults)} found: {first_line(faults[0])}"
        self._course.step("criticise", verdict, found)
        return faults

    async def _step(self, title: str, request: AskRequest) -> Answer:
        number = len(self._course.answers) + 1
        self._ask.saying(f"step {number}: {title}")
        return await self._ask.ask(request, step=f"reason: {title}")

    def _may_go_on(self, calls: int) -> bool:
        left = self._max_calls - len(self._course.answers)
        return left >= calls and self._course.tokens_left >= self._request.max_tokens


def _with(request: AskRequest, instruction: str, **files: str) -> AskRequest:
    """The request with more material. Its prompt stays the task, since that is what an answer is
    checked against."""
    system = [part for part in (request.system, instruction) if part]
    more = tuple(FileText(name, text) for name, text in files.items())
    return replace(request, system="\n\n".join(system), files=(*request.files, *more))


def read_faults(verdict: str, answer: str) -> list[str]:
    """What a criticism says is wrong with the answer. A fault counts only if what it quotes
    stands in the answer: models find faults in what was never said."""
    value = read_json(verdict)
    if not isinstance(value, dict):
        return []
    given, missing = value.get("faults"), value.get("missing")
    said = _plain(answer)
    faults = []
    for entry in given if isinstance(given, list) else []:
        quote = entry.get("quote") if isinstance(entry, dict) else None
        fault = entry.get("fault") if isinstance(entry, dict) else None
        if isinstance(quote, str) and isinstance(fault, str) and fault.strip():
            quoted = _plain(quote)
            if quoted and quoted in said:
                faults.append(f'"{quote.strip()}": {fault.strip()}')
    lacking = missing if isinstance(missing, list) else []
    named = [each.strip() for each in lacking if isinstance(each, str)]
    return [*faults, *(f"missing: {each}" for each in named if each)]


def _plain(text: str) -> str:
    return " ".join(text.casefold().split()).strip(" .…\"'`")
