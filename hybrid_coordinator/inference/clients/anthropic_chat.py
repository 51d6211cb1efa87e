"""Streaming Anthropic's ``/v1/messages``."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import TYPE_CHECKING

from hybrid_coordinator.domain.knowledge import JsonValue
from hybrid_coordinator.inference.chat import ChatRequest, Finish, Piece
from hybrid_coordinator.inference.clients.closed_schemas import closed_for_anthropic
from hybrid_coordinator.inference.clients.refusals import cut_short, failed, garbled, refusal
from hybrid_coordinator.inference.endpoints import Endpoint, LocalModel
from hybrid_coordinator.inference.thinking import THINKING_TOKENS
from hybrid_coordinator.inference.wire import (
    JsonObject,
    count,
    error_text,
    member,
    parse,
    text,
)

# Importing httpx takes 0.1 s, so it waits until a request is due; see inference.http.
if TYPE_CHECKING:
    from hybrid_coordinator.inference.http import HttpClient

_VERSION = {"anthropic-version": "2023-06-01"}
_REASONS = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
}
_INPUT_COUNTS = ("input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens")


class AnthropicChat:
    """Server-sent events, each a JSON object that says its type.

    What the current models disagree about is left to each: they refuse a ``temperature`` from
    Opus 4.7 on, some refuse to have thinking switched on and some to have it switched off, and
    some refuse to be forced to use a tool, so a schema goes as ``output_config``.
    """

    def __init__(self, http: HttpClient, endpoint: Endpoint, model: LocalModel) -> None:
        self._http = http
        self._endpoint = endpoint
        self._model = model
        self._name = f"{model.name} at {endpoint.url}"

    @property
    def thinks(self) -> bool:
        """See ``ChatClient.thinks``. Thinking is always sent apart from the text."""
        return False

    async def stream(self, request: ChatRequest) -> AsyncGenerator[Piece | Finish]:
        """See ``ChatClient.stream``."""
        url = f"{self._endpoint.url}/v1/messages"
        body = _body(self._model.name, request)
        async with self._http.stream(url, body, _VERSION) as response:
            if response.status != 200:
                raise await refusal(response, self._endpoint, self._name)
            reader = _Reader(self._name)
            async for line in response.lines():
                piece = reader.feed(line)
                if piece is not None:
                    yield piece
                if reader.done:
                    await response.drain()
                    break
            yield reader.finish()


class _Reader:
    """Makes pieces of the lines of one response."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._reason: str | None = None
        self._counts: dict[str, int] = {}
        self._thought = False
        self._hidden_tokens = 0
        self.done = False

    def feed(self, line: bytes) -> Piece | None:
        event = self._event(line)
        if event is None:
            return None
        said = error_text(event)
        if said is not None:
            raise failed(event, said, self._name)
        kind = text(event, "type")
        if kind == "message_start":
            self._note(member(event, "message"))
        elif kind == "message_delta":
            self._reason = text(member(event, "delta"), "stop_reason") or self._reason
            self._note(event)
        elif kind == "message_stop":
            self.done = True
        elif kind == "content_block_start":
            return self._piece(member(event, "content_block"))
        elif kind == "content_block_delta":
            return self._piece(member(event, "delta"))
        return None

    def finish(self) -> Finish:
        if self._reason is None or not self.done:
            raise cut_short(self._name)
        inputs = [self._counts[name] for name in _INPUT_COUNTS if name in self._counts]
        return Finish(
            _REASONS.get(self._reason, self._reason),
            sum(inputs) if inputs else None,
            self._counts.get("output_tokens"),
            hidden_tokens=0 if self._thought else self._hidden_tokens,
            cached_in=self._counts.get("cache_read_input_tokens", 0),
            written_in=self._counts.get("cache_creation_input_tokens", 0),
        )

    def _piece(self, block: JsonObject) -> Piece | None:
        """What a content block or its delta adds; signatures and tools' input are neither."""
        piece = Piece(text(block, "text"), text(block, "thinking"))
        self._thought = self._thought or bool(piece.thinking)
        return piece if piece.text or piece.thinking else None

    def _note(self, of: JsonObject) -> None:
        """Keep the counts: the later ones hold, and they are cumulative."""
        usage = member(of, "usage")
        for name in (*_INPUT_COUNTS, "output_tokens"):
            value = count(usage, name)
            if value is not None:
                self._counts[name] = value
        details = member(usage, "output_tokens_details")
        self._hidden_tokens = count(details, "thinking_tokens") or self._hidden_tokens

    def _event(self, line: bytes) -> JsonObject | None:
        field, _, value = line.partition(b":")
        if field in (b"", b"event", b"id", b"retry"):
            return None
        try:
            # A plain JSON body, which has no field, is an error object or not what was asked for.
            event = parse(value if field == b"data" else line)
        except ValueError as error:
            raise garbled(line, self._name) from error
        if not isinstance(event, dict) or (field != b"data" and error_text(event) is None):
            raise garbled(line, self._name)
        return event


def _body(model: str, request: ChatRequest) -> dict[str, JsonValue]:
    system = "\n\n".join(each.content for each in request.messages if each.role == "system")
    body: dict[str, JsonValue] = {
        "model": model,
        # Thinking counts, and most models think unless told otherwise.
        "max_tokens": request.max_tokens + THINKING_TOKENS,
        "messages": [
            {"role": message.role, "content": message.content}
            for message in request.messages
            if message.role != "system"
        ],
        "stream": True,
    }
    if system:
        body["system"] = system
    schema = None if request.json_schema is None else closed_for_anthropic(request.json_schema)
    if schema is not None:
        body["output_config"] = {"format": {"type": "json_schema", "schema": schema}}
    return body
