"""Hybrid Coordinator: a learning memory and a local co-processor for coding agents, over MCP.

Importing this package costs nothing: the bridge imports it on every agent session, so nothing
beyond the version may be loaded here. ``Router`` is loaded when it is asked for.
"""

from __future__ import annotations

from hybrid_coordinator.version import __version__

TYPE_CHECKING = False  # as in typing, which takes 8 ms to load
if TYPE_CHECKING:
    from hybrid_coordinator.router import Router as Router

__all__ = ["Router", "__version__"]


def __getattr__(name: str) -> object:
    if name == "Router":
        from hybrid_coordinator.router import Router

        return Router
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
