"""Where a task should go: task types, complexity, tiers."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class TaskType(StrEnum):
    """Kinds of work that models differ at."""

    TEMPLATE = "template"
    FORMAT = "format"
    EDIT = "edit"
    GENERATION = "generation"
    ANALYSIS = "analysis"
    PLANNING = "planning"
    DEBUGGING = "debugging"
    MULTI_FILE = "multi-file"
    EXTRACTION = "extraction"
    CLASSIFICATION = "classification"
    QUESTION = "question"


class Complexity(StrEnum):
    """How hard a task looks before anyone has tried it."""

    SIMPLE = "simple"
    MODERATE = "moderate"
    COMPLEX = "complex"


class Tier(StrEnum):
    """Groups of models by what they can be trusted with, cheapest first."""

    LOCAL_FAST = "LOCAL_FAST"
    LOCAL_QUALITY = "LOCAL_QUALITY"
    API_FALLBACK = "API_FALLBACK"


class Target(StrEnum):
    """On this machine, or not."""

    LOCAL = "local"
    REMOTE = "remote"


@dataclass(frozen=True, slots=True)
class Route:
    """A routing decision. ``confidence`` and ``score`` (need of the strongest tier) are in 0-1,
    ``complexity_score`` is in 0-10. ``rule`` is what decided, ``chain`` whom to ask in turn, in
    words; ``skipped`` are models that cannot be asked, with the reason. ``budget_left_usd`` is
    None where no remote model may be asked, or where nothing bounds it."""

    target: Target
    tier: Tier
    task_type: TaskType
    complexity: Complexity
    confidence: float
    score: float
    reason: str
    complexity_score: float = 0.0
    rule: str = ""
    chain: tuple[str, ...] = ()
    skipped: tuple[str, ...] = ()
    notices: tuple[str, ...] = ()
    budget_left_usd: float | None = None
