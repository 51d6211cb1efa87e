"""Knowledge as it may be stored: without secrets, and without context that this server gave."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from hybrid_coordinator.domain.injected import own_words, without_injected
from hybrid_coordinator.domain.knowledge import JsonValue, NewKnowledge
from hybrid_coordinator.domain.secrets import Scrubber


def cleaned(new: NewKnowledge, scrubber: Scrubber) -> NewKnowledge:
    """The entry in its own words.

    Raises:
        InvalidArgumentError: its title or content is nothing but injected context.
    """

    def clean_text(text: str) -> str:
        return clean(text, scrubber)

    return replace(
        new,
        title=clean_text(own_words("title", new.title)),
        content=clean_text(own_words("content", new.content)),
        fields={name: map_strings(value, clean_text) for name, value in new.fields.items()},
    )


def clean(text: str, scrubber: Scrubber) -> str:
    """The text without secrets and injected context."""
    return scrubber.scrub(without_injected(text))


def map_strings(value: JsonValue, change: Callable[[str], str]) -> JsonValue:
    """``value`` with ``change`` applied to every string in it, names of members left alone."""
    if isinstance(value, str):
        return change(value)
    if isinstance(value, list):
        return [map_strings(each, change) for each in value]
    if isinstance(value, dict):
        return {name: map_strings(each, change) for name, each in value.items()}
    return value
