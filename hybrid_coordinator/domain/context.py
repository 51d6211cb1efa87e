"""What `augment_query` gives back."""

from __future__ import annotations

from dataclasses import dataclass

from hybrid_coordinator.domain.items import ContextItem
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
