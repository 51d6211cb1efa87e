"""What the text of a task shows: cue words of several kinds and languages, and its shape."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from enum import StrEnum

from hybrid_coordinator.domain.route import TaskType
from hybrid_coordinator.routing.classification.cues import UNSPACED, Cue, find_cues

_EXCERPT = 400
"""Characters read from the start and as many from the end: people put the request first or last,
and what lies between is pasted. It bounds the time, and words of pasted text are no cues."""

_FENCED = re.compile(r"^[ \t]*(```|~~~).*?(?:^[ \t]*\1|\Z)", re.MULTILINE | re.DOTALL)
_WORD = re.compile(r"\w+")
_COMMA = re.compile(r"[,\u3001\uff0c\u060c]")
_ITEM = re.compile(r"^[ \t]*(?:[-*\u2022]|\d{1,2}[.)])\s+\S", re.MULTILINE)
_FILE = re.compile(
    r"(?<![\w/-])[\w/-]+\.(?:py|js|ts|tsx|go|rs|java|c|h|cpp|cs|rb|php|sql|ya?ml|toml|json|md)\b"
)
_ERROR = re.compile(
    r"(?:Error|Exception)\b|\bTraceback\b|\bstack trace\b|\berror\[\w|\bpanic: |\bERR! "
    r"|Segmentation fault|^(?:Error|ERROR|error|fatal): | (?:ERROR|FATAL) ",
    re.MULTILINE,
)
_QUESTION = ("?", "\uff1f", "\u061f")
_OPTION = re.compile(r"^[ \t]*\(?([A-E])[.)] ", re.MULTILINE)
_NUMBER = re.compile(
    r"\d[\d,.]*|\b(?:two|three|four|five|six|seven|eight|nine|ten|twelve|twice|half|dozen)\b"
)
_QUANTITY = re.compile(
    r"\bhow (?:many|much|long|far|old|tall|fast|often|big|heavy|high)\b|\bcalculate\b|\bfind\b"
    r"|\bwhat(?:'s|\u2019s| \w+| \w+ be)? (?:the|his|her|their|percent|fraction|total|score)"
    r"|\b(?:percentage|number|total|amount) of\b|\bin total\b"
)
_SYMBOL = re.compile(r"[=+^*/\\<>|~%$]")
_SENTENCE = re.compile(r"[.?!](?:\s|$)")
_CAPITAL = re.compile(r"\b[A-Z]\w+")
_NOT = re.compile(r"\b(?:not|no|never|except|incorrect|false|least)\b")
_DECIMAL = re.compile(r"\d\.\d")
_THAN = re.compile(r"\b(?:more|less|fewer|than)\b")

_PROBLEM_WORDS = 12
_PROBLEM_NUMBERS = 2
_OPENING = 50
"""Characters in which a task says what to do, where it is not a problem."""

_OPTIONS_WITHIN = 6 * _EXCERPT
_ASKED_WITHIN = 200
_WORK = frozenset(TaskType) - {TaskType.QUESTION, TaskType.ANALYSIS, TaskType.CLASSIFICATION}


class Form(StrEnum):
    """How a text asks. A problem has one right answer, which the text itself determines or offers
    for choice; anything else is a task."""

    TASK = "task"
    CHOICE = "choice"
    PROBLEM = "problem"


@dataclass(frozen=True, slots=True)
class Shape:
    """What a request shows. ``excerpt`` are the ends of the text without code, which are counted
    in, and ``request`` the part of it that says what is wanted; ``cues`` are those of the request,
    in the order in which their words appear, and ``opening`` the kinds of those that the text
    begins with. ``length``, ``enumeration`` and ``items`` are in 0-1, growing with amount;
    ``files`` counts names; ``offered`` are the characters of answers to choose from and
    ``characters`` those of the whole text; ``code`` says that some is shown in a fence."""

    request: str
    excerpt: str
    form: Form
    cues: tuple[Cue, ...]
    offered: int
    characters: int
    length: float
    enumeration: float
    items: float
    files: int
    opening: frozenset[str]
    error: bool
    code: bool
    question: bool


def shape(text: str, *, grounded: bool = False) -> Shape:
    """Read a task's text, in well under 1 ms whatever its length. One that is ``grounded`` brings
    what there is to read for it."""
    excerpt = _excerpt(text)
    request = _request(excerpt) if grounded or len(excerpt) > 2 * _EXCERPT else excerpt
    if len(excerpt) > 2 * _EXCERPT:
        excerpt = f"{excerpt[:_EXCERPT]}\n{excerpt[-_EXCERPT:]}"
    words = len(_WORD.findall(excerpt))
    # A word of a script without spaces is about two signs, and \w+ took a run of them for one.
    words += len(UNSPACED.findall(excerpt)) // 2
    offered = _offered(text)
    opening = find_cues(excerpt[:_OPENING])
    return Shape(
        request=request,
        excerpt=excerpt,
        form=_form(excerpt, words, offered, opening),
        cues=find_cues(request),
        offered=offered,
        characters=len(text),
        length=math.log1p(words) / 7,
        enumeration=min(len(_COMMA.findall(excerpt)), 8) / 8,
        items=min(len(_ITEM.findall(excerpt)), 10) / 10,
        files=len(set(_FILE.findall(excerpt))),
        error=_ERROR.search(f"{text[:_EXCERPT]}\n{text[-_EXCERPT:]}") is not None,
        opening=frozenset(cue.name for cue in opening),
        code="```" in text[: 12 * _EXCERPT],
        question=request.rstrip().endswith(_QUESTION),
    )


def task_measures(seen: Shape) -> dict[str, float]:
    """The signs by which the need of a task is weighed, named, each in 0-1."""
    found = {f"has {cue.name}": 1.0 for cue in seen.cues}
    if seen.cues:
        found[f"first {seen.cues[0].name}"] = 1.0
    found |= {
        "length": seen.length,
        "enumeration": seen.enumeration,
        "items": seen.items,
        "question": float(seen.question),
        "no cue": float(not seen.cues),
    }
    return found


def problem_measures(seen: Shape) -> dict[str, float]:
    """The signs by which the need of a problem in words is weighed, named, about in 0-1. They are
    few, since there are few examples to weigh them by."""
    text = seen.excerpt
    return {
        "length": seen.length,
        "commas": seen.enumeration,
        "numbers": math.log1p(len(_NUMBER.findall(text))) / 4,
        "decimals": math.log1p(len(_DECIMAL.findall(text))),
        "comparison": math.log1p(len(_THAN.findall(text))) / 2,
    }


def choice_measures(seen: Shape) -> dict[str, float]:
    """The signs by which the need of a question with answers to choose from is weighed."""
    text = seen.excerpt
    words = _WORD.findall(text)
    return {
        "length": seen.length,
        "characters": math.log1p(seen.characters) / 10,
        "offered": math.log1p(seen.offered) / 7,
        "commas": seen.enumeration,
        "numbers": math.log1p(len(_NUMBER.findall(text))) / 4,
        "symbols": math.log1p(len(_SYMBOL.findall(text))) / 4,
        "word length": sum(map(len, words)) / (1 + len(words)) / 10,
        "sentences": math.log1p(len(_SENTENCE.findall(text))) / 3,
        "capitals": len(_CAPITAL.findall(text)) / (1 + len(words)),
        "negation": math.log1p(len(_NOT.findall(text.lower()))) / 2,
        "question": float("?" in text),
        "blank": float("___" in text),
        "statements": float("Statement 1" in text),
    }


def _form(excerpt: str, words: int, offered: int, opening: tuple[Cue, ...]) -> Form:
    if offered:
        return Form.CHOICE
    if words < _PROBLEM_WORDS or _FILE.search(excerpt):
        return Form.TASK
    if any(cue.task_type in _WORK for cue in opening):
        return Form.TASK
    lower = excerpt.lower()
    if not _QUANTITY.search(lower, max(0, len(lower) - _ASKED_WITHIN)):
        return Form.TASK
    return Form.PROBLEM if len(_NUMBER.findall(lower)) >= _PROBLEM_NUMBERS else Form.TASK


def _offered(text: str) -> int:
    """The characters from the first of at least three lettered answers on; 0 if there are none."""
    tail = text[-_OPTIONS_WITHIN:]
    letters = {match.group(1): match.start() for match in _OPTION.finditer(tail)}
    if not letters.keys() >= {"B", "C"}:
        return 0
    return len(tail) - letters.get("A", letters["B"])


def _excerpt(text: str) -> str:
    """The ends of a long text, without code."""
    if len(text) > 12 * _EXCERPT:
        text = f"{text[: 6 * _EXCERPT]}\n{text[-6 * _EXCERPT :]}"
    return _FENCED.sub("", text)


def _request(excerpt: str) -> str:
    """The part of a long text that says what is wanted. It stands first or last, and what lies
    between is given to read: so that is the first paragraph (or line) and the last two."""
    head, tail = excerpt[:_EXCERPT].lstrip(), excerpt[-_EXCERPT:].rstrip()
    first = head.partition("\n\n")[0] if "\n\n" in head else head.partition("\n")[0]
    last = tail.rsplit("\n\n", 2)[1:] or tail.rsplit("\n", 1)[-1:]
    return "\n\n".join([first, *last])
