"""The running coordinator: connections on its socket, engines behind them, and its end."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import socket
import struct
import sys
import uuid
from pathlib import Path
from typing import TYPE_CHECKING

from hybrid_coordinator import __version__
from hybrid_coordinator.composition import Engines
from hybrid_coordinator.home import Home
from hybrid_coordinator.serving.hooks.receiving import receive
from hybrid_coordinator.serving.launch import MAX_LINE_BYTES
from hybrid_coordinator.serving.mcp.control import add_control_methods
from hybrid_coordinator.serving.mcp.server import build_server
from hybrid_coordinator.serving.mcp.transport import greet
from hybrid_coordinator.serving.mcp.transport import serve as serve_mcp
from hybrid_coordinator.session import Session
from hybrid_coordinator.settings import SettingsStore

# Loaded when the first listener opens: most coordinators never open one.
if TYPE_CHECKING:
    from hybrid_coordinator.serving.http.listening import Listeners

_log = logging.getLogger(__name__)


def serve(
    home: Home,
    settings: SettingsStore,
    listener: socket.socket,
    *,
    stay: bool,
    http: tuple[str, int] | None = None,
) -> None:
    """Serve ``listener`` until stopped by a signal, a client, or by being idle unless ``stay``;
    with ``http`` at that host and port too."""
    asyncio.run(Process(home, settings, stay=stay).run(listener, http))


class Process:
    """Counts connections, and knows when to leave."""

    def __init__(self, home: Home, settings: SettingsStore, *, stay: bool) -> None:
        self._home = home
        self._settings = settings
        self._stay = stay
        self._engines = Engines(home, settings)
        self._stopping = asyncio.Event()
        self._connections: set[asyncio.Task[None]] = set()
        self._idle: asyncio.TimerHandle | None = None
        self._left_idle = False
        self._http: Listeners | None = None

    @property
    def connections(self) -> int:
        """How many clients are connected now."""
        over_http = self._http.connections if self._http else 0
        return len(self._connections) + over_http

    @property
    def urls(self) -> list[str]:
        """Where HTTP is served."""
        return self._http.urls if self._http else []

    def stop(self) -> None:
        """Begin to leave; what is running is finished or cut within seconds."""
        self._stopping.set()

    async def dashboard(self) -> str:
        """The URL of the dashboard; it is opened if it is not."""
        return await self._listeners().dashboard()

    def _listeners(self) -> Listeners:
        if self._http is None:
            from hybrid_coordinator.serving.http.listening import Listeners

            self._http = Listeners(
                self._engines,
                self._settings,
                self._watch_idleness,
                self._home.dashboard_file,
            )
        return self._http

    async def run(self, listener: socket.socket, http: tuple[str, int] | None) -> None:
        """Serve until stopped.

        Raises:
            StorageError: the address for HTTP cannot be taken.
        """
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            loop.add_signal_handler(number, self.stop)
        server = await asyncio.start_unix_server(self._accept, sock=listener, limit=MAX_LINE_BYTES)
        self._engines.begin()
        self._watch_idleness()
        try:
            if http is not None:
                await self._listeners().open(*http)
            if self._home.dashboard_file.exists():
                await self._listeners().reopen()
            await self._stopping.wait()
            # Not `async with server`: from Python 3.12 on it waits for the connections to end.
            server.close()
            for task in list(self._connections):
                task.cancel()
            await asyncio.gather(*self._connections, return_exceptions=True)
            if self._left_idle:
                await self._engines.tidy()
        finally:
            if self._http is not None:
                await self._http.close()
            await self._engines.close()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is None or not _same_user(writer.get_extra_info("socket")):
            writer.close()
            return
        self._connections.add(task)
        self._watch_idleness()
        try:
            await self._serve(reader, writer)
        except (ConnectionError, asyncio.CancelledError):
            pass  # the peer is gone, or we are leaving
        finally:
            writer.close()
            self._connections.discard(task)
            self._watch_idleness()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        caller, first = await greet(reader, writer)
        if caller.captures:
            await receive(self._engines, first, reader, writer)
            return
        directory = Path(caller.directory) if caller.directory else Path.home()
        session = Session.at(uuid.uuid4().hex, directory, notices=_skew(caller.version))
        server = build_server(self._engines, lambda _: session)
        add_control_methods(server, self, self._engines, session)
        await serve_mcp(server, first, reader, writer)

    def _watch_idleness(self) -> None:
        if self._idle is not None:
            self._idle.cancel()
            self._idle = None
        if not self._stay and not self.connections:
            seconds = self._settings.current().serving.idle_exit_seconds
            self._idle = asyncio.get_running_loop().call_later(seconds, self._leave)

    def _leave(self) -> None:
        self._left_idle = True
        self.stop()


def _skew(version: str | None) -> tuple[str, ...]:
    """What to tell a session whose package is not the one that runs here."""
    if version in (None, __version__):
        return ()
    running = f"this session's package is {version}, the running coordinator's {__version__}"
    return (f"{running}: `hybrid-coordinator stop` lets the new one start",)


def _same_user(connection: socket.socket) -> bool:
    """Whether the peer runs as the user we run as (unix(7), SO_PEERCRED; macOS LOCAL_PEERCRED)."""
    if sys.platform == "darwin":
        credentials = connection.getsockopt(0, 1, struct.calcsize("IiH16I"))
        user = int(struct.unpack("IiH16I", credentials)[1])
    else:
        credentials = connection.getsockopt(
            socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i")
        )
        user = int(struct.unpack("3i", credentials)[1])
    if user != os.geteuid():
        _log.warning("refused a connection of user %d", user)
    return user == os.geteuid()
