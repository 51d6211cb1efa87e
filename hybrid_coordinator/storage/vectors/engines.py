"""The engines that hold generations of the index, each opened when it is first needed."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path
from typing import TYPE_CHECKING

from hybrid_coordinator.storage.vectors.protocol import VectorIndex

if TYPE_CHECKING:
    from hybrid_coordinator.storage.vectors.edge import EdgeIndex

EMBEDDED = "embedded"
"""The name of the engine in this process; a server's is its URL."""

_log = logging.getLogger(__name__)


class VectorEngines:
    """Opens engines by name and keeps them open: a move has two of them."""

    def __init__(self, directory: Path, api_key: str | None, timeout: float) -> None:
        """``directory`` is the embedded engine's; the others are for servers."""
        self._directory = directory
        self._api_key = api_key
        self._timeout = timeout
        self._opened: dict[str, VectorIndex] = {}
        self._embedded: EdgeIndex | None = None
        self._opening = asyncio.Lock()

    @property
    def embedded(self) -> EdgeIndex | None:
        """The engine in this process; None where it was not needed."""
        return self._embedded

    async def open(self, name: str) -> VectorIndex:
        """The engine of this name.

        Raises:
            OwnershipError: another process has the embedded one open.
            StorageError: its directory cannot be read or written.
            InvalidArgumentError: the URL cannot be used.
        """
        async with self._opening:
            if name not in self._opened:
                self._opened[name] = await self._open(name)
            return self._opened[name]

    async def close(self) -> None:
        """Close all of them; no call may follow."""
        for engine in self._opened.values():
            await engine.close()

    async def _open(self, name: str) -> VectorIndex:
        if name == EMBEDDED:
            from hybrid_coordinator.storage.vectors.edge import EdgeIndex

            index = await EdgeIndex.open(self._directory)
            for collection, reason in index.damaged.items():
                _log.error("collection %s was damaged and is built anew: %s", collection, reason)
            self._embedded = index
            return index
        from hybrid_coordinator.storage.vectors.client import ClientIndex

        return ClientIndex.connect(name, self._api_key, self._timeout)
