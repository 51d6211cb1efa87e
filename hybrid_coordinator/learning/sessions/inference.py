"""Setting outcomes that are inferred: each turn of a session is judged by those after it."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence

from hybrid_coordinator.domain.interactions import Outcome, OutcomeKind, OutcomeSource
from hybrid_coordinator.domain.turns import Turn
from hybrid_coordinator.learning.outcomes import OutcomeRecorder
from hybrid_coordinator.learning.sessions.signs import LATER_TURNS, infer
from hybrid_coordinator.storage.postgres.interactions import InteractionRecords
from hybrid_coordinator.storage.postgres.turns import RecordedTurn

_AT_ONCE = 5
"""Turns that are judged at a time: most of it is waiting for the disk. The pool of the record has
ten connections, and others wait."""

_UNDECIDED = Outcome(
    OutcomeKind.UNKNOWN, 0, "what was seen points both ways", OutcomeSource.INFERRED, 0.5
)

_WINDOW = 4 * LATER_TURNS
"""Turns that are looked at for the later ones of one: subagents' lie between."""


class OutcomeInference:
    """Infers outcomes from what the record has of a session, and sets them. What was stated
    stays, as the record has it."""

    def __init__(self, records: InteractionRecords, outcomes: OutcomeRecorder) -> None:
        self._records = records
        self._outcomes = outcomes

    async def follow(self, project: str, session_id: str) -> None:
        """Judge the latest turns of a session again: a new one may say something about them."""
        recorded = await self._records.session_turns(project, session_id, 2 * _WINDOW)
        turns = [each.turn for each in recorded]
        for place in range(max(len(recorded) - _WINDOW, 0), len(recorded)):
            await self._judge(recorded[place], turns[place + 1 :])

    async def review(self, project: str, session_id: str) -> Counter[OutcomeKind]:
        """Judge every turn of a session; what was inferred, counted."""
        judged: Counter[OutcomeKind] = Counter()
        window: list[RecordedTurn] = []
        while True:
            after = window[-1] if window else None
            more = await self._records.turns_after(project, session_id, after, _WINDOW)
            window += more
            turns = [each.turn for each in window]
            ready = len(window) - _WINDOW if more else len(window)
            for start in range(0, ready, _AT_ONCE):
                kinds = await asyncio.gather(
                    *(
                        self._judge(window[place], turns[place + 1 :])
                        for place in range(start, min(start + _AT_ONCE, ready))
                    )
                )
                judged.update(kind for kind in kinds if kind is not None)
            if not more:
                return judged
            window = window[max(ready, 0) :]

    async def _judge(self, recorded: RecordedTurn, later: Sequence[Turn]) -> OutcomeKind | None:
        """Set what is inferred of a turn; None where nothing tells how it went."""
        stored = recorded.outcome
        if stored is not None and stored.source is OutcomeSource.STATED:
            return None
        outcome = infer(recorded.turn, later)
        if outcome is None and stored is not None:
            # What was inferred before does not hold any more.
            outcome = _UNDECIDED
        if outcome is not None and outcome != stored:
            await self._outcomes.update(recorded.id, outcome)
        return None if outcome is None or outcome is _UNDECIDED else outcome.kind
