"""What a model says that it read out of an interaction, and when that is nothing."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, StringConstraints, ValidationError

from hybrid_coordinator.domain.knowledge import JsonValue
from hybrid_coordinator.domain.task_words import content_words
from hybrid_coordinator.domain.words import words
from hybrid_coordinator.errors import ModelReplyError
from hybrid_coordinator.routing.checking.coherence import coherence
from hybrid_coordinator.routing.modes.asking import read_json

_Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=1200)]
_Label = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=160)]

_LONGEST_NAME, _MOST_NAMES = 60, 8

_PROSE = ("solution_approach", "generalisable_pattern", "when_to_use", "when_not_to_use")
_FEWEST_WORDS = 3
_LEAST_COHERENCE = 0.5

_SHARED_WORDS = 2
"""Content words that the answer must have from the interaction. One that was read out of it has
many, one that a model made up without reading has none."""
_REPEATED = 0.8
"""Share of the words of a rule that stand in the task, and as much of the task's in the rule: then
it is the task again."""
_WORDLIKE = 0.6
"""Share of letters among all characters but spaces, of what is language and no noise."""

_PLACEHOLDER = re.compile(
    r"\W*(?:n/?a|none|null|nil|unknown|undefined|not applicable|not specified|string|text|value"
    r"|todo|tbd|example|placeholder|lorem ipsum.*|<[^>]*>|\[[^\]]*\]|\{[^}]*\})?\W*",
    re.IGNORECASE | re.DOTALL,
)
_AS_A_MODEL = re.compile(
    r"\bas an? (?:ai|a\.i\.|artificial intelligence|(?:large )?language model)\b"
    r"|\bi (?:am|'m) (?:sorry|unable|not able)\b"
    r"|\bi (?:can(?:no|')?t|can not) (?:help|assist|comply)",
    re.IGNORECASE,
)


def _names(given: tuple[str, ...]) -> tuple[str, ...]:
    """Those that can be names, each once. A poor list is no reason to refuse what it comes with."""
    names = dict.fromkeys(" ".join(each.split()) for each in given)
    kept = (
        each for each in names if len(each) <= _LONGEST_NAME and not _PLACEHOLDER.fullmatch(each)
    )
    return tuple(kept)[:_MOST_NAMES]


class Pattern(BaseModel):
    """A way of solving a kind of problem. All texts are plain prose; ``skills_used`` are names."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    problem_type: _Label
    solution_approach: _Text
    skills_used: Annotated[tuple[str, ...], AfterValidator(_names)]
    generalisable_pattern: _Text
    when_to_use: _Text
    when_not_to_use: _Text


SCHEMA: dict[str, JsonValue] = {
    "type": "object",
    "properties": {
        "problem_type": {"type": "string"},
        "solution_approach": {"type": "string"},
        "skills_used": {"type": "array", "items": {"type": "string"}},
        "generalisable_pattern": {"type": "string"},
        "when_to_use": {"type": "string"},
        "when_not_to_use": {"type": "string"},
    },
    "required": list(Pattern.model_fields),
    "additionalProperties": False,
}
"""What the model is held to: without bounds, which the grammars of many servers cannot have."""


def read_pattern(answer: str, clean: Callable[[str], str], task: str, work: str) -> Pattern:
    """The pattern in a model's answer, each text of it through ``clean``.

    Raises:
        ModelReplyError: there is none, or it says nothing about ``task`` and ``work``.
    """
    try:
        pattern = Pattern.model_validate(read_fields(answer, clean))
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        field = ".".join(str(part) for part in first["loc"])
        raise ModelReplyError(f"the model's pattern: {field}: {first['msg']}") from error
    problem = _emptiness(pattern, task, work)
    if problem is not None:
        raise ModelReplyError(f"the model's pattern says nothing: {problem}")
    return pattern


def read_fields(answer: str, clean: Callable[[str], str]) -> dict[str, JsonValue]:
    """The JSON object in a model's answer, each text of it through ``clean``.

    Raises:
        ModelReplyError: there is none.
    """
    value = read_json(answer)
    if not isinstance(value, dict):
        raise ModelReplyError("the model's answer is no JSON object")
    return {name: _cleaned(field, clean) for name, field in value.items()}


def hollow(text: str) -> str | None:
    """Why a text of a model's says nothing, whatever it is about; None where it may say
    something."""
    if _PLACEHOLDER.fullmatch(text):
        return "is left blank"
    if _AS_A_MODEL.search(text):
        return "speaks of the model"
    return None if _is_language(text) else "is no language"


def _cleaned(value: JsonValue, clean: Callable[[str], str]) -> JsonValue:
    if isinstance(value, str):
        # Without what Postgres has no place for: NUL, and half of a surrogate pair.
        return clean(value.replace("\0", " ").encode("utf-8", "replace").decode())
    if isinstance(value, list):
        return [_cleaned(each, clean) for each in value]
    return value


def _emptiness(pattern: Pattern, task: str, work: str) -> str | None:
    """What makes a pattern worth nothing; None where it is worth keeping."""
    fields = {name: getattr(pattern, name) for name in ("problem_type", *_PROSE)}
    for name, text in fields.items():
        if (why := hollow(text)) is not None:
            return f"{name} {why}"
    if _repeats(pattern.generalisable_pattern, task):
        return "it repeats the task"
    for name in _PROSE:
        if len(words(fields[name])) < _FEWEST_WORDS and fields[name].isascii():
            return f"{name} is too short"
        if coherence(fields[name], task).value < _LEAST_COHERENCE and name != "when_not_to_use":
            return f"{name} does not hang together"
    if len({" ".join(words(text)) for text in fields.values()}) < len(fields):
        return "two fields say the same"
    said = content_words(" ".join(fields.values()))
    if len(said & content_words(f"{task} {work}")) < _SHARED_WORDS:
        return "it has nothing of the task or of what was done"
    return None


def _is_language(text: str) -> bool:
    signs = [sign for sign in text if not sign.isspace()]
    return sum(sign.isalpha() for sign in signs) >= _WORDLIKE * len(signs)


def _repeats(rule: str, task: str) -> bool:
    one, other = content_words(rule), content_words(task)
    shared = len(one & other)
    return bool(shared) and shared >= _REPEATED * len(one) and shared >= _REPEATED * len(other)
