"""A coordinator in the test's own process, and the HTTP listener that a browser would talk to."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from hybrid_coordinator.coordinator import Coordinator
from hybrid_coordinator.serving.http.listening import Listeners
from hybrid_coordinator.settings import SettingsStore
from tests.support.coordinators import engines_on


@dataclass(frozen=True)
class Listening:
    """``browser`` is a client of the listener; ``coordinator`` is what answers behind it."""

    coordinator: Coordinator
    browser: httpx.AsyncClient

    async def got(self, path: str, **query: Any) -> Any:
        """What a GET answers with, which must be JSON that nobody keeps."""
        answer = await self.browser.get(path, params=query)
        assert answer.status_code == 200, answer.text
        assert answer.headers["cache-control"] == "no-store"
        return answer.json()

    async def refused(self, path: str, **query: Any) -> tuple[int, str | None, str]:
        """The status, the field and the message with which a GET is refused."""
        answer = await self.browser.get(path, params=query)
        error = answer.json()["error"]
        return answer.status_code, error["field"], error["message"]


@asynccontextmanager
async def listening_on(dsn: str, directory: Path, **settings: Any) -> AsyncIterator[Listening]:
    """As `engines_on`, with a listener for this machine."""
    async with engines_on(dsn, directory, **settings, serving={"dashboard_port": 0}) as engines:
        coordinator = await engines.get()
        store = SettingsStore(directory / "hybrid.yaml")
        listeners = Listeners(engines, store, lambda: None, directory / "dashboard.port")
        url = await listeners.dashboard()
        try:
            async with httpx.AsyncClient(base_url=url, timeout=60) as browser:
                yield Listening(coordinator, browser)
        finally:
            await listeners.close()
