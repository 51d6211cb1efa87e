"""A scripted Messages API on loopback: what a real client talks to in place of a model.

Wire format: https://docs.anthropic.com/en/api/messages and .../messages-streaming.
"""

from __future__ import annotations

import json
import threading
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

Block = dict[str, Any]
"""A content block: ``text`` with ``text``, or ``tool_use`` with ``id``, ``name`` and ``input``."""


@dataclass(frozen=True, slots=True)
class ToolResult:
    """What the client sent back for one ``tool_use`` block."""

    is_error: bool
    text: str

    def json(self) -> Any:
        """The text as JSON: how a client hands structured content to its model."""
        assert not self.is_error, self.text
        return json.loads(self.text)


@dataclass(frozen=True, slots=True)
class Conversation:
    """One ``POST /v1/messages`` body, read the way a model reads it."""

    body: Mapping[str, Any]

    @property
    def turn(self) -> int:
        """Assistant messages so far: 0 for a prompt not yet answered. A retry has the same turn."""
        return sum(message["role"] == "assistant" for message in self.body["messages"])

    @property
    def tool_names(self) -> frozenset[str]:
        return frozenset(tool["name"] for tool in self.body.get("tools", ()))

    def tool_result(self, tool_use_id: str) -> ToolResult:
        """The result of that call. Raises LookupError when the client has sent none."""
        for message in self.body["messages"]:
            for block in _blocks(message["content"]):
                if block["type"] == "tool_result" and block["tool_use_id"] == tool_use_id:
                    content = block.get("content", "")
                    text = "".join(part.get("text", "") for part in _blocks(content))
                    return ToolResult(bool(block.get("is_error")), text)
        raise LookupError(f"the client sent no result for {tool_use_id}")


Turn = Callable[[Conversation], Sequence[Block]]
"""The model's answer in one turn; it may read the results of earlier calls."""


def say(text: str) -> Block:
    """A text block."""
    return {"type": "text", "text": text}


def call(use: str, name: str, /, **arguments: object) -> Block:
    """A ``tool_use`` block with the id ``use``."""
    return {"type": "tool_use", "id": use, "name": name, "input": arguments}


class ScriptedModel:
    """Answers one conversation with ``turns``, one after another.

    A conversation is what offers tools; requests without (titles, summaries, probes) get a short
    text. An exception in a turn is answered as an API error and raised on exit.
    """

    def __init__(self, turns: Sequence[Turn]) -> None:
        self._turns = turns
        self._lock = threading.Lock()
        self.conversations: list[Conversation] = []
        self.failures: list[Exception] = []
        model = self

        class Handler(_Handler):
            script = model

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    @property
    def last(self) -> Conversation:
        """The longest view that the model had of the conversation."""
        return self.conversations[-1]

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
        if self.failures:
            raise ExceptionGroup("the script's turns failed", self.failures)

    def answer(self, body: Mapping[str, Any]) -> Sequence[Block]:
        """The content blocks for one request."""
        conversation = Conversation(body)
        if not conversation.tool_names:
            return [say("ok")]
        with self._lock:
            self.conversations.append(conversation)
            return self._turns[conversation.turn](conversation)


class _Handler(BaseHTTPRequestHandler):
    """The endpoints that a client calls."""

    script: ScriptedModel
    protocol_version = "HTTP/1.1"

    def do_HEAD(self) -> None:
        self._json(200, {})

    def do_GET(self) -> None:
        self._json(404, _error("not_found_error", f"no such endpoint: {self.path}"))

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers.get("Content-Length", 0))) or b"{}")
        path = self.path.partition("?")[0]
        if path == "/v1/messages/count_tokens":
            self._json(200, {"input_tokens": len(json.dumps(body)) // 4})
        elif path == "/v1/messages":
            self._messages(body)
        else:
            self._json(404, _error("not_found_error", f"no such endpoint: {path}"))

    def _messages(self, body: Mapping[str, Any]) -> None:
        try:
            content = self.script.answer(body)
        except Exception as error:  # noqa: BLE001 - raised again in the test, by __exit__
            self.script.failures.append(error)
            self._json(400, _error("invalid_request_error", f"the script failed: {error!r}"))
            return
        message = _message(str(body["model"]), content)
        if not body.get("stream"):
            self._json(200, message)
            return
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Connection", "close")
        self.end_headers()
        for event in _events(message):
            data = json.dumps(event)
            self.wfile.write(f"event: {event['type']}\ndata: {data}\n\n".encode())
        self.close_connection = True

    def _json(self, status: int, value: object) -> None:
        data = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    def log_message(self, *_: object) -> None:
        """Quiet: the recorded requests are the log."""


def _blocks(content: str | Sequence[Block]) -> Sequence[Block]:
    return [say(content)] if isinstance(content, str) else content


def _error(kind: str, message: str) -> dict[str, object]:
    return {"type": "error", "error": {"type": kind, "message": message}}


def _message(model: str, content: Sequence[Block]) -> dict[str, Any]:
    calls = any(block["type"] == "tool_use" for block in content)
    return {
        "id": f"msg_{uuid.uuid4().hex}",
        "type": "message",
        "role": "assistant",
        "model": model,
        "content": list(content),
        "stop_reason": "tool_use" if calls else "end_turn",
        "stop_sequence": None,
        "usage": {"input_tokens": 100, "output_tokens": 20},
    }


def _events(message: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The message as the server-sent events of a stream."""
    start = message | {"content": [], "stop_reason": None}
    yield {"type": "message_start", "message": start}
    for index, block in enumerate(message["content"]):
        if block["type"] == "tool_use":
            empty = block | {"input": {}}
            delta = {"type": "input_json_delta", "partial_json": json.dumps(block["input"])}
        else:
            empty = block | {"text": ""}
            delta = {"type": "text_delta", "text": block["text"]}
        yield {"type": "content_block_start", "index": index, "content_block": empty}
        yield {"type": "content_block_delta", "index": index, "delta": delta}
        yield {"type": "content_block_stop", "index": index}
    yield {
        "type": "message_delta",
        "delta": {"stop_reason": message["stop_reason"], "stop_sequence": None},
        "usage": {"output_tokens": message["usage"]["output_tokens"]},
    }
    yield {"type": "message_stop"}
