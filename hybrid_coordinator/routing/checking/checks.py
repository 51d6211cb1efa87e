"""Checking an answer without a model: is its form right, is it whole, does it hang together?"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass

from hybrid_coordinator.domain.knowledge import JsonValue
from hybrid_coordinator.domain.reply import AnswerChecks
from hybrid_coordinator.domain.route import TaskType
from hybrid_coordinator.routing.checking.coherence import coherence
from hybrid_coordinator.routing.checking.endings import plain_end
from hybrid_coordinator.routing.checking.fences import Fence, find_fences
from hybrid_coordinator.routing.checking.finding import Finding
from hybrid_coordinator.routing.checking.parsing import fault
from hybrid_coordinator.routing.checking.schemas import Validate
from hybrid_coordinator.routing.checking.working import read_working

_FORMAT, _COMPLETENESS, _COHERENCE = 0.3, 0.2, 0.3
"""The weights of the checks. The fourth, self-critique, has 0.2; a check that did not run has no
say, so the others' weights are scaled up to 1."""

_DIGITS = 4

_OFF_SCHEMA = 0.1
"""JSON that does not match its schema is worth next to nothing, but can be mended by hand."""
_CUT = 0.3
_MOST_FOR_COMPLETENESS = 2
"""Confidence is at most this many times the completeness: a cut answer, however well its part
reads, stays below what is asked of an answer by default (0.7)."""
_HANGING = 0.4
"""A last line like "as follows:". Where the server says that the answer ended, this is a guess: a
table's rule ends so too."""
_UNSURE_END = 0.5

_QUANTITY = re.compile(r"\bhow (?:many|much|old|far|long|tall|fast)\b", re.IGNORECASE)
_HANGING_END = re.compile(r"[,:;(\[{<=+*/&-]\Z")
_OPEN_END = re.compile(r"[(\[{]\Z")
_ONLY_LEADS = re.compile(r"[^\n]{0,200}:\Z")
"""One line that says what is to come, as "Here is the function:", and nothing comes."""
_PLACEHOLDER = re.compile(
    r"(?:(?:todo|tbd|fixme)(?:[: ]+(?:implement|write|add|fill)\b[^\n]{0,60})?|here you (?:go|are)"
    r"|here it is|(?:your |the )?(?:code|implementation|tests?)(?: goes)? here)\W*\Z",
    re.IGNORECASE,
)
_NOTHING_SAID = re.compile(r"(?:<\|\w{1,30}\|>(?:assistant|user|system)?|\.{2,}|\u2026|\s)*+")
"""Dots, and the marks by which a server keeps the turns of a chat apart."""
_MARKS = " \t\r\n#/*-;<!."
_ENDS_INSIDE = re.compile(r"\w\Z")
_NO_SENTENCE = re.compile(r"[ \t]*(?:[-*#>|\u2022]|\d{1,2}[.)])")
_SENTENCE_WORDS = 5

_NO_PROBLEMS = frozenset(
    {TaskType.TEMPLATE, TaskType.FORMAT, TaskType.EDIT, TaskType.MULTI_FILE, TaskType.EXTRACTION}
)
"""Tasks whose answers work nothing out, whatever figures stand in them."""


CUT_AT_LIMIT = "it is cut at its length limit"
"""What is said of an answer that the server cut."""


@dataclass(frozen=True, slots=True)
class Schema:
    """What a JSON answer must match: a validator, and the names that must be there."""

    matches: Validate
    required: tuple[str, ...] = ()

    @classmethod
    def of(cls, schema: Mapping[str, JsonValue], matches: Validate) -> Schema:
        """The schema with its top-level required names."""
        names = schema.get("required")
        given = names if isinstance(names, list) else []
        return cls(matches, tuple(name for name in given if isinstance(name, str)))


@dataclass(frozen=True, slots=True)
class Verdict:
    """What an answer is worth: ``confidence`` in 0-1, and a line for each thing against it.

    For an answer that works out a quantity, confidence is calibrated: of recorded answers with
    0.6, some 60% were right. Elsewhere it is the share of the checks that the answer passes.
    """

    checks: AnswerChecks
    confidence: float
    reasons: tuple[str, ...]


