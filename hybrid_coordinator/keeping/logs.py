"""Bounds on what other programs write into logs; the coordinator's own rotates by itself."""

from __future__ import annotations

import asyncio
import logging
import os
import shutil
from pathlib import Path

from hybrid_coordinator.home import Home

MAX_BYTES = 5_000_000
_PASS_SECONDS = 600.0

_log = logging.getLogger(__name__)


class Logs:
    """Cuts what Postgres and the coordinator's standard error have written. Both are appended to,
    so that whoever has one open goes on at its new end."""

    def __init__(self, home: Home) -> None:
        self._files = (home.postgres_dir / "server.log", home.log_file.with_suffix(".err"))

    async def run(self) -> None:
        """A pass every ten minutes, until cancelled."""
        while True:
            await asyncio.to_thread(self.cut)
            await asyncio.sleep(_PASS_SECONDS)

    def cut(self) -> None:
        """Move what is beyond its bound into a file beside it, in the place of what is there; what
        is written in that moment is lost."""
        for file in self._files:
            try:
                if file.exists() and file.stat().st_size > MAX_BYTES:
                    _move(file, file.with_name(f"{file.name}.1"))
            except OSError:
                _log.warning("%s cannot be cut", file, exc_info=True)


def _move(file: Path, target: Path) -> None:
    """Its end, if it is longer than it may be."""
    with file.open("rb") as source, target.open("wb") as copy:
        source.seek(-MAX_BYTES, os.SEEK_END)
        shutil.copyfileobj(source, copy)
    os.truncate(file, 0)
