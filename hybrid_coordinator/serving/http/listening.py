"""Listeners: uvicorn in the coordinator's own event loop, one for each address."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import logging
import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import uvicorn

from hybrid_coordinator.composition import Engines
from hybrid_coordinator.errors import StorageError
from hybrid_coordinator.serving.http.app import build_app
from hybrid_coordinator.serving.http.connections import Connection, ListenerConfig
from hybrid_coordinator.serving.http.limits import Limits
from hybrid_coordinator.serving.http.site import USUAL, Patience, Site
from hybrid_coordinator.settings import SettingsStore

_log = logging.getLogger(__name__)

_MOST_CONNECTIONS = 1000
_CLOSING_SECONDS = 1
_IDLE_SECONDS = 75
"""How long a connection stays open for the next request: longer than a dashboard rests. To look up
whose a new one is takes milliseconds on loopback."""


class Listeners:
    """The open listeners. ``watched`` is told whenever a connection comes or goes."""

    def __init__(
        self,
        engines: Engines,
        settings: SettingsStore,
        watched: Callable[[], None],
        dashboard_file: Path,
        patience: Patience = USUAL,
    ) -> None:
        self._dashboard_file = dashboard_file
        self._engines = engines
        self._settings = settings
        self._watched = watched
        self._patience = patience
        self._closing = asyncio.Event()
        self._limits = Limits(lambda: settings.current().serving.requests_per_minute)
        self._open: list[_Listener] = []
        self._dashboard: _Listener | None = None
        self._turn = asyncio.Lock()

    @property
    def connections(self) -> int:
        """How many clients are connected now."""
        return sum(len(each.server.server_state.connections) for each in self._open)

    @property
    def urls(self) -> list[str]:
        """Where it is listened."""
        return [each.url for each in self._open]

    async def open(self, host: str, port: int) -> str:
        """Listen at an address; its URL. See `_bound` for what is raised."""
        async with self._turn:
            return (await self._listen(_bound(host, port))).url

    async def dashboard(self) -> str:
        """The URL of the dashboard, for which a listener is opened at the first call."""
        async with self._turn:
            if self._dashboard is None:
                self._dashboard = self._of_this_machine() or await self._listen(self._free())
                self._remember(self._dashboard)
            return self._dashboard.url

    async def reopen(self) -> None:
        """Open the dashboard where it was when the last coordinator of this home ended with
        somebody looking at it: their pages find it again."""
        async with self._turn:
            if self._of_this_machine() is not None:
                return
            try:
                port = int(self._dashboard_file.read_text())
                self._dashboard = await self._listen(_bound("127.0.0.1", port))
            except (OSError, ValueError, OverflowError, StorageError) as error:
                _log.info("the dashboard is opened when somebody asks for it: %s", error)
                self._forget()

    async def close(self) -> None:
        """Close all; what is running is cut within a second."""
        if self._dashboard is not None and not self._dashboard.server.server_state.connections:
            self._forget()
        self._closing.set()
        for each in self._open:
            each.server.should_exit = True
        await asyncio.gather(*(each.task for each in self._open))
        self._open.clear()

    def _remember(self, dashboard: _Listener) -> None:
        try:
            self._dashboard_file.write_text(str(dashboard.port))
        except OSError as error:
            _log.warning("open pages will not find the next coordinator: %s", error)

    def _forget(self) -> None:
        with contextlib.suppress(OSError):
            self._dashboard_file.unlink()

    def _of_this_machine(self) -> _Listener | None:
        return next((each for each in self._open if each.loopback), None)

    def _free(self) -> socket.socket:
        try:
            return _bound("127.0.0.1", self._settings.current().serving.dashboard_port)
        except StorageError:
            return _bound("127.0.0.1", 0)

    async def _listen(self, bound: socket.socket) -> _Listener:
        host, port = bound.getsockname()[:2]
        loopback = ipaddress.ip_address(host).is_loopback
        site = Site(
            self._engines, self._settings, self._limits, loopback, self._patience, self._closing
        )
        proxies = () if site.trusted else self._settings.current().serving.trusted_proxies
        config = ListenerConfig(
            build_app(site),
            http=Connection,
            ws="none",
            lifespan="on",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=bool(proxies),
            forwarded_allow_ips=list(proxies),
            limit_concurrency=_MOST_CONNECTIONS,
            timeout_graceful_shutdown=_CLOSING_SECONDS,
            timeout_keep_alive=_IDLE_SECONDS,
        )
        config.watched, config.patience = self._watched, self._patience
        config.loopback, config.trusts = loopback, lambda: site.trusted
        config.proxies = tuple(map(ipaddress.ip_network, proxies))
        server = _Server(config)
        task = asyncio.create_task(server.serve([bound]))
        await server.up.wait()
        shown = f"[{host}]" if ":" in host else host
        listener = _Listener(f"http://{shown}:{port}/", port, loopback, server, task)
        self._open.append(listener)
        _log.info("listening at %s", listener.url)
        return listener


@dataclass(frozen=True)
class _Listener:
    url: str
    port: int
    loopback: bool
    server: _Server
    task: asyncio.Task[None]


class _Server(uvicorn.Server):
    """Leaves the signals to the coordinator, and says when it is up."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.up = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """As uvicorn has it."""
        await super().startup(sockets)
        self.up.set()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Capture none."""
        yield


def _bound(host: str, port: int) -> socket.socket:
    """A socket bound to an address.

    Raises:
        StorageError: the address cannot be taken.
    """
    try:
        family, kind, protocol, _, place = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        made = socket.socket(family, kind, protocol)
    except OSError as error:
        raise StorageError(f"{host}:{port} is no address to listen at: {error.strerror}") from error
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        made.bind(place)
    except OSError as error:
        made.close()
        raise StorageError(f"cannot listen at {host}:{port}: {error.strerror}") from error
    made.setblocking(False)
    return made
