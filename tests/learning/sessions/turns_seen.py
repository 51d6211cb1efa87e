"""Short ways to write down turns, for tests of what is inferred from them."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import count

from hybrid_coordinator.domain.turns import Action, ActionKind, Turn

START = datetime(2026, 3, 1, 9, 0, tzinfo=UTC)
_numbers = count()


def ran(command: str, code: int | None = 0, printed: str = "") -> Action:
    """A command that ended with this exit code."""
    return Action(ActionKind.COMMAND, command, code == 0, code, printed)


def edited(path: str = "/app/src/login.py") -> Action:
    """A change of a file."""
    return Action(ActionKind.EDIT, path, True, None, "-a\n+b")


def refused(path: str = "/app/src/login.py") -> Action:
    """A change that the user did not allow."""
    words = "The user doesn't want to proceed with this tool use. The tool use was rejected"
    return Action(ActionKind.EDIT, path, False, None, words)


def turn(
    prompt: str = "Fix the login", *actions: Action, answer: str = "Done.", **more: object
) -> Turn:
    """A turn of the session "s1" of "app", after those made before."""
    number = next(_numbers)
    made = Turn(
        key=f"key-{number}",
        session_id="s1",
        project="app",
        prompt=prompt,
        response=answer,
        model="claude",
        started_at=START + timedelta(minutes=number),
        actions=actions,
    )
    return replace(made, **more)
