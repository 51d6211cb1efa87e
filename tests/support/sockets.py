"""A real listener in the test's own event loop, and raw bytes over real sockets."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from hybrid_coordinator.composition import Engines
from hybrid_coordinator.home import Home
from hybrid_coordinator.serving.http.listening import Listeners
from hybrid_coordinator.serving.http.site import USUAL, Patience
from hybrid_coordinator.settings import SettingsStore

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
    store = SettingsStore(home.settings_file)
    listeners = Listeners(Engines(home, store), store, lambda: None, patience)
    url = await listeners.open("127.0.0.1", 0)
    try:
        yield Listening(listeners, url)
    finally:
        await listeners.close()