def judge(
    answer: str,
    *,
    prompt: str,
    finish_reason: str = "stop",
    schema: Schema | None = None,
    task_type: TaskType | None = None,
    self_critique: float | None = None,
) -> Verdict:
    """Judge an answer to ``prompt``. Never raises.

    ``finish_reason`` is the server's: "stop" for an answer that ended by itself, "length" for one
    that was cut. ``self_critique`` (0-1) is what ``critique.read_critique`` made of a model's
    opinion, where it was asked.
    """
    fences = find_fences(answer)
    form = _format(answer, fences, schema)
    whole = _completeness(answer, prompt, finish_reason, fences, schema)
    # JSON has no prose whose sense could be judged, and repeats its own names.
    sense = coherence(answer, prompt, is_data=schema is not None)
    checks = AnswerChecks(form.value, whole.value, sense.value, self_critique)
    reasons = [finding.reason for finding in (form, whole, sense) if finding.reason]
    sure = confidence(checks)
    if schema is None and not fences and task_type not in _NO_PROBLEMS:
        working = read_working(prompt, answer)
        if working is not None:
            sure = round(sure * working.probability, _DIGITS)
            reasons += working.reasons
    return Verdict(checks, sure, tuple(reasons))


def confidence(checks: AnswerChecks) -> float:
    """One figure in 0-1 from the checks: their weighted mean, bounded by the completeness."""
    weighted = [
        (_FORMAT, checks.format),
        (_COMPLETENESS, checks.completeness),
        (_COHERENCE, checks.coherence),
    ]
    if checks.self_critique is not None:
        weighted.append((1 - sum(weight for weight, _ in weighted), checks.self_critique))
    total = sum(weight for weight, _ in weighted)
    mean = sum(weight * value for weight, value in weighted) / total
    bound = min(1.0, _MOST_FOR_COMPLETENESS * checks.completeness)
    return round(max(0.0, min(mean, bound)), _DIGITS)


def _format(answer: str, fences: tuple[Fence, ...], schema: Schema | None) -> Finding:
    if schema is not None:
        parsed, value = _parse_json(answer)
        if not parsed:
            return Finding(0.0, "it is no JSON")
        if schema.matches(value):
            return Finding(1.0)
        return Finding(_OFF_SCHEMA, "it does not match its schema")
    if not fences:
        return Finding(1.0)
    faults = [(fence, fault(fence)) for fence in fences if fence.closed]
    good = sum(found is None for _, found in faults)
    told = next((f"{fence.language} {found}" for fence, found in faults if found), "")
    return Finding(good / len(fences), told)


def _completeness(
    answer: str,
    prompt: str,
    finish_reason: str,
    fences: tuple[Fence, ...],
    schema: Schema | None,
) -> Finding:
    stripped = answer.strip()
    if _NOTHING_SAID.fullmatch(stripped):
        return Finding(0.0, "it is empty")
    if finish_reason == "length":
        return Finding(_CUT, CUT_AT_LIMIT)
    parts = [fence.text for fence in fences] or [stripped]
    if all(_PLACEHOLDER.match(part.lstrip(_MARKS)) for part in parts):
        return Finding(0.0, "it is only a placeholder")
    if any(not fence.closed for fence in fences):
        return Finding(_CUT, "a code block is not closed")
    if schema is not None:
        end = _required(answer, schema)
    else:
        end = Finding(1.0) if fences else _ending(stripped, prompt)
    if finish_reason != "stop" and end.value > _UNSURE_END:
        return Finding(_UNSURE_END, f"the server ended it: {finish_reason or 'no reason given'}")
    return end


def _ending(prose: str, prompt: str) -> Finding:
    """Whether the last line of an answer in prose looks like an end."""
    prose = plain_end(prose)
    last = prose.rsplit("\n", 1)[-1]
    if _ONLY_LEADS.fullmatch(prose) or _OPEN_END.search(last):
        return Finding(_CUT, "it ends before what it leads up to")
    if _HANGING_END.search(last):
        return Finding(_HANGING, "it ends as if more were to come")
    sentence = len(last.split()) >= _SENTENCE_WORDS and not _NO_SENTENCE.match(last)
    if sentence and _ENDS_INSIDE.search(last):
        return Finding(_UNSURE_END, "it ends in the middle of a sentence")
    if _QUANTITY.search(prompt) and not any(sign.isdigit() for sign in last):
        return Finding(_UNSURE_END, "no final answer: its last line has no figure")
    return Finding(1.0)


def _required(answer: str, schema: Schema) -> Finding:
    parsed, value = _parse_json(answer)
    if not parsed:
        return Finding(0.0)
    if not schema.required:
        return Finding(1.0)
    if not isinstance(value, dict):
        return Finding(0.0, "it is no object")
    missing = [name for name in schema.required if name not in value]
    share = 1 - len(missing) / len(schema.required)
    return Finding(share, f"missing fields: {', '.join(missing[:5])}" if missing else "")


def _parse_json(answer: str) -> tuple[bool, JsonValue]:
    try:
        return True, json.loads(answer)
    except (ValueError, RecursionError):
        return False, None
