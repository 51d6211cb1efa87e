"""The Postgres that comes with the package, for an asyncio program."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path

from hybrid_coordinator.errors import RecordUnavailableError
from hybrid_coordinator.storage.postgres.server import PostgresServer

_log = logging.getLogger(__name__)


class EmbeddedPostgres:
    """A running Postgres of our own, over a unix socket."""

    def __init__(self, server: PostgresServer) -> None:
        self._server = server
        self._turn = asyncio.Lock()
        self._stopped = False

    @classmethod
    async def start(cls, directory: Path) -> EmbeddedPostgres:
        """Start the server of the cluster in ``directory``, which is made if it is missing.

        The caller must be the only owner of ``directory``.

        Raises:
            StorageError: the files are damaged or of another version, or cannot be written.
            RecordUnavailableError: it is still recovering from a crash after two minutes.
        """
        embedded = cls(PostgresServer(directory))
        starting = asyncio.ensure_future(asyncio.to_thread(embedded._server.start))
        try:
            await asyncio.shield(starting)
        except asyncio.CancelledError:
            # The thread cannot be cancelled; nobody would stop the server that it starts.
            await asyncio.wait([starting])
            await embedded.stop()
            raise
        return embedded

    @property
    def dsn(self) -> str:
        """The connection URL; the same after a restart."""
        return self._server.dsn

    async def ensure_running(self) -> None:
        """Start the server again if it is gone.

        Raises:
            RecordUnavailableError: it was stopped on purpose, or is still recovering.
            StorageError: it does not start any more.
        """
        async with self._turn:
            if self._stopped:
                raise RecordUnavailableError(
                    "The embedded Postgres was stopped; start the coordinator again"
                )
            _log.warning("Postgres does not answer; starting it again where it is gone")
            await asyncio.to_thread(self._server.start)

    async def stop(self) -> None:
        """Stop the server; no process of it is left."""
        async with self._turn:
            self._stopped = True
            await asyncio.to_thread(self._server.stop)
