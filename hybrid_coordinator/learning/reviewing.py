"""Look over entries by their outcomes: those that do harm are retired, or named for a person."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta

from hybrid_coordinator.domain.credit import Doubt, LearningReport, Uplift, UsedEntry
from hybrid_coordinator.domain.knowledge import Origin
from hybrid_coordinator.errors import HybridError, NotFoundError
from hybrid_coordinator.learning.uplift import ENOUGH, uplift, wilson
from hybrid_coordinator.storage.postgres.credit import Credit
from hybrid_coordinator.storage.postgres.knowledge import KnowledgeRecords
from hybrid_coordinator.storage.postgres.showings import Showings

_BECAUSE = "By its outcomes: "
"""How the reasons begin that are given here."""

_FAR_BELOW = 0.5
"""Of the rate of success of its peers: an entry that stays below with 95% confidence is out of
place. Simulated, 2,000 entries each, looked at after each of 300 uses: of those as good as their
peers (at .3, .5 and .8) at most one falls below by chance; of those a third as good as peers of .6,
nearly all whose answers made use of them (half of them after 52 uses), and 30% of those merely
shown. One that never helps is found after 9 answers that made use of it, or 32 showings."""
_PEERS_LEAST = 3.0
"""Credit of its peers below which there is nothing to compare with."""

_Z99 = 2.575829
"""Late outcomes lie below the former ones where intervals of 99% are apart: of entries that stay as
they are 0.2% seem to have gone bad at any time in 300 uses; one that falls from .8 to .1 is noticed
after 10."""
_FORMER_LEAST = 10
"""Outcomes before the late ones, to tell what an entry was like."""

_PAUSE_SECONDS = 5.0
"""Between two reviews: outcomes come together."""
_KEPT = timedelta(days=30)
"""How long a showing may wait for its interaction: one that a hook reports may be late."""

_log = logging.getLogger(__name__)


class Reviewer:
    """Retires learned entries that do harm, and says which stated ones seem to."""

    def __init__(
        self,
        credit: Credit,
        knowledge: KnowledgeRecords,
        showings: Showings,
        changed: Callable[[], None],
    ) -> None:
        """``changed`` is called when an entry was retired: the index must follow."""
        self._credit = credit
        self._knowledge = knowledge
        self._showings = showings
        self._changed = changed
        self._woken = asyncio.Event()
        self._woken.set()  # for what the last run of the process left

    def wake(self) -> None:
        """Say that there are new outcomes. Costs nothing."""
        self._woken.set()

    async def run(self) -> None:
        """Review whenever woken, until cancelled. One that fails is taken up by the next."""
        while True:
            await self._woken.wait()
            self._woken.clear()
            try:
                await self.review()
                await self._showings.delete_older(_KEPT)
            except HybridError:
                _log.warning("Entries could not be reviewed by their outcomes", exc_info=True)
            await asyncio.sleep(_PAUSE_SECONDS)

    async def review(self) -> list[Doubt]:
        """Retire what should be; returns it. Doing so twice, or in two processes, changes nothing
        more."""
        retired = []
        for one in await self._suspected(None):
            # It is for people to take back what they said.
            if one.grave and one.entry.origin is not Origin.STATED:
                with suppress(NotFoundError):  # another process was first
                    await self._knowledge.deprecate(one.entry.id, one.reason)
                    retired.append(_doubt(one, retired=True))
        if retired:
            self._changed()
        return retired

    async def report(self, project: str | None) -> LearningReport:
        """What outcomes taught in a project, or everywhere."""
        changed = uplift(await self._credit.calls(project))
        doubted = [_doubt(one) for one in await self._suspected(project)]
        retired = await self._credit.retired(project, _BECAUSE)
        return LearningReport(changed, (*doubted, *retired))

    async def uplift(self, item_id: str) -> Uplift:
        """What it changed to show one item.

        Raises:
            InvalidArgumentError: ``item_id`` is no UUID.
        """
        strata = await self._credit.of_items([item_id])
        return uplift(next(iter(strata.values()), []))

    async def _suspected(self, project: str | None) -> list[_Suspicion]:
        entries = await self._credit.entries(project)
        bad = [one for entry in entries if (one := _gone_bad(entry)) is not None]
        known = {one.entry.id for one in bad}
        below = [
            one
            for entry in entries
            if entry.id not in known and (one := _far_below_its_peers(entry)) is not None
        ]
        if not below:
            return bad
        by_chance = await self._credit.of_items([one.entry.id for one in below])
        compared = {item: uplift(strata) for item, strata in by_chance.items()}
        return bad + [one for one in below if _stands(compared.get(one.entry.id))]


@dataclass(frozen=True, slots=True)
class _Suspicion:
    """What speaks against an entry; a ``grave`` one takes it out of use."""

    entry: UsedEntry
    reason: str
    grave: bool


def _gone_bad(entry: UsedEntry) -> _Suspicion | None:
    """Whether it fails of late, and did not before: gravely, if its peers do not fail as much."""
    late, former = entry.late, entry.known.total - entry.late.total
    if former < _FORMER_LEAST or late.total <= 0:
        return None
    success = max(0.0, entry.known.success - late.success)
    if wilson(late.success, late.total, _Z99)[1] >= wilson(success, former, _Z99)[0]:
        return None
    now, then = late.success / late.total, success / former
    reason = f"{_BECAUSE}it went bad, with {now:.0%} success of late and {then:.0%} before"
    of_peers = _rate_of_peers(entry)
    grave = of_peers is not None and wilson(late.success, late.total)[1] < of_peers
    return _Suspicion(entry, reason, grave)


def _far_below_its_peers(entry: UsedEntry) -> _Suspicion | None:
    of_peers, credit = _rate_of_peers(entry), entry.credit
    if of_peers is None or wilson(credit.success, credit.total)[1] >= _FAR_BELOW * of_peers:
        return None
    own = credit.success / credit.total
    reason = f"{own:.0%} success where it was used, {of_peers:.0%} for the others of its project"
    return _Suspicion(entry, f"{_BECAUSE}{reason}", grave=True)


def _rate_of_peers(entry: UsedEntry) -> float | None:
    """None where there are too few outcomes to compare with."""
    peers = entry.peers
    return peers.success / peers.total if peers.total >= _PEERS_LEAST else None


def _stands(compared: Uplift | None) -> bool:
    """Whether a suspicion outlives the comparison with what happened without the entry: hard
    questions make a good one look bad."""
    if compared is None or min(compared.shown, compared.withheld) < ENOUGH:
        return True
    return compared.high is not None and compared.high < 0


def _doubt(one: _Suspicion, *, retired: bool = False) -> Doubt:
    entry = one.entry
    return Doubt(entry.id, entry.collection, entry.project, entry.title, one.reason, retired)
