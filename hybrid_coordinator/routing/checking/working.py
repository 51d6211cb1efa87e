"""Where an answer works out a quantity: how likely it is right, from what it shows of its working.

Signs fire only where their context is there: a problem in plain words that gives quantities and
asks for one. Each is a yes or no that a reader can check; what each is worth was fitted by logistic
regression on recorded answers of a weak model (``benchmarks/routing``, section ``answers``, which
fits them again on other answers and shows what they give on the rest).
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from hybrid_coordinator.routing.checking.arithmetic import Calculation, calculations, numbers
from hybrid_coordinator.routing.checking.endings import plain_end

_AMOUNT = re.compile(
    r"\bhow (?:many|much|old|far|long|tall|fast|big|heavy|high|deep|wide)\b"
    r"|\b(?:calculate|compute|work out|what percent(?:age)?)\b"
    r"|\bin (?:dollars|hours|minutes|days|years|feet|miles|total)\b",
    re.IGNORECASE,
)
_QUESTION = re.compile(
    r"\b(?:find|determine)\b"
    r"|\b(?:what|which)(?:'s| (?:\w+ ){0,3}(?:is|are|was|were|will|would|does|do|did))\b",
    re.IGNORECASE,
)
"""May ask for an amount: does, where the answer calculates one."""
_YEAR = re.compile(
    r"\b(?:in|since|until|from|to|by|year|of|and|[A-Z][a-z]+) (?:1[5-9]|20)\d\d\b"
    r"(?!,\d|\.\d| \w+s\b)"
)
_NO_PROSE = re.compile(
    r"[`{}_<>|]|\w\(\)|==|^ {4}"
    r"|[\w/-]\.(?:py|js|ts|tsx|go|rs|java|c|h|cpp|cs|rb|php|sql|ya?ml|toml|json|md|txt|csv)\b",
    re.MULTILINE,
)
"""What problems in plain words do not have and coding chores do."""
_FEWEST_WORDS = 12
_FEWEST_QUANTITIES = 2
_LONGEST_PROMPT, _LONGEST_ANSWER = 4_000, 8_000

_NUMBER_WORDS = frozenset(
    {"one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven"}
    | {"twelve", "dozen", "twice", "half", "double", "triple", "thrice", "third", "quarter"}
    | {"fourth", "fifth"}
)
_WORD = re.compile(r"[^\W\d_]+")
_RELATION = re.compile(
    r"\b(?:more|less|fewer|older|younger|longer|shorter|taller|heavier|faster|slower|than"
    r"|as (?:many|much|old|long)|twice|half|thrice|doubled?s?|tripled?s?|times|third|quarter|fourth"
    r"|fifth|percent|remaining|rest|originally|before|increased?s?|decreased?s?)\b|%|\b\d/\d",
    re.IGNORECASE,
)
_SECOND_THOUGHTS = re.compile(
    r"\b(?:however|mistakes?|not possible|impossible|cannot|can't|no (?:valid )?solution"
    r"|doesn't make sense|assum(?:e|es|ed|ing|ption)|whole number|in fact"
    r"|round(?:ed|ing)?|approximately)\b",
    re.IGNORECASE,
)
_WHOLE = re.compile(r"\bhow many\b|\$", re.IGNORECASE)
_SHARED = re.compile(
    r"\b(?:averages?|mean|percent(?:age)?|ratio|rate|fraction|probability)\b", re.I
)
_VARIABLE = re.compile(
    r"(?<!['\u2019\w])\d{0,6}(?:[B-HJ-WYZb-hj-wyz]|[xX](?![ ]?[$(]?[ ]?\.?\d))(?!['\u2019\w])"
)
"""A letter that stands for a figure; "5 x 3" has none."""
_ANNOTATION = re.compile(r"<<[^<>\n]{0,200}>>")
_OPEN_END = re.compile(r"[-+*/=(<:,\u00d7\u00f7]\Z|<<[^<>\n]*\Z")
_NO_WORKING = re.compile(
    r"\b(?:only|just|nothing but) (?:with |give |the |a |one |final )*"
    r"(?:number|figure|answer|result)\b|\b(?:number|figure|answer|result) only\b",
    re.IGNORECASE,
)
"""Asks for the figure alone, so that there is no working to find it in."""
_CLOSE = 0.006


class Sign(StrEnum):
    """What the working of an answer can show, all of it bad."""

    SLIP = "a calculation does not hold"
    CUT = "it ends in the middle of a calculation"
    FRACTION = "the result is not whole"
    SECOND_THOUGHTS = "it has second thoughts"
    NO_RESULT = "its last figure is no result of a calculation"
    UNUSED = "figures of the question are not used"


_WORTH: dict[Sign, float] = {
    Sign.SLIP: -2.8,
    Sign.CUT: -1.6,
    Sign.FRACTION: -1.7,
    Sign.SECOND_THOUGHTS: -1.5,
    Sign.NO_RESULT: -1.8,
    Sign.UNUSED: -1.2,
}
"""Change of the log odds of being right."""
_START = 1.8
_PER_DIFFICULTY = -0.5
"""The log odds of an answer without any sign, and their change with the logarithm of one more than
the comparisons, shares and multiples in the question: they make the problem harder."""


@dataclass(frozen=True, slots=True)
class Working:
    """``relations`` counts the comparisons, shares and multiples in the question; ``signs`` maps
    what was found to where."""

    relations: int
    signs: dict[Sign, str]

    @property
    def difficulty(self) -> float:
        """Of the question: the logarithm of one more than ``relations``."""
        return math.log1p(self.relations)

    @property
    def probability(self) -> float:
        """How likely the answer is right, in 0-1, if nothing else is wrong with it."""
        odds = _START + _PER_DIFFICULTY * self.difficulty
        odds += sum(_WORTH[sign] for sign in self.signs)
        return 1 / (1 + math.exp(-odds))

    @property
    def reasons(self) -> tuple[str, ...]:
        """One line for each sign."""
        return tuple(
            f"{sign}: {where}" if where else f"{sign}" for sign, where in self.signs.items()
        )


def read_working(prompt: str, answer: str) -> Working | None:
    """The signs in an answer to a problem in plain words; None where the prompt is none.

    Takes time linear in the answer, some 0.3 ms for one of a few lines.
    """
    if len(answer) > _LONGEST_ANSWER or len(prompt) > _LONGEST_PROMPT or _NO_PROSE.search(prompt):
        return None
    prompt = _YEAR.sub(" ", prompt)
    found = calculations(answer)
    if not _is_problem(prompt, calculated=bool(found)):
        return None
    plain = _ANNOTATION.sub("", answer).strip()
    stated = numbers(plain)
    last = stated[-1] if stated else None
    # "Each 1 hour", "1/3 of", "5:00": these go into no calculation.
    given = sorted(set(numbers(prompt)) - {0.0, 1.0})
    solved = set(numbers("\n".join(_equations(plain))))
    signs: dict[Sign, str] = {}
    slips = [step.text for step in found if not step.holds]
    if slips:
        signs[Sign.SLIP] = _short(slips)
    if _OPEN_END.search(plain_end(answer)):
        signs[Sign.CUT] = ""
    if last is not None and _is_odd_fraction(last, given, prompt):
        signs[Sign.FRACTION] = f"{last:g}"
    thoughts = _SECOND_THOUGHTS.search(plain)
    if thoughts and thoughts.group().lower() not in prompt.lower():
        signs[Sign.SECOND_THOUGHTS] = thoughts.group()
    shown = found or _NO_WORKING.search(prompt) is None
    if last is None or (shown and not any(_near(last, abs(step.result)) for step in found)):
        signs[Sign.NO_RESULT] = "" if last is None else f"{last:g}"
    unused = [
        f"{figure:g}" for figure in given if figure not in solved and not _is_used(figure, found)
    ]
    # Where nothing is worked out, nothing is used, and that is told above.
    if unused and (found or solved):
        signs[Sign.UNUSED] = _short(unused)
    return Working(len(_RELATION.findall(prompt)), signs)


def _is_problem(prompt: str, *, calculated: bool) -> bool:
    words = _WORD.findall(prompt.lower())
    quantities = len(numbers(prompt)) + sum(word in _NUMBER_WORDS for word in words)
    if len(words) < _FEWEST_WORDS or quantities < _FEWEST_QUANTITIES:
        return False
    if _AMOUNT.search(prompt):
        return True
    return calculated and _QUESTION.search(prompt) is not None


def _is_odd_fraction(last: float, given: Sequence[float], prompt: str) -> bool:
    """Whether a number of things, or a price made of whole ones, comes out as a fraction."""
    if last.is_integer() or _SHARED.search(prompt) or not _WHOLE.search(prompt):
        return False
    return all(figure.is_integer() for figure in given)


def _equations(answer: str) -> list[str]:
    """The lines that have a variable and a sign of equality."""
    return [line for line in answer.split("\n") if "=" in line and _VARIABLE.search(line)]


def _is_used(figure: float, found: Sequence[Calculation]) -> bool:
    """Whether a calculation has the figure for an operand, or a share or a unit of it."""
    share = figure / 100
    forms = (figure, share, 1 - share, 1 + share, 100 - figure, figure / 1000, figure * 1000)
    return any(
        _near(operand, form) for step in found for operand in step.operands for form in forms
    )


def _near(a: float, b: float) -> bool:
    return abs(a - b) <= _CLOSE * max(abs(a), abs(b))


def _short(parts: Sequence[str]) -> str:
    shown = ", ".join(parts[:3])
    return shown if len(shown) <= 100 else f"{shown[:97]}..."
