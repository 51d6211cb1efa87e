"""What retrieval hands to an agent: collections and context items."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

GLOBAL_PROJECT = "global"
"""The project of knowledge that every project sees (curated practices, shared skills)."""


class CollectionName(StrEnum):
    """The five Qdrant collections."""

    CODEBASE_CONTEXT = "codebase-context"
    SKILLS_PATTERNS = "skills-patterns"
    ERROR_SOLUTIONS = "error-solutions"
    BEST_PRACTICES = "best-practices"
    INTERACTION_HISTORY = "interaction-history"

    @property
    def field(self) -> str:
        """The name as a result field: ``codebase_context`` for ``codebase-context``."""
        return self.value.replace("-", "_")


@dataclass(frozen=True, slots=True)
class ContextItem:
    """One piece of context, with its reason for being there.

    ``score`` is the engine's fused score (higher is better, comparable within one query only).
    ``success_rate`` is in 0-1, None until an outcome is known.
    """

    id: str
    collection: CollectionName
    title: str
    text: str
    source: str
    score: float
    why: str
    uses: int = 0
    success_rate: float | None = None
