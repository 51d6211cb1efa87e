"""The models that the settings name now."""

from __future__ import annotations

import logging

from hybrid_coordinator.domain.secrets import Scrubber
from hybrid_coordinator.errors import SettingsError
from hybrid_coordinator.routing.delegate import Delegate
from hybrid_coordinator.routing.planning import Planner
from hybrid_coordinator.settings import Settings, SettingsStore
from hybrid_coordinator.storage.postgres.database import Database

_log = logging.getLogger(__name__)


class CurrentModels:
    """A delegate that is made anew when the settings of models change."""

    def __init__(
        self, store: SettingsStore, planner: Planner, scrubber: Scrubber, database: Database
    ) -> None:
        self._store = store
        self._planner = planner
        self._scrubber = scrubber
        self._database = database
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

    async def close(self) -> None:
        """Close all connections; no call may follow."""
        for delegate in self._made:
            await delegate.close()

    def _make(self, settings: Settings) -> Delegate:
        return Delegate(settings, self._planner, self._scrubber, self._database)
