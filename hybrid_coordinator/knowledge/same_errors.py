"""Entries about the very error that a question quotes: found by its signature, not by its words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from hybrid_coordinator.domain.error_signatures import signatures
from hybrid_coordinator.domain.error_values import normalise
from hybrid_coordinator.domain.items import GLOBAL_PROJECT, CollectionName
from hybrid_coordinator.domain.knowledge import JsonValue
from hybrid_coordinator.storage.vectors.protocol import ScoredHit, VectorIndex

SIGNATURE = "error_signature"
"""The payload field; see ``collections/error-solutions.yaml``."""

_MOST_ENTRIES = 20
_MOST_LINES = 200
_SHORTEST = 12
"""Characters of a title below which any text may hold it."""


@dataclass(frozen=True, slots=True)
class QuotedErrors:
    """The errors in a question. ``keys`` are their signatures, ``lines`` its lines without values:
    in prose more words stand around an error than belong to it."""

    keys: tuple[str, ...]
    lines: tuple[str, ...]

    @classmethod
    def in_question(cls, text: str) -> QuotedErrors:
        """What ``text`` quotes; nothing if it quotes no error."""
        keys = tuple(error.key for error in signatures(text) if error.telling)
        if not keys:
            return cls((), ())
        lines = text.replace("`", "").splitlines()
        return cls(keys, tuple(normalise(line).casefold() for line in lines[-_MOST_LINES:]))

    def are(self, payload: Mapping[str, JsonValue]) -> bool:
        """Whether an entry is about one of them."""
        if not self.keys:
            return False
        if payload.get(SIGNATURE) in self.keys:
            return True
        title = payload.get("error_message")
        if not isinstance(title, str) or len(title) < _SHORTEST:
            return False
        message = normalise(title).casefold()  # once: it takes longer than all the comparisons
        return any(message in line for line in self.lines)

    async def found_too(
        self, index: VectorIndex, hits: Sequence[ScoredHit], project: str
    ) -> list[ScoredHit]:
        """``hits`` in `error-solutions`, with the entries about these errors that are not among
        them: other words may have outweighed theirs."""
        if not self.keys:
            return list(hits)
        where = {"project": [project, GLOBAL_PROJECT], SIGNATURE: list(self.keys)}
        points, _ = await index.scroll(
            CollectionName.ERROR_SOLUTIONS, where=where, limit=_MOST_ENTRIES
        )
        there = {hit.id for hit in hits}
        best = max((hit.score for hit in hits), default=1.0)
        added = [ScoredHit(point.id, best, point.payload) for point in points]
        return [*(hit for hit in added if hit.id not in there), *hits]
