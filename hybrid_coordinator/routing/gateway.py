"""The way to the models: endpoints, what is known of them, and how each is called."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hybrid_coordinator.inference.breaker import Breakers
from hybrid_coordinator.inference.calling import Caller
from hybrid_coordinator.inference.chat import ChatClient
from hybrid_coordinator.inference.clients import client_for
from hybrid_coordinator.inference.credentials import configured_credentials
from hybrid_coordinator.inference.discovery import Discovery, Survey
from hybrid_coordinator.inference.egress import EgressPolicy
from hybrid_coordinator.inference.endpoints import Endpoint, LocalModel, configured_endpoints
from hybrid_coordinator.inference.lanes import Lanes
from hybrid_coordinator.settings import Settings

# Importing httpx takes 0.1 s, so it waits until a request is due; see inference.http.
if TYPE_CHECKING:
    from hybrid_coordinator.inference.http import HttpClient


@dataclass(frozen=True, slots=True)
class _Connection:
    http: HttpClient
    discovery: Discovery
    caller: Caller


class Gateway:
    """Nothing is opened before the first use."""

    def __init__(self, settings: Settings, *, stall_seconds: float) -> None:
        """
        Raises:
            SettingsError: the URL of an endpoint is off.
        """
        self._settings = settings
        self._stall_seconds = stall_seconds
        self.endpoints = configured_endpoints(settings.inference, settings.remote)
        self.egress = EgressPolicy(endpoint.url for endpoint in self.endpoints)
        self.breakers = Breakers()
        self._opening = asyncio.Lock()
        self._connection: _Connection | None = None

    async def close(self) -> None:
        """Close all connections; no call may follow."""
        if self._connection is not None:
            await self._connection.discovery.close()
            await self._connection.http.close()

    async def survey(self) -> Survey:
        """What is at each configured endpoint, probed now."""
        discovery = (await self._opened()).discovery
        return await discovery.survey(begun_after=discovery.now())

    async def glance(self) -> Survey:
        """What was found at each endpoint a moment ago, at once."""
        survey = await (await self._opened()).discovery.glance()
        self.breakers.heard(survey)
        return survey

    async def look(self) -> Survey:
        """As ``glance``, but where no local model was found it is probed now: someone may have
        started one since."""
        discovery = (await self._opened()).discovery
        asked_at = discovery.now()
        survey = await self.glance()
        if not any(report.models for report in survey if not report.endpoint.remote):
            survey = await discovery.survey(begun_after=asked_at)
            self.breakers.heard(survey)
        return survey

    async def has_local_model(self) -> bool:
        """Whether a local model is ready, by a look of a few seconds ago at most. Unlike ``glance``
        it does not have the servers looked at again later."""
        survey = await (await self._opened()).discovery.survey()
        self.breakers.heard(survey)
        return any(report.models for report in survey if not report.endpoint.remote)

    async def caller(self) -> Caller:
        """What calls a model, by the limits of its endpoint."""
        return (await self._opened()).caller

    def failed(self, endpoint: Endpoint) -> None:
        """Have an endpoint looked at again, since it has just failed."""
        if self._connection is not None:
            self._connection.discovery.forget(endpoint)

    async def _opened(self) -> _Connection:
        if self._connection is not None:
            return self._connection
        async with self._opening:
            if self._connection is None:
                http = await asyncio.to_thread(_open_http, self._settings, self.egress)
                seconds = self._settings.inference.probe_timeout_seconds
                discovery = Discovery(http, self.endpoints, timeout=seconds)
                self._connection = _Connection(http, discovery, self._make_caller(http))
            return self._connection

    def _make_caller(self, http: HttpClient) -> Caller:
        def client(endpoint: Endpoint, model: LocalModel) -> ChatClient:
            return client_for(http, endpoint, model)

        return Caller(
            client,
            breakers=self.breakers,
            lanes=Lanes(),
            reply_seconds=self._settings.inference.reply_timeout_seconds,
            queue_seconds=self._settings.routing.queue_seconds,
            stall_seconds=self._stall_seconds,
        )


def _open_http(settings: Settings, egress: EgressPolicy) -> HttpClient:
    from hybrid_coordinator.inference.http import HttpClient

    return HttpClient(egress, configured_credentials(settings.inference, settings.remote))
