"""What every route reaches: the engines behind the faces, and the kind of listener it came by."""

from __future__ import annotations

from dataclasses import dataclass

from hybrid_coordinator.composition import Engines
from hybrid_coordinator.serving.http.limits import Limits
from hybrid_coordinator.settings import SettingsStore


@dataclass(frozen=True)
class Site:
    """What a listener serves. ``trusted``: whoever connects is the home's owner at this machine,
    which the connection itself proves; else a token says who asks."""

    engines: Engines
    settings: SettingsStore
    limits: Limits
    trusted: bool
