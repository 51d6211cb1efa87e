"""A real listener in the test's own event loop, and raw bytes over real sockets."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from mcp import ClientSession
from mcp.client.streamable_http import create_mcp_http_client, streamable_http_client

from hybrid_coordinator.composition import Engines
from hybrid_coordinator.coordinator import Coordinator
from hybrid_coordinator.domain.access import Deed, Scope
from hybrid_coordinator.home import Home
from hybrid_coordinator.serving.http.listening import Listeners
from hybrid_coordinator.serving.http.site import USUAL, Patience
from hybrid_coordinator.settings import SettingsStore
from tests.support.coordinators import engines_on
from tests.support.stdio import ToolError

SECONDS = 30.0


@dataclass(frozen=True)
class Listening:
    """A listener of this machine, whose engines were never started."""

    listeners: Listeners
    url: str

    @property
    def host(self) -> str:
        """What a client names it."""
        return self.url.removeprefix("http://").rstrip("/")

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """A connection."""
        name, port = self.host.rsplit(":", 1)
        return await asyncio.open_connection(name, int(port))

    async def sent(self, request: str | bytes) -> bytes:
        """All that comes back for these bytes, until the connection is closed."""
        reader, writer = await self.connect()
        try:
            writer.write(request.encode() if isinstance(request, str) else request)
            await writer.drain()
            async with asyncio.timeout(SECONDS):
                return await reader.read()
        except ConnectionError:
            return b""  # it was cut
        finally:
            writer.close()

    async def get(self, path: str, *headers: str, host: str | None = None) -> bytes:
        """The answer to a GET, on a connection of its own."""
        lines = [f"GET {path} HTTP/1.1", f"Host: {host or self.host}", "Connection: close"]
        return await self.sent("\r\n".join([*lines, *headers, "", ""]))


@dataclass(frozen=True)
class Team:
    """A coordinator that asks for tokens."""

    url: str
    engines: Engines
    coordinator: Coordinator
    listener: Listening

    async def token(
        self,
        user: str,
        scope: Scope = Scope.WRITE,
        projects: Sequence[str] | None = None,
    ) -> tuple[str, str]:
        """A new token: its id and its secret."""
        tokens = self.coordinator.access.tokens
        made, secret = await tokens.create(user, user=user, scope=scope, projects=projects)
        return made.id, secret

    def client(self, secret: str | None = None, **headers: str) -> httpx.AsyncClient:
        """A client of the API."""
        if secret is not None:
            headers["Authorization"] = f"Bearer {secret}"
        return httpx.AsyncClient(base_url=self.url, headers=headers, timeout=SECONDS)

    async def deeds(self) -> list[Deed]:
        """What the audit says, in the order of its being done."""
        entries = await self.coordinator.access.audit.page(limit=1000)
        return [each.deed for each in reversed(entries)]

    @asynccontextmanager
    async def agent(self, secret: str, project: str | None = None) -> AsyncIterator[ClientSession]:
        """An agent's session at /mcp, by the SDK's own client."""
        headers = {"Authorization": f"Bearer {secret}"}
        if project is not None:
            headers["X-Hybrid-Project"] = project
        async with (
            create_mcp_http_client(headers=headers) as http,
            streamable_http_client(f"{self.url}mcp", http_client=http) as streams,
            ClientSession(*streams[:2]) as session,
        ):
            await session.initialize()
            yield session


async def called(session: ClientSession, name: str, **arguments: Any) -> dict[str, Any]:
    """What a tool gives.

    Raises:
        ToolError: it raised.
    """
    result = await session.call_tool(name, arguments)
    if result.is_error:
        raise ToolError("".join(part.text for part in result.content if part.type == "text"))
    assert result.structured_content is not None
    return result.structured_content


def status(answer: bytes) -> int:
    """The status of an answer; 0 where the connection was cut without one."""
    return int(answer.split(b" ", 2)[1]) if answer else 0


@asynccontextmanager
async def listening(
    directory: Path, patience: Patience = USUAL, *, settings: str = ""
) -> AsyncIterator[Listening]:
    """A listener on loopback, at any free port, with ``settings`` as in hybrid.yaml."""
    home = Home(directory)
    home.settings_file.write_text(settings)
    engines = Engines(home, SettingsStore(home.settings_file))
    async with listening_on(engines, directory, patience) as opened:
        yield opened


@asynccontextmanager
async def listening_on(
    engines: Engines, directory: Path, patience: Patience = USUAL
) -> AsyncIterator[Listening]:
    """A listener on loopback in front of ``engines``, whose home is ``directory``."""
    store = SettingsStore(Home(directory).settings_file)
    listeners = Listeners(engines, store, lambda: None, Home(directory).dashboard_file, patience)
    url = await listeners.open("127.0.0.1", 0)
    try:
        yield Listening(listeners, url)
    finally:
        await listeners.close()


@asynccontextmanager
async def team(dsn: str, directory: Path, **serving: object) -> AsyncIterator[Team]:
    """A coordinator on the record at ``dsn``, reached by token; ``serving`` are its settings."""
    given = {"require_token": True, **serving}
    async with (
        engines_on(dsn, directory, serving=given) as engines,
        listening_on(engines, directory) as listener,
    ):
        yield Team(listener.url, engines, await engines.get(), listener)
