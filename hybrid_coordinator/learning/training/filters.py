"""What makes no example, and why: the reasons that a dataset's report counts."""

from __future__ import annotations

import re
from collections.abc import Callable

from hybrid_coordinator.domain.injected import without_injected
from hybrid_coordinator.domain.interactions import Outcome, OutcomeKind, OutcomeSource
from hybrid_coordinator.domain.tokens import estimate_tokens
from hybrid_coordinator.domain.training import Answer, Candidate
from hybrid_coordinator.learning.training.examples import answer_texts
from hybrid_coordinator.routing.checking.coherence import no_answer, originality, unreadability
from hybrid_coordinator.routing.checking.fences import find_fences

MIN_CONFIDENCE = 0.7
"""How sure an outcome that was inferred must be. One that was stated is sure."""

MAX_TOKENS = 8192
"""Of an example, all in all: the longest sequence that common fine-tuning recipes train on. A
longer one would be cut by the trainer, and teach to stop in the middle."""

_LEAST_ORIGINALITY = 0.5
_MOST_UNREADABLE = 0.1
"""One character in a hundred."""

_OPAQUE = re.compile(r"[A-Za-z0-9+/=_-]{400}")
"""Base64 and the like: nothing to learn from it but noise."""

_LONG_REFUSAL = re.compile(
    r"\A\W*(?:(?:(?:i'?m|i am) (?:really |very |so )?)?sorry|i apologi[sz]e|unfortunately|as an ai)"
    r"[^.\n]{0,80}\b(?:can'?t|cannot|can not|unable to|not able to|won'?t)\b[^.\n]{0,40}"
    r"\b(?:help|assist|comply|provide|fulfil|do that|answer|continue|access)",
    re.IGNORECASE,
)
_CLIPPED = re.compile(r"\n\[\.\.\. \d+ characters \.\.\.\]\n")
"""As ``domain.clipping`` says that something was left out."""
_OPEN_END = re.compile(
    r"[(\[{]\s*\Z|\A[^\n]{0,200}:\s*\Z|\[(?:\.{3} ?)?truncated[^\]\n]{0,40}\]\s*\Z"
)
_CALL_MARKS = re.compile(
    r"</?(?:tool_call|tool_use|tool_result|tool_response|function_calls?|invoke|antml:\w+)\b"
    r"|\[/?TOOL_(?:CALLS|REQUEST|RESULTS?)\]|<\|(?:python_tag|tool_calls?_begin|channel)\|>"
)
"""Calls that a model wrote as text: nobody ran them, or their results are lost."""


def reason_to_drop(candidate: Candidate) -> str | None:
    """The first reason that an interaction alone gives; None if it may become an example."""
    return next((name for name, holds in _REASONS.items() if holds(candidate)), None)


def usable(answer: Answer) -> bool:
    """Whether a failed answer is one that a better one can be preferred to: words, in order."""
    texts = list(answer_texts(answer))
    return (
        bool(answer.text.strip())
        and not any(_is_noise(text) or _has_injected(text) for text in texts)
        and not _out_of_order(answer)
        and estimate_tokens("".join(texts)) <= MAX_TOKENS
    )


def is_verified(outcome: Outcome) -> bool:
    """Whether it was said, or seen surely enough, how the interaction went."""
    sure = outcome.source is OutcomeSource.STATED or outcome.confidence >= MIN_CONFIDENCE
    return sure and outcome.kind is not OutcomeKind.UNKNOWN


def _texts(candidate: Candidate) -> list[str]:
    return [candidate.query, *answer_texts(candidate.answer)]


def _is_noise(text: str) -> bool:
    return unreadability(text) >= _MOST_UNREADABLE or _OPAQUE.search(text) is not None


def _has_injected(text: str) -> bool:
    return without_injected(text) != text


def _refuses(candidate: Candidate) -> bool:
    answer = candidate.answer.text.replace("\u2019", "'")
    return bool(no_answer(answer, candidate.query) or _LONG_REFUSAL.search(answer))


def _is_truncated(candidate: Candidate) -> bool:
    answer = candidate.answer.text
    fenced = "```" in answer or "~~~" in answer
    unclosed = fenced and any(not fence.closed for fence in find_fences(answer))
    clipped = _CLIPPED.search(answer) or _CLIPPED.search(candidate.query)
    return candidate.cut or unclosed or clipped is not None or _OPEN_END.search(answer) is not None


def _out_of_order(answer: Answer) -> bool:
    """Whether steps are missing, or calls stand in the words."""
    places = [step.position for step in answer.steps]
    return places != list(range(1, len(places) + 1)) or _CALL_MARKS.search(answer.text) is not None


_REASONS: dict[str, Callable[[Candidate], bool]] = {
    "empty_query": lambda it: not it.query.strip(),
    "empty_response": lambda it: not it.answer.text.strip(),
    "too_long": lambda it: estimate_tokens("".join(_texts(it))) > MAX_TOKENS,
    "unverified": lambda it: not is_verified(it.outcome),
    "injected_context": lambda it: any(map(_has_injected, _texts(it))),
    "not_text": lambda it: any(map(_is_noise, _texts(it))),
    "repetitive": lambda it: originality(it.answer.text) < _LEAST_ORIGINALITY,
    "refusal": _refuses,
    "truncated": _is_truncated,
    "tool_calls_out_of_order": lambda it: _out_of_order(it.answer),
}
"""In the order in which they are looked for: an interaction counts under the first that holds."""

REASONS = (
    *_REASONS,
    *("no_pair", "same_answer", "duplicate", "near_duplicate", "bridges_splits"),
    *("task_over_represented", "over_max_examples"),
)
"""Every reason that a dataset's report may name."""
