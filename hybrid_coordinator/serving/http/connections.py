"""One HTTP connection: counted, admitted by its user on loopback, and closed when it dawdles."""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import os
import sys
from collections.abc import Callable
from typing import Any

from uvicorn import Config
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.server import ServerState

from hybrid_coordinator.serving.http.peers import user_of
from hybrid_coordinator.serving.http.site import Patience

_log = logging.getLogger(__name__)

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

SAME_USER = "same_user"
"""In the state of each request: whether a process of our own user sent it."""

_MOST_FROM_ONE = 200
"""Connections of one address that is no trusted proxy."""


class ListenerConfig(Config):
    """What uvicorn hands to each connection, with what ours need beside it. ``loopback``: only
    this machine can connect; ``trusts`` says whether only our own user may at the moment."""

    watched: Callable[[], None]
    loopback: bool
    trusts: Callable[[], bool]
    proxies: tuple[Network, ...]
    patience: Patience


class Connection(H11Protocol):
    """uvicorn's, but for what that one leaves to a proxy in front of it: it waits for a request's
    head, and for its answer to be read, for ever."""

    def __init__(
        self,
        config: ListenerConfig,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self.access_log = False  # an address may hold what nobody should have put there
        self._watched = config.watched
        self._loopback = config.loopback
        self._trusts = config.trusts
        self._proxies = config.proxies
        self._unread: asyncio.TimerHandle | None = None
        self._patience = config.patience
        self._awaited: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """As uvicorn has it."""
        assert isinstance(transport, asyncio.Transport)
        super().connection_made(transport)
        ours = self._loopback and self._is_ours()
        if self._crowds() or (self._trusts() and not ours):
            transport.abort()
            return
        self.app_state = {**self.app_state, SAME_USER: ours}
        self._await_head()
        self._watched()

    def connection_lost(self, exc: Exception | None) -> None:
        """As uvicorn has it."""
        super().connection_lost(exc)
        self._head_is_there()
        self._is_read()
        self._watched()

    def data_received(self, data: bytes) -> None:
        """As uvicorn has it."""
        super().data_received(data)
        if not self._awaits_head():
            self._head_is_there()
        elif self._awaited is None:
            self._await_head()

    def pause_writing(self) -> None:
        """As uvicorn has it."""
        super().pause_writing()
        self._unread = self.loop.call_later(self._patience.answer, self.transport.abort)

    def resume_writing(self) -> None:
        """As uvicorn has it."""
        super().resume_writing()
        self._is_read()

    def _is_read(self) -> None:
        if self._unread is not None:
            self._unread.cancel()
            self._unread = None

    def _crowds(self) -> bool:
        if self._loopback or self.client is None:
            return False
        address = ipaddress.ip_address(self.client[0])
        if any(address in each for each in self._proxies):
            return False
        others = (each for each in self.connections if isinstance(each, Connection))
        alike = sum(1 for each in others if each.client and each.client[0] == self.client[0])
        return alike > _MOST_FROM_ONE

    def _awaits_head(self) -> bool:
        return self.cycle is None or self.cycle.response_complete

    def _await_head(self) -> None:
        self._awaited = self.loop.call_later(self._patience.head, self._too_slow)

    def _head_is_there(self) -> None:
        if self._awaited is not None:
            self._awaited.cancel()
            self._awaited = None

    def _too_slow(self) -> None:
        self._awaited = None
        if self._awaits_head():
            self.transport.abort()

    def _is_ours(self) -> bool:
        """Whether a process of our own user is at the other end. Where the system has no way of
        telling, loopback has to do."""
        if sys.platform != "linux":
            return True
        assert self.client is not None
        assert self.server is not None
        user = user_of(self.client, self.server)
        if user != os.geteuid() and self._trusts():
            _log.warning("refused an HTTP connection of user %s", user)
        return user == os.geteuid()
