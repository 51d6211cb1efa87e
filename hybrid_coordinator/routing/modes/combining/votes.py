"""Short answers by vote: numbers, yes or no, option letters, a word or two."""

from __future__ import annotations

import re
from collections.abc import Sequence

from hybrid_coordinator.routing.modes.combining.combined import (
    Combined,
    Said,
    share_of_others,
    winners,
)

_FEW_WORDS = 6
_MARKED = re.compile(
    r"\\boxed\{([^{}]+)\}|^#{4}\s*(.+)$|\banswer(?:\s+is)?\s*[:=]\s*(.+)$|\banswer\s+is\s+(.+)$",
    re.IGNORECASE | re.MULTILINE,
)
_QUANTITY = re.compile(r"\bhow (?:many|much|old|far|long|tall|fast)\b", re.IGNORECASE)
_CALCULATED = re.compile(r"\d *= *(?:<<|\$)?\d|= *\$?\d[\d,.]*\S{0,12}\s*\Z")
_NUMBER = re.compile(r"-?\d[\d,]*(?:\.\d+)?")
_OPTION = re.compile(r"\A\(?([a-j])(?:[).:]|\Z)")
_YES_NO = re.compile(r"\A(yes|no|true|false)\b")
_DECORATION = re.compile(r"[*_`$\"'“”\\]|\A\W*(?:option|choice)\s+")


def final_answer(text: str, prompt: str = "") -> str | None:
    """What an answer comes down to, in a form that can be compared; None where it is no short
    answer and marks none."""
    stripped = text.strip()
    marks = [next(filter(None, found.groups())) for found in _MARKED.finditer(stripped)]
    marked = [mark for mark in marks if len(mark.split()) <= _FEW_WORDS]
    if marked:
        return _comparable(marked[-1])
    if len(stripped.split()) <= _FEW_WORDS and "\n" not in stripped:
        return _comparable(stripped) if stripped else None
    if _QUANTITY.search(prompt) or _CALCULATED.search(stripped):
        numbers = _NUMBER.findall(stripped.rsplit("\n", 1)[-1])
        return _number(numbers[-1]) if numbers else None
    return None


def _comparable(answer: str) -> str | None:
    plain = _DECORATION.sub("", answer.strip().casefold()).strip()
    if found := _OPTION.match(plain) or _YES_NO.match(plain):
        return found.group(1)
    numbers = _NUMBER.findall(plain)
    if len(numbers) == 1:
        return _number(numbers[0])
    return " ".join(re.findall(r"\w+", plain)) or None


def _number(digits: str) -> str:
    return f"{float(digits.replace(',', '')):.10g}"


def combine(said: Sequence[Said], prompt: str) -> Combined:
    """The answer that most voices come down to; those without a final answer are against it."""
    finals = {one: final_answer(one.text, prompt) for one in said}
    voting = [one for one in said if finals[one] is not None]
    agreeing = winners(voting, lambda one: finals[one])
    best = agreeing[0]
    dissent = [
        f"{one.voice}: {finals[one] or 'no final answer'}"
        for one in sorted(said, key=lambda one: one.voice)
        if one not in agreeing
    ]
    return Combined(
        text=best.text,
        best=best.voice,
        agreement=share_of_others(len(agreeing), len(said)),
        agreeing=tuple(sorted(one.voice for one in agreeing)),
        dissent=tuple(f"{line} (not {finals[best]})" for line in dissent),
    )
