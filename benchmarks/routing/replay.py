"""A model server on loopback that answers recorded questions with recorded texts, over HTTP."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from typing import Any, Self

_CHUNK = 200
"""Characters in one event of a stream."""


class Replay:
    """Speaks ``/v1/models`` and streamed ``/v1/chat/completions``; use as a context manager.

    ``texts`` has an answer for each question, which is found as the last message's beginning.
    """

    def __init__(self, model: str, texts: Mapping[str, str]) -> None:
        self._model = model
        self._texts = texts
        self.calls = 0
        self.url = ""

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", 0)
        port = self._server.sockets[0].getsockname()[1]
        self.url = f"http://127.0.0.1:{port}"
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                method, path, _ = head.split(" ", 2)
                length = next(
                    (
                        int(line.partition(":")[2])
                        for line in head.lower().split("\r\n")
                        if line.startswith("content-length:")
                    ),
                    0,
                )
                body = await reader.readexactly(length)
                if method == "GET":
                    writer.write(_whole(self._listing() if path == "/v1/models" else None))
                else:
                    writer.write(_streamed(self._events(json.loads(body))))
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    def _listing(self) -> dict[str, Any]:
        entry = {"id": self._model, "object": "model", "max_model_len": 32768}
        return {"object": "list", "data": [entry]}

    def _events(self, body: Mapping[str, Any]) -> list[dict[str, Any]]:
        self.calls += 1
        asked = body["messages"][-1]["content"]
        text = self._texts[asked]
        pieces = [text[at : at + _CHUNK] for at in range(0, len(text), _CHUNK)]
        deltas = [{"choices": [{"index": 0, "delta": {"content": piece}}]} for piece in pieces]
        end = {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}
        usage = {"prompt_tokens": _tokens(asked), "completion_tokens": _tokens(text)}
        return [*deltas, end, {"choices": [], "usage": usage}]


def _tokens(text: str) -> int:
    """About as many as a tokenizer would count in English text."""
    return len(text) // 4 + 1


def _whole(value: object) -> bytes:
    body = json.dumps(value if value is not None else {"error": {"message": "not found"}}).encode()
    status = b"200 OK" if value is not None else b"404 Not Found"
    head = b"HTTP/1.1 %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
    return head % (status, len(body)) + body


def _streamed(events: list[dict[str, Any]]) -> bytes:
    lines = [b"data: " + json.dumps(event).encode() + b"\n\n" for event in events]
    lines.append(b"data: [DONE]\n\n")
    chunks = b"".join(b"%x\r\n%s\r\n" % (len(line), line) for line in lines)
    head = (
        b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
    )
    return head + chunks + b"0\r\n\r\n"
