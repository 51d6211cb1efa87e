"""Streaming ``/v1/chat/completions``: OpenAI, and every server that speaks its format."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import TYPE_CHECKING

from hybrid_coordinator.domain.knowledge import JsonValue
from hybrid_coordinator.inference.chat import ChatRequest, Finish, Piece
from hybrid_coordinator.inference.clients.closed_schemas import strict_at_openai
from hybrid_coordinator.inference.clients.refusals import (
    cut_short,
    failed,
    garbled,
    lowered,
    prompt_too_long,
    refusal,
)
from hybrid_coordinator.inference.endpoints import Endpoint, EndpointKind, LocalModel
from hybrid_coordinator.inference.thinking import THINKING_TOKENS, reasons_at_openai
from hybrid_coordinator.inference.wire import (
    JsonObject,
    count,
    error_text,
    member,
    number,
    objects,
    parse,
    shown,
    text,
)

# Importing httpx takes 0.1 s, so it waits until a request is due; see inference.http.
if TYPE_CHECKING:
    from hybrid_coordinator.inference.http import HttpClient


_HAS_TEMPLATE_SWITCH = (
    EndpointKind.LLAMA_CPP,
    EndpointKind.VLLM,
    EndpointKind.DOCKER_MODEL_RUNNER,
)
"""Servers that pass ``chat_template_kwargs`` to the model's template."""


class OpenAIChat:
    """Server-sent events as OpenAI's chat completions have them, and the local servers' extras:
    ``timings`` (llama.cpp) and ``reasoning_content`` or ``reasoning`` (thinking models)."""

    def __init__(self, http: HttpClient, endpoint: Endpoint, model: LocalModel) -> None:
        self._http = http
        self._endpoint = endpoint
        self._model = model
        self._name = f"{model.name} at {endpoint.url}"

    @property
    def thinks(self) -> bool:
        """See ``ChatClient.thinks``."""
        return self._model.thinking is True

    async def stream(self, request: ChatRequest) -> AsyncGenerator[Piece | Finish]:
        """See ``ChatClient.stream``."""
        max_tokens, notices = self._fit(request)
        body = self._body(request, max_tokens)
        url = f"{self._endpoint.openai_base}/chat/completions"
        async with self._http.stream(url, body) as response:
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
            yield reader.finish(notices)

    def _fit(self, request: ChatRequest) -> tuple[int, tuple[str, ...]]:
        """How many tokens to ask for, and what to say about it.

        llama.cpp and Docker Model Runner count with the model's tokenizer, refuse a prompt that
        does not fit and end an answer where the context ends. vLLM refuses prompt and answer
        together. LM Studio cuts the prompt without a word, so it gets none that may not fit, and
        neither do servers of an unknown make.
        """
        wanted = request.max_tokens + (THINKING_TOKENS if self.thinks else 0)
        context, kind = self._model.context_length, self._endpoint.kind
        careful = (EndpointKind.LMSTUDIO, EndpointKind.COMPATIBLE)
        if context is None or kind not in (*careful, EndpointKind.VLLM):
            return wanted, ()
        estimate = request.estimated_tokens
        room = context - estimate
        if room <= 0 and kind in careful:
            raise prompt_too_long(
                self._name,
                tokens=estimate,
                context_length=context,
            )
        if room <= 0:
            return request.max_tokens, ()
        if room >= request.max_tokens:
            return min(room, wanted), ()
        return room, (lowered(request, room, self._name, context),)

    def _body(self, request: ChatRequest, max_tokens: int) -> dict[str, JsonValue]:
        body: dict[str, JsonValue] = {
            "model": self._model.name,
            "messages": [
                {"role": message.role, "content": message.content} for message in request.messages
            ],
            "stream": True,
            "stream_options": {"include_usage": True},
        }
        if self._endpoint.kind is EndpointKind.OPENAI:
            # The older name is refused by the models that reason, and so is a temperature.
            body["max_completion_tokens"] = max_tokens
            if not reasons_at_openai(self._model.name):
                body["temperature"] = request.temperature
        else:
            body["max_tokens"] = max_tokens
            body["temperature"] = request.temperature
        if self.thinks and not request.thinking and self._endpoint.kind in _HAS_TEMPLATE_SWITCH:
            body["chat_template_kwargs"] = {"enable_thinking": False}
        if request.json_schema is not None:
            # OpenAI itself refuses a schema as strict unless every object in it is closed.
            strict = self._endpoint.kind is not EndpointKind.OPENAI or strict_at_openai(
                request.json_schema
            )
            body["response_format"] = {
                "type": "json_schema",
                "json_schema": {
                    "name": "answer",
                    "strict": strict,
                    "schema": dict(request.json_schema),
                },
            }
        return body


class _Reader:
    """Makes pieces of the lines of one response."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._reason: str | None = None
        self._usage: JsonObject = {}
        self._timings: JsonObject = {}
        self._thought = False
        self.done = False

    def feed(self, line: bytes) -> Piece | None:
        event = self._event(line)
        if event is None:
            return None
        self._usage = member(event, "usage") or self._usage
        self._timings = member(event, "timings") or self._timings
        choice = next(objects(event, "choices"), None)
        if choice is None:
            return None
        delta = member(choice, "delta")
        reason = "refusal" if text(delta, "refusal") else text(choice, "finish_reason")
        if reason and self._reason != "refusal":
            self._reason = "refusal" if reason == "content_filter" else reason
        piece = Piece(
            text(delta, "content"), text(delta, "reasoning_content") or text(delta, "reasoning")
        )
        self._thought = self._thought or bool(piece.thinking)
        return piece if piece.text or piece.thinking else None

    def finish(self, notices: tuple[str, ...]) -> Finish:
        # Some servers leave the reason out, and mark the end all the same.
        reason = self._reason or ("unknown" if self.done else None)
        if reason is None:
            raise cut_short(self._name)
        generated_ms = number(self._timings, "predicted_ms")
        prompt = member(self._usage, "prompt_tokens_details")
        thought = count(member(self._usage, "completion_tokens_details"), "reasoning_tokens")
        return Finish(
            reason,
            count(self._usage, "prompt_tokens"),
            count(self._usage, "completion_tokens"),
            generated_ms / 1000 if generated_ms else None,
            notices,
            0 if self._thought else thought or 0,
            cached_in=count(prompt, "cached_tokens") or 0,
            written_in=count(prompt, "cache_write_tokens") or 0,
        )

    def _event(self, line: bytes) -> JsonObject | None:
        """The JSON object that a line carries, None for a line that carries none."""
        field, _, value = line.partition(b":")
        if field in (b"", b"event", b"id", b"retry"):
            return None
        if value.strip() == b"[DONE]":
            self.done = True
            return None
        # llama.cpp before 2025 sent an error in mid-stream as a field of its own; and a plain
        # JSON body, which has no field, is an error object or not what was asked for.
        content = value if field in (b"data", b"error") else line
        try:
            event = parse(content)
        except ValueError as error:
            raise garbled(line, self._name) from error
        if not isinstance(event, dict):
            raise garbled(line, self._name)
        said = error_text(event)
        if said is None and (field == b"error" or text(event, "object") == "error"):
            said = shown(text(event, "message")) or "no explanation"
        if said is not None:
            raise failed(event, said, self._name)
        if field != b"data":
            raise garbled(line, self._name)
        return event
