"""A model server on loopback, in a process of its own, that answers at once: what is measured
against it is the client's.

``python -m benchmarks.routing.loopback_server [FAULT]`` prints its port. Its answer's first piece
holds the clock's reading when the request had come, and the others repeat the prompt's words.
A request for JSON gets a pattern, as the jobs of learning ask for one.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

MODEL = "loopback-7b"
_MODELS = {
    "object": "list",
    "data": [{"id": MODEL, "object": "model", "owned_by": "vllm", "max_model_len": 32768}],
}

_PATTERN = json.dumps(
    {
        "problem_type": "A parser fails on empty input",
        "solution_approach": "Read the parser, handle the empty case first, then run the tests.",
        "skills_used": ["parsing", "testing"],
        "generalisable_pattern": "Code that takes input apart asks first whether there is any.",
        "when_to_use": "A parser raises a TypeError or an IndexError when its input is empty.",
        "when_not_to_use": "Empty input is refused by the caller before the parser sees it.",
    }
).split()
"""What answers a request for JSON: a pattern, as the jobs of learning ask for it."""


def _event(value: object) -> bytes:
    line = b"data: " + json.dumps(value).encode() + b"\n\n"
    return b"%x\r\n%s\r\n" % (len(line), line)


def _delta(finish: str | None = None, **delta: str) -> bytes:
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return _event({"id": "1", "object": "chat.completion.chunk", "choices": [choice]})


class Server:
    """Serves the model list, and chats; with a fault, the list and no chat: "error" answers each
    with HTTP 500, "cut" closes the connection."""

    def __init__(self, fault: str = "") -> None:
        self._fault = fault
        self.hits = 0

    async def connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                arrived = time.monotonic_ns()
                length = head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]
                body = await reader.readexactly(int(length or 0))
                if head.startswith(b"GET"):
                    self._reply(writer, head.split(b" ")[1].decode())
                elif self._fault:
                    self.hits += 1
                    if self._fault == "cut":
                        return
                    self._json(writer, b"500 Broken", {"error": {"message": "broken"}})
                else:
                    self.hits += 1
                    await self._chat(writer, arrived, json.loads(body))
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            return
        finally:
            writer.close()

    def _reply(self, writer: asyncio.StreamWriter, path: str) -> None:
        if path == "/v1/models":
            self._json(writer, b"200 OK", _MODELS)
        elif path == "/hits":
            self._json(writer, b"200 OK", self.hits)
        else:
            self._json(writer, b"404 Not Found", {"error": "not found"})

    @staticmethod
    def _json(writer: asyncio.StreamWriter, status: bytes, value: object) -> None:
        body = json.dumps(value).encode()
        writer.write(
            b"HTTP/1.1 %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s"
            % (status, len(body), body)
        )

    @staticmethod
    async def _chat(writer: asyncio.StreamWriter, arrived: int, body: dict[str, object]) -> None:
        messages = body["messages"]
        assert isinstance(messages, list)
        asked_for_json = "response_format" in body
        words = _PATTERN if asked_for_json else str(messages[-1]["content"]).split()
        writer.write(
            b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
            b"Transfer-Encoding: chunked\r\n\r\n"
        )
        for word in words if asked_for_json else (f"t{arrived}", *words):
            writer.write(_delta(content=f"{word} "))
            await writer.drain()
            await asyncio.sleep(0)
        usage = {"prompt_tokens": len(words), "completion_tokens": len(words) + 1}
        writer.write(_delta("stop") + _event({"id": "1", "choices": [], "usage": usage}))
        writer.write(b"e\r\ndata: [DONE]\n\n\r\n0\r\n\r\n")


@contextmanager
def loopback_server(fault: str = "") -> Iterator[str]:
    """A running server's URL."""
    command = [sys.executable, "-m", "benchmarks.routing.loopback_server", fault]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield f"http://127.0.0.1:{int(process.stdout.readline())}"
        finally:
            process.kill()


async def _serve(fault: str) -> None:
    server = await asyncio.start_server(Server(fault).connected, "127.0.0.1", 0, backlog=500)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(_serve(sys.argv[1]))
