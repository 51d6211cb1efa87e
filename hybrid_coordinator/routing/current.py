"""The models that the settings name now."""

from __future__ import annotations

import logging
from pathlib import Path

from hybrid_coordinator.domain.secrets import Scrubber
from hybrid_coordinator.errors import SettingsError
from hybrid_coordinator.routing.caching import Embed
from hybrid_coordinator.routing.delegate import Delegate, Told
from hybrid_coordinator.routing.evidence import Evidence
from hybrid_coordinator.routing.planning import Planner
from hybrid_coordinator.settings import Settings, SettingsStore
from hybrid_coordinator.storage.postgres.attempts import RouteAttempts
from hybrid_coordinator.storage.postgres.database import Database

_log = logging.getLogger(__name__)


class CurrentModels:
    """A delegate that is made anew when the settings of models change."""

    def __init__(
        self,
        store: SettingsStore,
        rules_file: Path,
        scrubber: Scrubber,
        database: Database,
        embed: Embed,
        told: Told | None = None,
    ) -> None:
        """``embed`` makes the vectors that answers are found by where that is switched on;
        ``told`` hears of every question, once it is answered or has failed."""
        self._store = store
        self._evidence = Evidence(RouteAttempts(database))
        self._planner = Planner(lambda: store.current().routing, rules_file, self._evidence)
        self._scrubber = scrubber
        self._database = database
        self._embed = embed
        self._told = told
        self._settings = store.current()
        self._made = [self._make(self._settings)]

    def current(self) -> Delegate:
        """The one in force."""
        wanted, former = self._store.current(), self._settings
        if (wanted.inference, wanted.remote, wanted.routing) != (
            former.inference,
            former.remote,
            former.routing,
        ):
            self._settings = wanted
            try:
                # The former ones may still be answering somebody: they are closed at the end.
                self._made.append(self._make(wanted))
            except SettingsError as error:
                _log.warning("the previous model endpoints stay in force: %s", error)
        return self._made[-1]

    def news(self) -> None:
        """Say that an attempt or an outcome was recorded. Costs nothing."""
        self._evidence.mark_stale()

    async def run(self) -> None:
        """Keep what is known of the machine and of the models fresh, until cancelled."""
        await self._planner.run()

    async def close(self) -> None:
        """Close all connections; no call may follow."""
        for delegate in self._made:
            await delegate.close()

    def _make(self, settings: Settings) -> Delegate:
        return Delegate(
            settings,
            self._planner,
            self._scrubber,
            self._database,
            embed=self._embed,
            told=self._told,
        )
