"""The marks around what the coordinator puts into a prompt."""

from __future__ import annotations

OPENING = "<hybrid-coordinator-context>"
"""The line before injected context."""
CLOSING = "</hybrid-coordinator-context>"
"""The line after it."""
