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
_ONLY_NUMBER = re.compile(
    r"(-?)[$€£¥]?\s?(-?(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?)\s?[%$€£¥]?(?:\s+(?P<unit>[^\W\d_]+))?"
)
_OPTION = re.compile(
    r"\A(?:(?:option|choice)\s+)?\(?([a-j])"
    r"(?:\)?\Z|\)?[).:]\s|\)\s|,\s+(?!(?:(?:and|or)\s+)?\(?[a-j]\b))"
)
_YES_NO = re.compile(r"\A(yes|no|true|false)(?:\Z|[).:]\s+(?!\d)|,\s+(?!(?:yes|no|true|false)\b))")
_REASON = re.compile(r",?\s+because\b.*|(?<=\d)\.\s+(?=[A-Z]).*", re.DOTALL)
_BOLD = re.compile(r"(?<![\w*])\*\*(?=\S)(.+?)(?<=\S)\*\*(?![\w*])")
_WRAPPED = re.compile(r"\A([*`\"'$])(.+)\1\Z|\A\\\((.+)\\\)\Z", re.DOTALL)
_PLAIN_SIGNS = str.maketrans({"“": '"', "”": '"', "\u2212": "-"})


def final_answer(text: str, prompt: str = "") -> str | None:
    """What an answer comes down to, in a form that can be compared; None where it is no short
    answer and marks none."""
    stripped = text.strip()
    marks = [next(filter(None, found.groups())) for found in _MARKED.finditer(stripped)]
    marked = [mark for mark in marks if len(mark.split()) <= _FEW_WORDS]
    if marked:
        last = marked[-1]
        # Half of a pair of bold marks is left where the other stands before the answer.
        return _comparable(last.strip("* ") if last.count("**") % 2 else last, prompt)
    if len(stripped.split()) <= _FEW_WORDS and "\n" not in stripped:
        return _comparable(stripped, prompt)
    if _QUANTITY.search(prompt) or _CALCULATED.search(stripped):
        numbers = _NUMBER.findall(stripped.rsplit("\n", 1)[-1])
        return _number(numbers[-1]) if numbers else None
    return None


def _comparable(answer: str, prompt: str) -> str | None:
    """Equal only for equal answers: a number, an option and a yes or no stand for the whole answer
    only where nothing else is said, and of everything else the symbols count as well."""
    plain = _unwrapped(_REASON.sub("", answer.strip())).casefold()
    if found := _OPTION.match(plain) or _YES_NO.match(plain):
        return found.group(1)
    number = _ONLY_NUMBER.fullmatch(plain)
    if number and (not number["unit"] or _asked_for(number["unit"], prompt)):
        return _number(number[1] + number[2])
    return " ".join(plain.split()) or None


def _unwrapped(answer: str) -> str:
    """An answer without quotes, emphasis and a full stop around it."""
    plain = _BOLD.sub(r"\1", answer.translate(_PLAIN_SIGNS))
    plain = plain.replace("\\$", "$").replace("\\%", "%").strip()
    while True:
        inner = _WRAPPED.sub(lambda found: found[2] or found[3], plain.rstrip(". \t\n")).strip()
        if inner == plain:
            return plain
        plain = inner


def _asked_for(unit: str, prompt: str) -> bool:
    return re.search(rf"\bhow many\s+{re.escape(unit)}\b", prompt, re.IGNORECASE) is not None


def _number(digits: str) -> str:
    whole, _, part = digits.lstrip("-").replace(",", "").partition(".")
    value = ".".join(filter(None, (whole.lstrip("0") or "0", part.rstrip("0"))))
    return f"-{value}" if digits.startswith("-") and value != "0" else value


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
