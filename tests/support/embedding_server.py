"""A small HTTP server on loopback that speaks the embedding APIs of Ollama and OpenAI.

Answers have the fields that Ollama 0.12 and OpenAI's API reference show. ``faults`` are taken
one a request, in order; without one the request is answered properly.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Self

HANG = "hang"
"""Fault: read the request and never answer."""
CUT = "cut"
"""Fault: close the connection in the middle of the body."""

DIGEST = "0a109f422b47e3a30ba2b10eca18548e944e8a23073ee3f3e947efcf3c45e59f"


@dataclass(frozen=True)
class Answer:
    """Fault: this status, body and further header."""

    status: int
    body: bytes
    header: str = ""


Edit = Callable[[dict[str, Any]], object]
"""Fault: the proper answer, changed in place; or what it returns, where that is not None."""


@dataclass
class Request:
    method: str
    path: str
    headers: dict[str, str]
    body: dict[str, Any]


@dataclass
class EmbeddingServer:
    """Serves ``model`` with vectors of ``dimension``; use as an async context manager."""

    model: str = "nomic-embed-text"
    dimension: int = 8
    requests: list[Request] = field(default_factory=list)
    faults: deque[Answer | Edit | str] = field(default_factory=deque)
    url: str = ""

    async def __aenter__(self) -> Self:
        self._released = asyncio.Event()
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", 0)
        port = self._server.sockets[0].getsockname()[1]
        self.url = f"http://127.0.0.1:{port}"
        return self

    async def __aexit__(self, *_: object) -> None:
        self._released.set()
        self._server.close()
        await self._server.wait_closed()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await self._serve(await _read(reader), writer)
        finally:
            writer.close()

    async def _serve(self, request: Request, writer: asyncio.StreamWriter) -> None:
        self.requests.append(request)
        fault = self.faults.popleft() if self.faults else None
        if fault == HANG:
            await self._released.wait()
            return
        if isinstance(fault, Answer):
            _write(writer, fault.status, fault.body, fault.header)
            return
        status, answer = self._answer(request)
        changed = fault(answer) if callable(fault) else None
        body = json.dumps(answer if changed is None else changed).encode()
        if fault == CUT:
            writer.write(f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\n\r\n".encode())
            writer.write(body[: len(body) // 2])
            await writer.drain()
            return
        _write(writer, status, body)

    def _answer(self, request: Request) -> tuple[int, dict[str, Any]]:
        match request.method, request.path:
            case "POST", "/api/embed":
                return self._ollama_embed(request.body)
            case "GET", "/api/tags":
                name = self.model if ":" in self.model else f"{self.model}:latest"
                return 200, {"models": [{"name": name, "model": name, "digest": DIGEST}]}
            case "POST", "/v1/embeddings":
                return self._openai_embeddings(request.body)
        return 404, {"error": "not found"}

    def _ollama_embed(self, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        if body["model"] != self.model:
            return 404, {"error": f'model "{body["model"]}" not found, try pulling it first'}
        return 200, {
            "model": self.model,
            "embeddings": [self.vector(text) for text in body["input"]],
            "total_duration": 14143917,
            "load_duration": 1019500,
            "prompt_eval_count": 8,
        }

    def _openai_embeddings(self, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        if body["model"] != self.model:
            message = f"The model `{body['model']}` does not exist."
            return 404, {"error": {"message": message, "code": "model_not_found"}}
        rows = [
            {"object": "embedding", "index": index, "embedding": self.vector(text)}
            for index, text in enumerate(body["input"])
        ]
        usage = {"prompt_tokens": 8, "total_tokens": 8}
        return 200, {"object": "list", "data": rows, "model": self.model, "usage": usage}

    def vector(self, text: str) -> list[float]:
        """The text's vector, not normalised."""
        return [
            byte - 127.5 for byte in hashlib.shake_256(f"v{text}".encode()).digest(self.dimension)
        ]


async def _read(reader: asyncio.StreamReader) -> Request:
    head = (await reader.readuntil(b"\r\n\r\n")).decode()
    first, *lines = head.strip().split("\r\n")
    method, path, _ = first.split(" ")
    headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    return Request(method, path, headers, json.loads(body) if body else {})


def _write(writer: asyncio.StreamWriter, status: int, body: bytes, header: str = "") -> None:
    head = (
        f"HTTP/1.1 {status} X\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\nConnection: close\r\n"
    )
    writer.write(f"{head}{header}\r\n".encode() + body)
