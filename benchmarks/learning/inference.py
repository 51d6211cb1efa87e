"""How right inferred outcomes are, on turns that a reader judged."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import yaml

from benchmarks.routing.tables import Table
from hybrid_coordinator.domain.turns import Action, ActionKind, Turn
from hybrid_coordinator.learning.sessions.signs import infer, signs_of

_FILE = Path(__file__).with_name("judged_turns.yaml")
_COMMAND = re.compile(r"\$ (?P<command>.*) \[(?P<code>\d+)\] (?P<printed>.*)", re.DOTALL)
_REFUSED = "The user doesn't want to proceed with this tool use."
_START = datetime(2026, 1, 1, tzinfo=UTC)
_SIDES = {"success": 1, "partial": 0, "failure": -1, "unknown": 0}


def measure(_: Path | None) -> Table:
    """Precision and recall of outcomes, and of each sign by itself; needs no data."""
    read = yaml.safe_load(_FILE.read_text(encoding="utf-8"))
    sets = {
        name: [(row["judged"], _turn(row["turn"], 0), _later(row["next"])) for row in rows]
        for name, rows in read.items()
    }
    outcomes = [row for name, judged in sets.items() for row in _outcomes(name, judged)]
    rows = [*outcomes, *_signs([*sets["seen"], *sets["unseen"]])]
    note = (
        f"{len(sets['seen'])} turns on which words that were wrong or missing were mended, and "
        f"{len(sets['unseen'])} others; before that, outcomes on the first had a precision of .87 "
        "and a recall of .80. An outcome is right that is the judged one; a sign is right that "
        "points the way the turn went (a partial success or an unknown outcome has no way). "
        "Recall is over all turns with that outcome, or that went the sign's way."
    )
    return Table(
        "Are inferred outcomes right?", ["what", "found", "precision", "recall"], rows, note
    )


Judged = Sequence[tuple[str, Turn, list[Turn]]]


def _outcomes(name: str, judged: Judged) -> list[list[str]]:
    right: Counter[str] = Counter()
    found: Counter[str] = Counter()
    truth = Counter(label for label, _, _ in judged)
    for label, turn, later in judged:
        outcome = infer(turn, later)
        kind = "unknown" if outcome is None else outcome.kind.value
        found[kind] += 1
        right[kind] += kind == label
    known = [kind for kind in _SIDES if kind != "unknown"]
    whole = ("any outcome", *(sum(each[k] for k in known) for each in (found, right, truth)))
    kinds = [(kind, found[kind], right[kind], truth[kind]) for kind in _SIDES]
    return [_row(f"{name}: {kind}", *counts) for kind, *counts in (*kinds, whole)]


def _signs(judged: Judged) -> list[list[str]]:
    found: Counter[str] = Counter()
    right: Counter[str] = Counter()
    ways = Counter(_SIDES[label] for label, _, _ in judged)
    side: dict[str, int] = defaultdict(int)
    for label, turn, later in judged:
        for sign in signs_of(turn, later):
            way = 1 if sign.weight > 0 else -1
            name = f"sign: {sign.name} {'+' if way > 0 else '-'}"
            side[name] = way
            found[name] += 1
            right[name] += way == _SIDES[label]
    return [_row(name, found[name], right[name], ways[side[name]]) for name in sorted(found)]


def _row(name: str, found: int, right: int, truth: int) -> list[str]:
    precision = f"{right / found:.2f}" if found else "-"
    return [name, str(found), precision, f"{right / truth:.2f}" if truth else "-"]


def _later(told: list[list[str]]) -> list[Turn]:
    return [_turn(each, number) for number, each in enumerate(told, 1)]


def _turn(told: list[str], number: int) -> Turn:
    prompt, *steps = told
    return Turn(
        key=f"k{number}",
        session_id="s",
        project="p",
        prompt=prompt,
        response="Done.",
        model="m",
        started_at=_START + timedelta(minutes=number),
        actions=tuple(_action(step) for step in steps if step != "broken off"),
        interrupted="broken off" in steps,
    )


def _action(step: str) -> Action:
    command = _COMMAND.fullmatch(step)
    if command:
        code = int(command["code"])
        fields: dict[str, Any] = {"exit_code": code, "detail": command["printed"]}
        return Action(ActionKind.COMMAND, command["command"], code == 0, **fields)
    what, path = step.split(" ", 1)
    refused = what == "refused"
    return Action(ActionKind.EDIT, path, not refused, None, _REFUSED if refused else "-a\n+b")
