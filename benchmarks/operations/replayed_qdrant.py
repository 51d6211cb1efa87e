"""A Qdrant whose answers cost next to nothing: what was asked before, in the same words, is
answered with the bytes of then, until something is written.

``python -m benchmarks.operations.replayed_qdrant`` prints its URL and serves until its input ends.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from contextlib import suppress

from tests.support.qdrant_server import QdrantServer

_READS = ("/points/query", "/points/count", "/points")
_LENGTH = b"content-length: "


class ReplayedQdrant:
    """Keeps connections open, as Qdrant does, and hands what is new to the tests' server."""

    def __init__(self) -> None:
        self._engine = QdrantServer()
        self._kept: dict[bytes, bytes] = {}

    async def connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer requests until the client leaves."""
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                at = head.lower().find(_LENGTH)
                length = int(head[at + len(_LENGTH) :].split(b"\r\n", 1)[0]) if at >= 0 else 0
                body = await reader.readexactly(length)
                first = head.split(b"\r\n", 1)[0]
                known = self._kept.get(first + body)
                writer.write(known or await self._answer(first, body))
                await writer.drain()
        writer.close()

    async def _answer(self, first: bytes, body: bytes) -> bytes:
        method, target, _ = first.decode().split(" ")
        path = target.partition("?")[0]
        status, result = await self._engine._answer(  # noqa: SLF001 - all of it but its sockets
            method, path.strip("/").split("/"), json.loads(body) if body else {}
        )
        content = json.dumps({"result": result, "status": "ok", "time": 0.001}).encode()
        answer = (
            f"HTTP/1.1 {status} Said\r\ncontent-type: application/json\r\n"
            f"content-length: {len(content)}\r\n\r\n".encode()
            + content
        )
        if method == "POST" and path.endswith(_READS):
            self._kept[first + body] = answer
        elif method != "GET":
            self._kept.clear()
        return answer


async def _serve() -> None:
    server = await asyncio.start_server(ReplayedQdrant().connected, "127.0.0.1", 0)
    print(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", flush=True)
    await asyncio.to_thread(sys.stdin.read)
    os._exit(0)  # clients keep their connections open; nothing is left to be done


if __name__ == "__main__":
    asyncio.run(_serve())
