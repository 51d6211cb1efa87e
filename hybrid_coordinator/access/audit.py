"""The audit: what is done under a token, and what is refused, for as long as the settings say."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

from hybrid_coordinator.domain.access import AuditEntry, Deed
from hybrid_coordinator.domain.rates import TokenBucket
from hybrid_coordinator.domain.secrets import Scrubber
from hybrid_coordinator.errors import HybridError
from hybrid_coordinator.storage.postgres.audit import AuditRecords

_log = logging.getLogger(__name__)

_PASS_SECONDS = 3600.0
_REFUSALS_A_SECOND, _REFUSALS_AT_ONCE = 5.0, 300.0
"""More of them tell nothing new, and would let strangers fill the disk."""
_LONGEST = 500


class Audit:
    """Written before what is done is begun: where that cannot be written down, it is not done."""

    def __init__(
        self, records: AuditRecords, scrubber: Scrubber, retention_days: Callable[[], int]
    ) -> None:
        self._records = records
        self._scrubber = scrubber
        self._retention_days = retention_days
        self._refusals = TokenBucket(_REFUSALS_A_SECOND, _REFUSALS_AT_ONCE)

    async def allow(self, deed: Deed) -> None:
        """Write down what is about to be done.

        Raises:
            HybridError: it cannot be; then nothing may be done.
        """
        await self._records.add(self._clean(deed))

    async def refuse(self, deed: Deed, reason: str) -> None:
        """Write down what was refused. A refusal stands whether that succeeds or not."""
        deed = self._clean(replace(deed, allowed=False, reason=reason))
        if self._refusals.take():
            _log.warning("refused many requests; this one is not in the audit: %s", deed.action)
            return
        try:
            await self._records.add(deed)
        except HybridError as error:
            _log.warning("refused %s to %s; not in the audit: %s", deed.action, deed.user, error)

    async def page(
        self,
        *,
        user: str | None = None,
        allowed: bool | None = None,
        since: datetime | None = None,
        before: int | None = None,
        limit: int = 100,
    ) -> list[AuditEntry]:
        """The latest ``limit`` entries with an id below ``before``; what is None does not
        restrict."""
        return await self._records.page(user, allowed, since, before, limit)

    async def run(self) -> None:
        """Delete what is too old, every hour, until cancelled."""
        while True:
            try:
                await self._records.expire(timedelta(days=self._retention_days()))
            except HybridError as error:
                _log.warning("what is too old in the audit stays for now: %s", error)
            await asyncio.sleep(_PASS_SECONDS)

    def _clean(self, deed: Deed) -> Deed:
        """No secret is ever in it: a path or an argument may hold one. A NUL, which Postgres does
        not take, keeps nothing out of it."""

        def scrub(text: str) -> str:
            return self._scrubber.scrub(text.replace("\0", "\N{REPLACEMENT CHARACTER}"))

        return replace(
            deed,
            action=scrub(deed.action)[:_LONGEST],
            target=scrub(deed.target)[:_LONGEST],
            reason=scrub(deed.reason)[:_LONGEST],
        )
