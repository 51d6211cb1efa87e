"""What became of a turn's commits and edits: kept by the turns after it, or undone."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from hybrid_coordinator.domain.shell import SimpleCommand, simple_commands
from hybrid_coordinator.domain.turns import Action, ActionKind, Turn

_HASH = re.compile(r"^\[[^\]\n]* (?P<hash>[0-9a-f]{7,40})\]", re.MULTILINE)
_RELATIVE = re.compile(r"(?:HEAD|@)(?:~(?P<number>\d*)|(?P<carets>\^+)|(?P<self>))$")


@dataclass(frozen=True, slots=True)
class Fate:
    """``committed`` where no turn has followed yet; ``seen`` says what showed it."""

    kind: Literal["committed", "kept", "undone"]
    seen: str


def kept_or_undone(turn: Turn, later: Sequence[Turn]) -> Fate | None:
    """What became of what ``turn`` left behind; None if it left nothing that can be followed."""
    commits = [
        found["hash"] if (found := _HASH.search(action.detail)) else ""
        for action, command in _git(turn)
        if _words(command)[:1] == ["commit"] and "--dry-run" not in command.arguments
    ]
    edited = {
        action.subject for action in turn.actions if action.kind is ActionKind.EDIT and action.ok
    }
    newer = 0  # commits on top of the turn's last one
    for each in later:
        for _, command in _git(each):
            words = _words(command)
            if words[:1] == ["commit"] and "--amend" not in command.arguments:
                newer += 1
            undone = (commits and _undoes_commit(command, commits, newer)) or (
                not commits and edited and newer == 0 and _undoes_edit(command, edited)
            )
            if undone:
                line = " ".join(("git", *command.arguments))[:80]
                return Fate("undone", f"its changes were undone by `{line}`")
    if not commits:
        return None
    name = f" {commits[-1]}" if commits[-1] else ""
    if later:
        return Fate("kept", f"its commit{name} was kept")
    return Fate("committed", f"it committed{name}")


def _git(turn: Turn) -> Iterator[tuple[Action, SimpleCommand]]:
    for action in turn.actions:
        if action.kind is ActionKind.COMMAND and action.ok and "git" in action.subject:
            for command in simple_commands(action.subject):
                if command.program == "git":
                    yield action, command


def _words(command: SimpleCommand) -> list[str]:
    """The arguments without git's own options, as in `git -C path commit`."""
    words = list(command.arguments)
    while words and words[0].startswith("-"):
        words = words[2:] if words[0] in ("-C", "-c") else words[1:]
    return words


def _undoes_commit(command: SimpleCommand, commits: Sequence[str], newer: int) -> bool:
    words = _words(command)
    targets = [word for word in words[1:] if not word.startswith("-")]
    match words[:1]:
        case ["revert"]:
            return any(
                _is_commit(target, commits) or (_back(target) == newer) for target in targets
            )
        case ["reset"]:
            return any((_back(target) or 0) > newer for target in targets)
    return False


def _is_commit(target: str, commits: Sequence[str]) -> bool:
    return len(target) >= 7 and any(
        each and (target.startswith(each) or each.startswith(target)) for each in commits
    )


def _back(target: str) -> int | None:
    """How many commits a name like HEAD~2 lies back; None for another name."""
    found = _RELATIVE.match(target)
    if found is None:
        return None
    if found["carets"]:
        return len(found["carets"])
    if found["number"] is not None:
        return int(found["number"] or 1)
    return 0


def _undoes_edit(command: SimpleCommand, edited: set[str]) -> bool:
    words = _words(command)
    paths = [word for word in words[1:] if not word.startswith("-")]
    match words[:1]:
        case ["restore"]:
            return "--staged" not in words and _touches(paths, edited)
        case ["checkout"]:
            return _touches(paths, edited)
        case ["reset"]:
            return "--hard" in words
        case ["stash"]:
            return words[1:2] in ([], ["push"], ["save"], ["-u"])
    return False


def _touches(paths: Sequence[str], edited: set[str]) -> bool:
    return any(
        path in (".", "*", ":/")
        or any(
            file == path or file.endswith(f"/{path.removeprefix('./')}") or f"/{path}/" in file
            for file in edited
        )
        for path in paths
    )
