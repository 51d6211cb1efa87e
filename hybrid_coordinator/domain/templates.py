"""Workflow templates: prompts with named places, and the voices of an ensemble.

A place is written ``{{name}}``. A block is what stands between blank lines; a block with a place
whose argument was left away is left away too, so a template reads well without its optional parts.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from hybrid_coordinator.domain.route import TaskType
from hybrid_coordinator.errors import InvalidArgumentError

_PLACE = re.compile(r"\{\{(\w+)\}\}")
_BLANK = re.compile(r"\n[ \t]*\n\s*")
_BACKTICKS = re.compile(r"`{3,}")


@dataclass(frozen=True, slots=True)
class TemplateArgument:
    """What a template can be given. ``material`` is text to work on (code, a log): it is put into
    a fence, so that nothing in it is taken for a part of the prompt."""

    name: str
    description: str
    required: bool = True
    material: bool = False


@dataclass(frozen=True, slots=True)
class Template:
    """A prompt for a kind of work. ``version`` is raised whenever the text changes."""

    name: str
    version: int
    title: str
    description: str
    task_type: TaskType
    arguments: tuple[TemplateArgument, ...]
    text: str

    @property
    def places(self) -> frozenset[str]:
        """The names that the text has places for."""
        return frozenset(_PLACE.findall(self.text))

    def render(self, given: Mapping[str, str]) -> str:
        """The text with every place filled. Empty values count as not given.

        Raises:
            InvalidArgumentError: an argument is unknown, or a required one is missing.
        """
        known = {argument.name: argument for argument in self.arguments}
        if unknown := sorted(set(given) - set(known)):
            raise InvalidArgumentError(
                unknown[0], f"{self.name} has no such argument; it has: {', '.join(known)}"
            )
        values = {name: value for name, value in given.items() if value.strip()}
        for argument in self.arguments:
            if argument.required and argument.name not in values:
                raise InvalidArgumentError(argument.name, f"required: {argument.description}")
        filled = {
            name: fenced(value) if known[name].material else value.strip()
            for name, value in values.items()
        }
        blocks = (
            # One pass: places that an argument's own text holds are not filled.
            _PLACE.sub(lambda place: filled[place.group(1)], block)
            for block in _BLANK.split(self.text.strip())
            if all(name in filled for name in _PLACE.findall(block))
        )
        return "\n\n".join(blocks)


@dataclass(frozen=True, slots=True)
class Voice:
    """A point of view that a model is asked to take. ``task_types`` are those it has something to
    say to; ``system`` is its system prompt."""

    name: str
    task_types: frozenset[TaskType]
    system: str


def fenced(text: str, label: str = "") -> str:
    """``text`` in a Markdown fence that nothing in it can close."""
    longest = max((len(run) for run in _BACKTICKS.findall(text)), default=2)
    fence = "`" * (longest + 1)
    return f"{fence}{label}\n{text}\n{fence}"
