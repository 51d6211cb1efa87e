"""Recording what was done. No model is called on this path."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum

from hybrid_coordinator.domain.clipping import clipped
from hybrid_coordinator.domain.injected import without_injected
from hybrid_coordinator.domain.interactions import NewInteraction
from hybrid_coordinator.domain.reply import AttemptLog
from hybrid_coordinator.domain.secrets import Scrubber
from hybrid_coordinator.storage.postgres.interactions import InteractionRecords


class TurnReport(StrEnum):
    """What a report of a turn was to the record: a new turn, more of one, nothing more, or a copy
    of a turn that another session has."""

    NEW = "new"
    COMPLETED = "completed"
    KNOWN = "known"
    COPY = "copy"


@dataclass(frozen=True, slots=True)
class TrackedTurn:
    """The id of the turn's interaction, None for a copy."""

    id: str | None
    report: TurnReport


class Tracker:
    """Writes interactions to the record, without the secrets that stood in them, and without the
    context that was put into their prompts: that is known already."""

    def __init__(
        self, records: InteractionRecords, wake: Callable[[], None], scrubber: Scrubber
    ) -> None:
        """``wake`` tells the projection into the index that there is something new."""
        self._records = records
        self._wake = wake
        self._scrubber = scrubber

    async def track(self, new: NewInteraction, tried: AttemptLog | None = None) -> str:
        """Record an interaction; returns its id once it is durable.

        Raises:
            InvalidArgumentError: a context id is no UUID.
        """
        interaction_id = await self._records.add(
            await asyncio.to_thread(self._scrubbed, new), tried
        )
        self._wake()
        return interaction_id

    async def track_turn(self, new: NewInteraction) -> TrackedTurn:
        """Record an observed turn, or what this report of it has more than the stored one."""
        new = await asyncio.to_thread(lambda: _clipped(self._scrubbed(new)))
        assert new.turn_key is not None
        known = (await self._records.known_turns([new.turn_key])).get(new.turn_key)
        if known is None:
            if await self._records.same_elsewhere(new):
                return TrackedTurn(None, TurnReport.COPY)
            added = await self._records.add_if_new(new)
            if added is not None:
                self._wake()
                return TrackedTurn(added, TurnReport.NEW)
            # Someone else has just reported it.
            known = (await self._records.known_turns([new.turn_key])).get(new.turn_key)
        if not await self._records.complete(new):
            return TrackedTurn(known, TurnReport.KNOWN)
        self._wake()
        return TrackedTurn(known, TurnReport.COMPLETED)

    def _scrubbed(self, new: NewInteraction) -> NewInteraction:
        scrub = self._scrubber.scrub
        return replace(
            new,
            query=scrub(without_injected(new.query)),
            response=scrub(without_injected(new.response)),
            model_used=scrub(new.model_used),
            session_id=None if new.session_id is None else scrub(new.session_id),
            actions=tuple(
                replace(each, subject=scrub(each.subject), detail=scrub(each.detail))
                for each in new.actions
            ),
        )


_TEXT = 50_000
_SUBJECT = 2_000
DETAIL_START, DETAIL_END = 1_500, 2_500
"""Characters. Compilers say what is wrong first, test runners and tracebacks last."""


def _clipped(new: NewInteraction) -> NewInteraction:
    """The turn with as much of its texts as tells how it went. Scrubbed texts only: what is left
    of a secret that was cut through would not be known for one."""
    return replace(
        new,
        query=clipped(new.query, _TEXT, _TEXT),
        response=clipped(new.response, _TEXT, _TEXT),
        actions=tuple(
            replace(
                each,
                subject=clipped(each.subject, _SUBJECT),
                detail=clipped(each.detail, DETAIL_START, DETAIL_END),
            )
            for each in new.actions
        ),
    )
