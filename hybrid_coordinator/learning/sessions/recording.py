"""Recording observed turns as interactions: once each, scrubbed, bounded, trivial ones skipped.

A turn whose prompt is "continue" or "yes" is no task of its own: what was done in it belongs to the
turn before it.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace

from hybrid_coordinator.domain.clipping import storable
from hybrid_coordinator.domain.interactions import AgentType, NewInteraction
from hybrid_coordinator.domain.turns import Action, ActionKind, Turn
from hybrid_coordinator.learning.sessions.inference import OutcomeInference
from hybrid_coordinator.learning.sessions.trivial import GO_ON, own_prompt, reason_to_skip
from hybrid_coordinator.learning.tracking import Tracker, TurnReport

MAX_ACTIONS = 200
_MAX_COUNT = 2**31 - 1


@dataclass(frozen=True, slots=True)
class Recorded:
    """What became of a turn: ``id`` of its interaction, None where it was left out; ``report``
    what it was to the record, or why it was left out."""

    id: str | None
    report: str


class TurnRecorder:
    """Writes turns to the record. ``skipped`` counts those left out by the reason."""

    def __init__(self, tracker: Tracker, inference: OutcomeInference) -> None:
        self._tracker = tracker
        self._inference = inference
        self.skipped: Counter[str] = Counter()

    async def record(self, turn: Turn) -> str | None:
        """Store a turn of a session that is going on, and infer anew how the last ones of the
        session went. Returns the id of its interaction once it is durable, None if it was left
        out. A second report of a turn changes nothing, unless it has more than the first.
        """
        recorded = await self.store(turn)
        if recorded.id is None:
            return None
        if recorded.report != TurnReport.KNOWN:
            await self._inference.follow(turn.project, turn.session_id)
        return recorded.id

    async def store(self, turn: Turn) -> Recorded:
        """Store a turn and infer nothing yet."""
        reason = reason_to_skip(turn)
        if reason == GO_ON:
            continued = await self._tracker.continue_turn(interaction_of(turn))
            if continued is not None:
                return Recorded(continued.id, continued.report.value)
        if reason is not None:
            self.skipped[reason] += 1
            return Recorded(None, reason)
        tracked = await self._tracker.track_turn(interaction_of(turn))
        if tracked.report is TurnReport.COPY:
            reason = "copied from another session"
            self.skipped[reason] += 1
            return Recorded(None, reason)
        return Recorded(tracked.id, tracked.report.value)


def interaction_of(turn: Turn) -> NewInteraction:
    """The turn as an interaction that the record can hold. The tracker bounds its texts, once they
    are scrubbed."""
    return NewInteraction(
        project=storable(turn.project),
        query=own_prompt(storable(turn.prompt)),
        response=storable(turn.response),
        agent_type=AgentType.REMOTE,
        model_used=storable(turn.model) or "unknown",
        tokens_used=min(max(turn.tokens_used, 0), _MAX_COUNT),
        latency_ms=min(max(turn.latency_ms, 0), _MAX_COUNT),
        session_id=storable(turn.session_id),
        turn_key=storable(turn.key),
        created_at=turn.started_at,
        actions=tuple(_storable_action(each) for each in telling(turn.actions)),
        showing_id=turn.showing_id,
        agent=None if turn.agent is None else storable(turn.agent),
        interrupted=turn.interrupted,
    )


def _storable_action(action: Action) -> Action:
    code = action.exit_code
    return replace(
        action,
        subject=storable(action.subject),
        detail=storable(action.detail),
        exit_code=None if code is None or abs(code) > _MAX_COUNT else code,
    )


def telling(actions: tuple[Action, ...]) -> tuple[Action, ...]:
    """At most ``MAX_ACTIONS`` steps, in order: what only looked at something goes first, then what
    is oldest."""
    excess = len(actions) - MAX_ACTIONS
    if excess <= 0:
        return actions
    looks = [n for n, each in enumerate(actions) if each.kind is ActionKind.TOOL and each.ok]
    others = [n for n in range(len(actions)) if n not in set(looks)]
    dropped = set((looks + others)[:excess])
    return tuple(each for n, each in enumerate(actions) if n not in dropped)
