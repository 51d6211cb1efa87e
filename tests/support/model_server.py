"""A small HTTP server on loopback that plays a model server: scripted answers, real wire."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Self

HANG = "hang"
"""In a stream: send nothing more, and keep the connection."""
CUT = "cut"
"""In a stream: close the connection without the last chunk."""

_WAIT_SECONDS = 10.0
_TURNS = 10
_LAST_SECONDS = 1.0
"""What a client that sends nothing more is waited for at the end."""


@dataclass(frozen=True)
class Answer:
    """A whole response."""

    body: bytes
    status: int = 200
    content_type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Stream:
    """A response in chunks, each a write of its own."""

    chunks: Sequence[bytes | str]
    content_type: str = "text/event-stream"


@dataclass(frozen=True)
class RawBytes:
    """Bytes that need not be HTTP."""

    content: bytes


Scripted = Answer | Stream | RawBytes


@dataclass
class Request:
    method: str
    path: str
    headers: dict[str, str]
    body: dict[str, Any]


@dataclass
class ModelServer:
    """Answers by method and path, like ``{"GET /v1/models": Answer(...)}``; a list of answers is
    used up from the front, the last one stays. ``port`` 0 is any free one. Use as an async
    context manager."""

    answers: Mapping[str, Scripted | list[Scripted]]
    requests: list[Request] = field(default_factory=list)
    port: int = 0
    most_at_once: int = 0
    dropped: int = 0
    """Answers whose client went away while they hung."""
    url: str = ""
    _at_once: int = 0

    _connections: set[asyncio.Task[None]] = field(default_factory=set)

    async def __aenter__(self) -> Self:
        self._released = asyncio.Event()
        self._hanging = asyncio.Event()
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        return self

    async def __aexit__(self, *_: object) -> None:
        self.release()
        # Python 3.11 leaks a connection that it accepts while the server closes: so none is
        # accepted from here on, and those that were have some turns of the loop to come here.
        for listening in self._server.sockets:
            asyncio.get_running_loop().remove_reader(listening.fileno())
        for _ in range(_TURNS):
            await asyncio.sleep(0)
        self._server.close()
        await self._server.wait_closed()
        if self._connections:
            await asyncio.wait(self._connections, timeout=_LAST_SECONDS)
        for task in self._connections:
            task.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)

    async def until_hanging(self) -> None:
        """Return once an answer has come to its ``HANG``."""
        async with asyncio.timeout(_WAIT_SECONDS):
            await self._hanging.wait()

    def release(self) -> None:
        """Let what hangs go on."""
        self._released.set()

    def hold(self) -> None:
        """Let what comes hang again."""
        self._released.clear()
        self._hanging.clear()

    def bodies(self, path: str) -> list[dict[str, Any]]:
        """What was posted to a path."""
        return [request.body for request in self.requests if request.path == path]

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._connections.add(task)
        try:
            request = await _read(reader)
            self.requests.append(request)
            if request.method == "POST":
                self._at_once += 1
                self.most_at_once = max(self.most_at_once, self._at_once)
            await self._serve(self._choose(request), reader, writer)
            if request.method == "POST":
                self._at_once -= 1
        except (asyncio.IncompleteReadError, ConnectionError):
            pass  # the client went away, which several tests have it do
        finally:
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()
            self._connections.discard(task)

    def _choose(self, request: Request) -> Scripted:
        found = self.answers.get(f"{request.method} {request.path}")
        if found is None:
            return Answer(b'{"error":"not found"}', status=404)
        if isinstance(found, list):
            return found.pop(0) if len(found) > 1 else found[0]
        return found

    async def _serve(
        self, answer: Scripted, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        if isinstance(answer, RawBytes):
            writer.write(answer.content)
        elif isinstance(answer, Answer):
            extra = "".join(f"{name}: {value}\r\n" for name, value in answer.headers.items())
            writer.write(
                f"HTTP/1.1 {answer.status} X\r\nContent-Type: {answer.content_type}\r\n{extra}"
                f"Content-Length: {len(answer.body)}\r\nConnection: close\r\n\r\n".encode()
            )
            writer.write(answer.body)
        else:
            await self._serve_stream(answer, reader, writer)
        await writer.drain()

    async def _serve_stream(
        self, stream: Stream, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        writer.write(
            f"HTTP/1.1 200 OK\r\nContent-Type: {stream.content_type}\r\n"
            "Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n".encode()
        )
        for chunk in stream.chunks:
            if chunk == CUT:
                return
            if chunk == HANG:
                await writer.drain()
                self._hanging.set()
                if await self._left_while_hanging(reader):
                    return
                continue
            assert isinstance(chunk, bytes)
            writer.write(b"%x\r\n%s\r\n" % (len(chunk), chunk))
            await writer.drain()
        writer.write(b"0\r\n\r\n")

    async def _left_while_hanging(self, reader: asyncio.StreamReader) -> bool:
        """Wait to be released. True if the client goes away before that."""
        released = asyncio.ensure_future(self._released.wait())
        left = asyncio.ensure_future(reader.read(1))
        await asyncio.wait({released, left}, return_when=asyncio.FIRST_COMPLETED)
        gone = left.done() and not released.done()
        for waiting in (released, left):
            waiting.cancel()
        await asyncio.gather(released, left, return_exceptions=True)
        self.dropped += gone
        return gone


async def _read(reader: asyncio.StreamReader) -> Request:
    head = (await reader.readuntil(b"\r\n\r\n")).decode()
    first, *lines = head.strip().split("\r\n")
    method, path, _ = first.split(" ")
    headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    return Request(method, path, headers, json.loads(body) if body else {})


def as_json(value: object, status: int = 200) -> Answer:
    """A JSON response."""
    return Answer(json.dumps(value).encode(), status)
