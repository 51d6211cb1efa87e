"""What every route reaches: the engines behind the faces, and the kind of listener it came by."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from hybrid_coordinator.composition import Engines
from hybrid_coordinator.serving.http.limits import Limits
from hybrid_coordinator.settings import SettingsStore


@dataclass(frozen=True, slots=True)
class Patience:
    """Seconds in which a client sends a request's head and its body, and reads what it is sent, and
    after which an MCP session that it leaves unused ends."""

    head: float = 10.0
    body: float = 30.0
    answer: float = 30.0
    session: float = 1800.0


USUAL = Patience()


@dataclass(frozen=True)
class Site:
    """What a listener serves. ``loopback``: only this machine can connect. Streams end when
    ``closing`` is set."""

    engines: Engines
    settings: SettingsStore
    limits: Limits
    loopback: bool
    patience: Patience
    closing: asyncio.Event

    @property
    def trusted(self) -> bool:
        """Whether who connects is the home's owner at this machine, which the connection itself
        proves; else a token says who asks."""
        return self.loopback and not self.settings.current().serving.require_token
