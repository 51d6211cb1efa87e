"""The text of a skill, made of what its tasks and their answers have in common."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

from hybrid_coordinator.domain.knowledge import JsonValue
from hybrid_coordinator.domain.recurrence import RECURRENCE_THRESHOLD, same_task, similarities
from hybrid_coordinator.domain.skills import Task
from hybrid_coordinator.domain.task_words import task_words
from hybrid_coordinator.learning.skills.kinds import Kind

_SHARE = 0.6
"""Of the tasks that must have a word of the title, and of the answers that must have a step."""

_TITLE = 80
_QUERY = 200
_ANSWER = 1_600
"""Characters of a title, of a task and of an answer that are quoted."""

_EXAMPLES = 4
_ANSWERS = 8
_STEPS = 40
"""Tasks that are quoted, answers that are compared, and lines that are read of each."""

_COMMANDS = 5

_STEP = re.compile(r"(?:[-*•]|\d+[.)])?\s*(.{12,240})")
_FENCE = re.compile(r"^(`{3,}|~{3,}).*?(?:^\1|\Z)", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True, slots=True)
class Wording:
    """A skill as text: what makes an entry of `skills-patterns`. ``quoted`` are the ids of the
    interactions whose words are in it."""

    title: str
    content: str
    fields: Mapping[str, JsonValue]
    quoted: frozenset[str]


def word(
    kind: Kind,
    answers: Mapping[str, str],
    commands: Mapping[str, Sequence[str]],
    worth: Mapping[str, float],
) -> Wording:
    """Word a skill. ``answers`` and ``worth`` (the value, 0-1) are of its tasks that succeeded,
    ``commands`` those that went well in them, all by interaction."""
    succeeded = [task.id for task in kind.successes]
    example = answers[kind.central.id].strip()
    parts = []
    if steps := _steps(example, [answers[key] for key in succeeded if key != kind.central.id]):
        parts.append("What was done each time:\n" + "\n".join(f"- {step}" for step in steps))
    if ran := _common_commands([commands.get(key, ()) for key in succeeded]):
        parts.append("Commands that went well:\n" + "\n".join(f"- {each}" for each in ran))
    parts.append(f'What worked for "{_line(kind.central.query)}":\n{_clipped(example, _ANSWER)}')
    went_well, went_wrong = _different(kind.successes), _different(kind.failures)
    queries = [_line(task.query) for task in went_well]
    fields: dict[str, JsonValue] = {
        "usage_pattern": "Tasks such as: " + "; ".join(queries),
        "success_examples": list(queries),
        "failure_examples": [_line(task.query) for task in went_wrong],
        "value_score": round(sum(worth.values()) / len(worth), 3),
    }
    quoted = frozenset(task.id for task in (kind.central, *went_well, *went_wrong))
    return Wording(_title(kind), "\n\n".join(parts), fields, quoted)


def _title(kind: Kind) -> str:
    """The central task with a gap for every word that most others do not have."""
    needed = _SHARE * len(kind.tasks)
    having = Counter(part for task in kind.tasks for part in set(task_words(task.query)))
    shown: list[str] = []
    for token in kind.central.query[:_QUERY].split():
        parts = task_words(token)
        if parts and all(having[part] >= needed and part.isprintable() for part in parts):
            shown.append(token)
        elif shown and shown[-1] != "…":
            shown.append("…")
    text = _clipped(" ".join(shown).strip("… "), _TITLE)
    return text if len(task_words(text)) > 1 else _clipped(_line(kind.central.query), _TITLE)


def _steps(example: str, others: Sequence[str]) -> list[str]:
    """Lines of an answer that most of the others have too, as far as words tell."""
    compared = [_lines(other) for other in others[:_ANSWERS]]
    steps = []
    for line in _lines(example):
        alike = sum(
            max(similarities(line, lines), default=0.0) >= RECURRENCE_THRESHOLD
            for lines in compared
        )
        if alike and alike >= _SHARE * len(compared):
            steps.append(line)
    return steps


def _lines(answer: str) -> list[str]:
    prose = _FENCE.sub("\n", answer)
    # Line by line: a pattern over all of them would try every run of blank lines from each one.
    found = (_STEP.match(line.strip()) for line in prose.split("\n"))
    return [step[1].strip() for step in islice(filter(None, found), _STEPS)]


def _common_commands(runs: Sequence[Sequence[str]]) -> list[str]:
    """Commands that went well in two tasks or more, the most frequent first."""
    counts = Counter(_line(each) for commands in runs for each in dict.fromkeys(commands))
    frequent = [each for each, count in counts.most_common() if count > 1]
    return frequent[:_COMMANDS]


def _different(tasks: Sequence[Task]) -> list[Task]:
    """The latest few of them that are not the same."""
    chosen: list[Task] = []
    for task in reversed(tasks):
        if len(chosen) < _EXAMPLES and not any(
            same_task(task.query, other.query) for other in chosen
        ):
            chosen.append(task)
    return chosen


def _line(text: str) -> str:
    return _clipped(" ".join(text.split()), _QUERY)


def _clipped(text: str, characters: int) -> str:
    """``text`` in at most so many characters, cut between words where it can be."""
    if len(text) <= characters:
        return text
    cut = text[: characters - 1]
    head, space, _ = cut.rpartition(" ")
    return f"{(head if space and len(head) > characters // 2 else cut).rstrip()}…"
