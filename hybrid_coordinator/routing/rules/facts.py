"""The facts that a rule's condition may name. The documentation is made from this table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Annotated, get_type_hints

from hybrid_coordinator.domain.route import Complexity, TaskType

KEYWORDS = ("security", "performance", "architecture")


class Kind(StrEnum):
    """Types of facts, as messages name them."""

    TEXT = "text"
    WORDS = "a list of words"
    NUMBER = "a number"
    TRUTH = "true or false"


@dataclass(frozen=True, slots=True)
class Fact:
    """``allowed`` are its only values (those of its elements, for words), or empty."""

    kind: Kind
    meaning: str
    allowed: tuple[str, ...] = ()


_TRUTH, _NUMBER = Kind.TRUTH, Kind.NUMBER


@dataclass(frozen=True, slots=True)
class Facts:
    """All that is known when a task is routed."""

    task_type: Annotated[str, Fact(Kind.TEXT, "the kind of work", tuple(TaskType))]
    complexity: Annotated[str, Fact(Kind.TEXT, "how hard it looks", tuple(Complexity))]
    score: Annotated[float, Fact(_NUMBER, "how hard it looks, 0 to 10")]
    tokens: Annotated[int, Fact(_NUMBER, "tokens of the prompt with its files and context")]
    files: Annotated[int, Fact(_NUMBER, "files that come with the prompt")]
    keywords: Annotated[tuple[str, ...], Fact(Kind.WORDS, "concerns that it names", KEYWORDS)]
    tool_turns: Annotated[int, Fact(_NUMBER, "turns of the conversation that used a tool")]
    quality_critical: Annotated[bool, Fact(_TRUTH, "the caller wants the best answer")]
    prefer_local: Annotated[bool, Fact(_TRUTH, "the caller would rather have a local model")]
    local_fast_ready: Annotated[bool, Fact(_TRUTH, "a model of LOCAL_FAST answers")]
    local_quality_ready: Annotated[bool, Fact(_TRUTH, "a model of LOCAL_QUALITY answers")]
    remote_ready: Annotated[bool, Fact(_TRUTH, "a remote model answers and may be asked")]
    free_memory_gb: Annotated[float, Fact(_NUMBER, "free memory of this machine in GB")]
    cores: Annotated[float, Fact(_NUMBER, "processor cores that may be used here")]
    budget_left_usd: Annotated[
        float, Fact(_NUMBER, "what may be spent today; 0 where remote models may not be asked")
    ]


FACTS: Mapping[str, Fact] = MappingProxyType(
    {
        name: hint.__metadata__[0]
        for name, hint in get_type_hints(Facts, include_extras=True).items()
    }
)
"""By name, in the order of the documentation."""


def named(facts: Facts) -> dict[str, object]:
    """The values by name, as conditions see them."""
    return {name: getattr(facts, name) for name in FACTS}
