"""A turn of a coding session as it was seen: what was asked, what was done, what was answered."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

_TRACKED = re.compile(
    r'\\?"interaction_id\\?":\s*\\?"([0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12})'
)


class ActionKind(StrEnum):
    """What an agent did: ran a command, changed a file, or called another tool."""

    COMMAND = "command"
    EDIT = "edit"
    TOOL = "tool"


@dataclass(frozen=True, slots=True)
class Action:
    """One step of a turn.

    ``subject`` is the command line, the path of the file, or the tool's name and arguments;
    ``detail`` the part of what it printed or changed that says how it went. ``exit_code`` is that
    of a command where it is known; ``ok`` is False where the step failed.
    """

    kind: ActionKind
    subject: str
    ok: bool
    exit_code: int | None = None
    detail: str = ""
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Turn:
    """From a user's prompt to the end of the agent's answer.

    ``key`` is the same however often, and by whichever way, the turn is reported. ``tokens_used``
    counts both directions, ``latency_ms`` is in milliseconds. ``showing_id`` names the context that
    was injected. A turn of a subagent names it in ``agent``; one that the user broke off is
    ``interrupted``.
    """

    key: str
    session_id: str
    project: str
    prompt: str
    response: str
    model: str
    started_at: datetime
    actions: tuple[Action, ...] = ()
    tokens_used: int = 0
    latency_ms: int = 0
    showing_id: str | None = None
    agent: str | None = None
    interrupted: bool = False


def tracked_by_agent(actions: Sequence[Action]) -> str | None:
    """The id of the interaction that the agent itself tracked its work as, by the last such call
    among its ``actions``; None where it made none."""
    for action in reversed(actions):
        name = action.subject.partition(" ")[0]
        if action.kind is ActionKind.TOOL and action.ok and is_tracking(name):
            found = _TRACKED.search(action.detail)
            if found is not None:
                return found[1]
    return None


def is_tracking(tool: str) -> bool:
    """Whether a tool, as a client names it, is our `track_interaction`."""
    return tool.startswith("mcp__") and tool.endswith("__track_interaction")


def turn_key(session_id: str, prompt: str, occurrence: int) -> str:
    """The key of a turn of Claude Code.

    It is made of nothing but what both the hooks and the session file tell: the ``occurrence``-th
    time, from 1, that this ``prompt`` was given in the session. White space around a prompt does
    not count.
    """
    return digest_turn_key(session_id, prompt_digest(prompt), occurrence)


def prompt_digest(prompt: str) -> str:
    """What a prompt is known by in a key: the prompt itself may hold a secret."""
    return hashlib.sha256(prompt.strip().encode(errors="surrogatepass")).hexdigest()[:16]


def digest_turn_key(session_id: str, digest: str, occurrence: int) -> str:
    """`turn_key` where only the digest of the prompt is left."""
    return f"claude-code:{session_id}:{digest}:{occurrence}"
