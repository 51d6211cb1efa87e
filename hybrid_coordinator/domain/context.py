"""What `augment_query` gives back, and what it would give back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from hybrid_coordinator.domain.items import ContextItem, shown_ids
from hybrid_coordinator.domain.route import Route


@dataclass(frozen=True, slots=True)
class PackedContext:
    """Items that fit a token budget, and the fenced text made of them.

    ``text`` is empty where ``items`` is; ``tokens`` is the cost of ``text``.
    """

    items: tuple[ContextItem, ...]
    text: str
    tokens: int


@dataclass(frozen=True, slots=True)
class Augmentation:
    """A question with the context that was found for it.

    ``tokens`` counts the context in ``augmented_prompt``, not the question itself.
    ``abstained`` says that nothing relevant was found and the prompt is the bare question.
    ``showing_id`` is what the record calls it; None where nothing was shown or held back.
    """

    augmented_prompt: str
    items: tuple[ContextItem, ...]
    tokens: int
    abstained: bool
    route: Route
    notices: tuple[str, ...] = ()
    showing_id: str | None = None


class Fate(StrEnum):
    """What becomes of something that was found: an agent is shown it; chance held it back, so that
    its worth can be told; other items are better or it does not fit; it does not speak of the
    question."""

    SHOWN = "shown"
    HELD_BACK = "held_back"
    PASSED_OVER = "passed_over"
    IRRELEVANT = "irrelevant"


@dataclass(frozen=True, slots=True)
class Candidate:
    """Something that was found for a question, and what becomes of it."""

    item: ContextItem
    fate: Fate


@dataclass(frozen=True, slots=True)
class Preview:
    """What is found for a question, best first, and the context (of ``tokens`` tokens) that an
    agent would get. ``abstained`` says that nothing found is about the question."""

    candidates: tuple[Candidate, ...]
    text: str
    tokens: int
    abstained: bool
    notices: tuple[str, ...] = ()


def previewed(
    listed: Sequence[ContextItem],
    relevant: Sequence[ContextItem],
    packed: PackedContext,
    held: ContextItem | None,
    notices: tuple[str, ...] = (),
) -> Preview:
    """What becomes of everything that was ``listed`` or found ``relevant``."""
    shown = set(shown_ids(packed.items))
    about = {item.id for item in relevant}

    def fate(item: ContextItem) -> Fate:
        if held is not None and item.id == held.id:
            return Fate.HELD_BACK
        if item.id in shown:
            return Fate.SHOWN
        return Fate.PASSED_OVER if item.id in about else Fate.IRRELEVANT

    # What an agent is shown comes first, in the order of its context.
    found = {item.id: item for item in (*packed.items, *listed, *relevant)}
    candidates = tuple(Candidate(item, fate(item)) for item in found.values())
    return Preview(candidates, packed.text, packed.tokens, not relevant, notices)
