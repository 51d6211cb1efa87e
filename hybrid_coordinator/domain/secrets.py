"""Replacing secrets in texts by typed placeholders such as ``<SECRET:github-token>``.

Three sorts are found: formats that tell by their looks, values whose surroundings name them, and
values that we know because they are configured. A placeholder holds no quote and no backslash,
and no match ends inside an escape, so JSON that carried a secret in a string stays valid.
"""

from __future__ import annotations

import json
from collections.abc import Iterable

from hybrid_coordinator.domain.secret_contexts import replace_in_context
from hybrid_coordinator.domain.secret_rules import FORMAT_RULES

_MIN_KNOWN = 8
"""Characters below which a configured value is too common to be searched for everywhere."""


class Scrubber:
    """Replaces secrets. Deterministic but for what it comes to know; scrubbing a scrubbed text
    changes nothing."""

    def __init__(self, known: Iterable[str] = ()) -> None:
        """``known``: configured values (API keys, passwords) that must never be stored. Those of
        less than eight characters are left to the other rules."""
        self._known: tuple[str, ...] = ()
        self.know(known)

    def know(self, values: Iterable[str]) -> None:
        """Take further configured values for secrets. Former ones stay secret."""
        long = [value for value in values if len(value) >= _MIN_KNOWN]
        forms = {form for value in long for form in (value, json.dumps(value)[1:-1])}
        # The longest first, so that a value which holds another goes whole.
        known = forms.union(self._known)
        self._known = tuple(sorted(known, key=lambda form: (-len(form), form)))

    def scrub(self, text: str) -> str:
        """The text with every secret that was found replaced by ``<SECRET:kind>``."""
        while (scrubbed := self._once(text)) != text:
            # A replaced secret can lay bare another one beside it. This ends: each round takes
            # away characters that no placeholder gives back.
            text = scrubbed
        return text

    def _once(self, text: str) -> str:
        for value in self._known:
            text = text.replace(value, _placeholder("known-value"))
        for rule in FORMAT_RULES:
            for mark in rule.marks:
                if mark in text:
                    text = rule.pattern.sub(_placeholder(rule.kind), text)
                    break
        return replace_in_context(text, _placeholder)


def _placeholder(kind: str) -> str:
    return f"<SECRET:{kind}>"
