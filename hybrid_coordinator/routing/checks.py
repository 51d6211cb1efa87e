"""Checking an answer without a model: is its form right, is it whole, does it hang together?"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass

from hybrid_coordinator.domain.knowledge import JsonValue
from hybrid_coordinator.domain.reply import AnswerChecks
from hybrid_coordinator.routing.coherence import coherence
from hybrid_coordinator.routing.fences import Fence, find_fences, parses
from hybrid_coordinator.routing.schemas import Validate

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
_ENDS_INSIDE = re.compile(r"\w\Z")
_NO_SENTENCE = re.compile(r"[ \t]*(?:[-*#>|\u2022]|\d{1,2}[.)])")
_SENTENCE_WORDS = 5


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


def check_answer(
    answer: str, *, prompt: str, finish_reason: str = "stop", schema: Schema | None = None
) -> AnswerChecks:
    """Check an answer to ``prompt``. Never raises; each value is in 0-1.

    ``finish_reason`` is the server's: "stop" for an answer that ended by itself, "length" for
    one that was cut.
    """
    fences = find_fences(answer)
    return AnswerChecks(
        format=_format(answer, fences, schema),
        completeness=_completeness(answer, prompt, finish_reason, fences, schema),
        # JSON has no prose whose sense could be judged, and repeats its own names.
        coherence=coherence(answer, prompt, is_data=schema is not None),
    )


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


def _format(answer: str, fences: tuple[Fence, ...], schema: Schema | None) -> float:
    if schema is not None:
        parsed, value = _parse_json(answer)
        if not parsed:
            return 0.0
        return 1.0 if schema.matches(value) else _OFF_SCHEMA
    if not fences:
        return 1.0
    return sum(fence.closed and parses(fence) for fence in fences) / len(fences)


def _completeness(
    answer: str,
    prompt: str,
    finish_reason: str,
    fences: tuple[Fence, ...],
    schema: Schema | None,
) -> float:
    stripped = answer.strip()
    if not stripped:
        return 0.0
    if finish_reason == "length" or any(not fence.closed for fence in fences):
        return _CUT
    value = 1.0 if finish_reason == "stop" else _UNSURE_END
    if schema is not None:
        return min(value, _required_share(answer, schema))
    return value if fences else min(value, _ending(stripped, prompt))


def _ending(prose: str, prompt: str) -> float:
    """Whether the last line of an answer in prose looks like an end."""
    last = prose.rsplit("\n", 1)[-1]
    if _HANGING_END.search(last):
        return _HANGING
    sentence = len(last.split()) >= _SENTENCE_WORDS and not _NO_SENTENCE.match(last)
    if sentence and _ENDS_INSIDE.search(last):
        return _UNSURE_END
    # A question for a quantity, and the last line holds none: no final answer.
    if _QUANTITY.search(prompt) and not any(sign.isdigit() for sign in last):
        return _UNSURE_END
    return 1.0


def _required_share(answer: str, schema: Schema) -> float:
    parsed, value = _parse_json(answer)
    if not parsed:
        return 0.0
    if not schema.required:
        return 1.0
    if not isinstance(value, dict):
        return 0.0
    return sum(name in value for name in schema.required) / len(schema.required)


def _parse_json(answer: str) -> tuple[bool, JsonValue]:
    try:
        return True, json.loads(answer)
    except (ValueError, RecursionError):
        return False, None
