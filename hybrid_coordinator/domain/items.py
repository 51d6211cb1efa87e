"""What retrieval hands to an agent: collections and context items."""

from __future__ import annotations

from collections.abc import Iterable
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
class SourceLines:
    """Where a piece of a file stands: lines from 1, ``end`` inclusive."""

    root: str
    path: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class ContextItem:
    """One piece of context, with its reason for being there.

    ``score`` is the ranking's (higher is better, comparable within one collection and query);
    ``relevance`` in 0-1 is the share of the question's words that it holds, comparable within a
    query.
    ``success_rate`` is in 0-1, None until an outcome is known. What is ``exact`` is about the very
    thing that was asked for, as an entry about the quoted error: it goes before all that is alike.

    ``lines`` says where code stands, None for what was learned. ``signature`` is one line that
    stands for the text where that does not fit, ``enclosing`` the signatures of the definitions
    around it, outermost first. ``merged_ids`` are the ids of the items that became part of this
    one: what is shown shows them too.
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
    lines: SourceLines | None = None
    signature: str = ""
    enclosing: tuple[str, ...] = ()
    merged_ids: tuple[str, ...] = ()
    relevance: float = 1.0
    exact: bool = False

    @property
    def learned(self) -> bool:
        """Whether it is of one of the four collections of what was learned, and no code."""
        return self.collection is not CollectionName.CODEBASE_CONTEXT


def shown_ids(items: Iterable[ContextItem]) -> tuple[str, ...]:
    """The ids of everything that ``items`` show, in order: an outcome is credited to each."""
    return tuple(dict.fromkeys(key for item in items for key in (item.id, *item.merged_ids)))
