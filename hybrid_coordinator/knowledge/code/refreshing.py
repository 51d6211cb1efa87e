"""Bringing files up to date in the background, when something says that they have changed."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable
from os.path import exists
from pathlib import Path

from hybrid_coordinator.errors import HybridError, InvalidArgumentError, NotFoundError
from hybrid_coordinator.knowledge.code.indexer import CodeIndexer

_log = logging.getLogger(__name__)

_LEAST_SECONDS, _MOST_SECONDS = 1.0, 300.0
"""Between two tries while a store does not answer, twice as long each time."""


class Refresher:
    """Indexes what it is told of, one tree after the other. What is told while it works is
    gathered, so that a burst of changes takes few runs."""

    def __init__(self, indexer: CodeIndexer) -> None:
        self._indexer = indexer
        self._waiting: dict[tuple[str, str], set[str]] = {}
        self._told = asyncio.Event()
        self._settled = asyncio.Event()
        self._settled.set()

    def add(self, project: str, root: str, paths: Iterable[str]) -> None:
        """Have files and directories below ``root`` looked at soon; "." is all of it."""
        self._waiting.setdefault((project, root), set()).update(paths)
        self._settled.clear()
        self._told.set()

    def drop(self, project: str) -> None:
        """Leave what was added of a project. What is being indexed is finished."""
        for tree in [tree for tree in self._waiting if tree[0] == project]:
            del self._waiting[tree]

    async def settled(self) -> None:
        """Return once all that was added is in the index."""
        await self._settled.wait()

    async def run(self) -> None:
        """Work until cancelled."""
        rest = _LEAST_SECONDS
        while True:
            if not self._waiting:
                self._settled.set()
                self._told.clear()
                await self._told.wait()
            project, root = tree = next(iter(self._waiting))
            paths = self._waiting.pop(tree)
            try:
                await self._indexer.refresh(Path(root), project, paths)
            except InvalidArgumentError as error:
                _log.info("%s is not refreshed: %s", root, error)
            except HybridError as error:
                if isinstance(error, NotFoundError) and not await asyncio.to_thread(exists, root):
                    continue  # it is not the collection that is missing
                _log.warning("%s is not refreshed yet", root, exc_info=True)
                self.add(project, root, paths)
                await asyncio.sleep(rest)
                rest = min(2 * rest, _MOST_SECONDS)
            else:
                rest = _LEAST_SECONDS
