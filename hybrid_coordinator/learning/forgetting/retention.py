"""Retention: interactions beyond their age are deleted in the background, in small steps."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from hybrid_coordinator.errors import HybridError
from hybrid_coordinator.storage.postgres.forgetting import Forgetting
from hybrid_coordinator.storage.postgres.forgotten import Tombstones

_A_TRANSACTION = 25
"""Outcomes wait meanwhile: some 1 ms a row."""
_PASS_SECONDS = 3600.0
_SHOWINGS = timedelta(days=30)
_TOMBSTONES = timedelta(days=30)
_UNANSWERED = timedelta(days=90)
_SPEND = timedelta(days=1100)
"""Three years of books."""

_log = logging.getLogger(__name__)


class Retention:
    """Deletes what is older than ``learning.retention_days``, and what nobody will ask for again.

    What was learned from an old interaction stays: entries keep their text, and lose that
    evidence.
    """

    def __init__(
        self,
        forgetting: Forgetting,
        tombstones: Tombstones,
        retention_days: Callable[[], int | None],
        wake: Callable[[], None],
    ) -> None:
        """``wake`` tells the projection that something has to leave the index."""
        self._forgetting = forgetting
        self._tombstones = tombstones
        self._retention_days = retention_days
        self._wake = wake

    async def run(self) -> None:
        """A pass every hour, from now on until cancelled."""
        while True:
            try:
                await self.work()
            except HybridError as error:
                _log.warning("what is too old stays for now: %s", error)
            await asyncio.sleep(_PASS_SECONDS)

    async def work(self) -> int:
        """One pass; returns how many interactions were deleted."""
        now = datetime.now(UTC)
        await self._forgetting.expire_showings(now - _SHOWINGS)
        await self._tombstones.expire(now - _TOMBSTONES)
        await self._forgetting.expire_unanswered(now - _UNANSWERED)
        await self._forgetting.expire_spend(now - _SPEND)
        days = self._retention_days()
        if days is None:
            return 0
        before = now - timedelta(days=days)
        count = 0
        while deleted := await self._forgetting.expire(before, _A_TRANSACTION):
            count += deleted
            self._wake()
        if count:
            _log.info("deleted %d interactions that were older than %d days", count, days)
        return count
