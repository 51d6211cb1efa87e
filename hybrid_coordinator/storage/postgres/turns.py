"""Turns of coding sessions as rows, and back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from hybrid_coordinator.domain.interactions import Outcome
from hybrid_coordinator.domain.knowledge import JsonValue
from hybrid_coordinator.domain.turns import Action, ActionKind, Turn
from hybrid_coordinator.storage.postgres.database import Row


@dataclass(frozen=True, slots=True)
class RecordedTurn:
    """A turn with the id of its interaction, and its latest outcome if it has one."""

    id: str
    turn: Turn
    outcome: Outcome | None


def action_rows(actions: Sequence[Action]) -> list[JsonValue]:
    """The steps as the queries take them: JSON objects, in order."""
    return [
        {
            "kind": each.kind.value,
            "subject": each.subject,
            "ok": each.ok,
            "exit_code": each.exit_code,
            "detail": each.detail,
            "at": None if each.at is None else each.at.isoformat(),
        }
        for each in actions
    ]


def action(row: Mapping[str, Any] | Row) -> Action:
    """A step from its row, or from the JSON object of one."""
    at = row["at"]
    return Action(
        ActionKind(row["kind"]),
        row["subject"],
        row["ok"],
        row["exit_code"],
        row["detail"],
        datetime.fromisoformat(at) if isinstance(at, str) else at,
    )


def recorded_turn(row: Row, outcome: Outcome | None) -> RecordedTurn:
    """A turn from a row of `session_turns`."""
    return RecordedTurn(
        str(row["id"]),
        Turn(
            key=row["turn_key"],
            session_id=row["session_id"],
            project=row["project"],
            prompt=row["query"],
            response=row["response"],
            model=row["model_used"],
            started_at=row["created_at"],
            actions=tuple(action(each) for each in row["actions"] or ()),
            tokens_used=row["tokens_used"],
            latency_ms=row["latency_ms"],
            agent=row["agent"],
            interrupted=row["interrupted"],
        ),
        outcome,
    )
