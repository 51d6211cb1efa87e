"""Recording what was done. No model is called on this path."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace

from hybrid_coordinator.domain.injected import without_injected
from hybrid_coordinator.domain.interactions import NewInteraction
from hybrid_coordinator.domain.reply import AttemptLog
from hybrid_coordinator.domain.secrets import Scrubber
from hybrid_coordinator.storage.postgres.interactions import InteractionRecords


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

    def _scrubbed(self, new: NewInteraction) -> NewInteraction:
        scrub = self._scrubber.scrub
        return replace(
            new,
            query=scrub(without_injected(new.query)),
            response=scrub(without_injected(new.response)),
            model_used=scrub(new.model_used),
            session_id=None if new.session_id is None else scrub(new.session_id),
        )
