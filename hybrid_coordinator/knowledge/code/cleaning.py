"""What of a file may be indexed and shown: no secrets, and nothing that we put there."""

from __future__ import annotations

from hybrid_coordinator.domain.injected import without_injected
from hybrid_coordinator.domain.secret_rules import PRIVATE_KEY
from hybrid_coordinator.domain.secrets import Scrubber


def clean(text: str, scrubber: Scrubber) -> str:
    """The text without secrets and without context that the coordinator put into a prompt. Line
    breaks stay, so that lines keep their numbers."""
    return scrubber.scrub(_without_keys(without_injected(text, keep_lines=True)))


def _without_keys(text: str) -> str:
    """The text without private keys. What a scrubber replaces otherwise lies within a line."""
    if not any(mark in text for mark in PRIVATE_KEY.marks):
        return text
    return PRIVATE_KEY.pattern.sub(
        lambda key: f"<SECRET:{PRIVATE_KEY.kind}>" + "\n" * key.group().count("\n"), text
    )
