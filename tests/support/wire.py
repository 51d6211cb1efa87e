"""A wire that can be cut: a proxy on loopback in front of a server's unix socket."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class Wire:
    """Forwards bytes both ways until told otherwise."""

    def __init__(self, target: str) -> None:
        self._target = target
        self._open = asyncio.Event()
        self._open.set()
        self._unplugged = False
        self._ends: set[asyncio.StreamWriter] = set()
        self.port = 0

    @classmethod
    @asynccontextmanager
    async def to(cls, target: str) -> AsyncIterator[Wire]:
        """A wire from a port on loopback to the unix socket ``target``."""
        wire = cls(target)
        server = await asyncio.start_server(wire._connect, "127.0.0.1", 0)
        wire.port = server.sockets[0].getsockname()[1]
        try:
            yield wire
        finally:
            server.close()
            wire._open.set()
            await wire.cut()
            await server.wait_closed()

    async def cut(self) -> None:
        """Break every connection at once, as a reset does."""
        ends = tuple(self._ends)
        for end in ends:
            end.transport.abort()
        # Both pumps of a broken connection see it and leave.
        while self._ends.intersection(ends):
            await asyncio.sleep(0)

    async def unplug(self) -> None:
        """Break every connection, and take no new one."""
        self._unplugged = True
        await self.cut()

    def plug(self) -> None:
        """Take connections again."""
        self._unplugged = False

    def freeze(self) -> None:
        """Let nothing through any more, and tell nobody."""
        self._open.clear()

    def thaw(self) -> None:
        """Let everything through again."""
        self._open.set()

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._unplugged:
            writer.transport.abort()
            return
        self._ends.add(writer)
        try:
            await self._open.wait()
            back, forth = await asyncio.open_unix_connection(self._target)
        except OSError:
            writer.transport.abort()
            self._ends.discard(writer)
            return
        self._ends.add(forth)
        pumps = [
            asyncio.ensure_future(self._pump(reader, forth)),
            asyncio.ensure_future(self._pump(back, writer)),
        ]
        await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
        for end in (writer, forth):
            end.transport.abort()
        await asyncio.wait(pumps)
        self._ends -= {writer, forth}

    async def _pump(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        try:
            while data := await source.read(65536):
                await self._open.wait()
                sink.write(data)
                await sink.drain()
        except OSError:
            return
