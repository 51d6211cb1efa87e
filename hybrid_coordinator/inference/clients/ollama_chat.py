"""Streaming Ollama's ``/api/chat``: its ``/v1`` drops ``num_ctx`` and cuts prompts unasked."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import TYPE_CHECKING

from hybrid_coordinator.domain.knowledge import JsonValue
from hybrid_coordinator.inference.chat import ChatRequest, Finish, Piece
from hybrid_coordinator.inference.clients.refusals import (
    cut_short,
    failed,
    garbled,
    lowered,
    prompt_too_long,
    refusal,
)
from hybrid_coordinator.inference.endpoints import Endpoint, LocalModel
from hybrid_coordinator.inference.thinking import THINKING_TOKENS
from hybrid_coordinator.inference.wire import (
    JsonObject,
    count,
    error_text,
    member,
    number,
    parse,
    parse_object,
    text,
)

# Importing httpx takes 0.1 s, so it waits until a request is due; see inference.http.
if TYPE_CHECKING:
    from hybrid_coordinator.inference.http import HttpClient

_SMALLEST_CONTEXT = 4096
"""Ollama's own default; asking for less gains nothing and reloads the model."""
_SHOW_SECONDS = 5.0


class OllamaChat:
    """Newline-delimited JSON objects, the last of which has ``done`` and the counts."""

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
        wanted = request.max_tokens + (THINKING_TOKENS if self.thinks else 0)
        context = await self._context_for(request, wanted)
        room = context - request.estimated_tokens
        notices: tuple[str, ...] = ()
        if room < request.max_tokens:
            notices = (lowered(request, room, self._name, context),)
        body = _body(self._model.name, request, context, min(room, wanted))
        async with self._http.stream(f"{self._endpoint.url}/api/chat", body) as response:
            if response.status != 200:
                raise await refusal(response, self._endpoint, self._name)
            reader = _Reader(self._name, context)
            async for line in response.lines():
                piece = reader.feed(line)
                if piece is not None:
                    yield piece
            yield reader.finish(notices)

    async def _context_for(self, request: ChatRequest, max_tokens: int) -> int:
        """The context length to ask for: another one than a loaded model has reloads it, so the
        loaded one is kept where it is long enough; otherwise a power of two that is."""
        estimate = request.estimated_tokens
        needed = estimate + max_tokens
        loaded = self._model.context_length
        if loaded is not None and loaded >= needed:
            return loaded
        fitting = max(_SMALLEST_CONTEXT, 1 << (needed - 1).bit_length())
        longest = await self._longest_context()
        if longest is None:
            return fitting
        if estimate >= longest:
            raise prompt_too_long(
                self._name,
                tokens=estimate,
                context_length=longest,
            )
        return min(fitting, longest)

    async def _longest_context(self) -> int | None:
        """What the model was trained for: ``<architecture>.context_length`` of ``/api/show``, for
        an Ollama that does not list it with its models."""
        if self._model.max_context_length is not None:
            return self._model.max_context_length
        answer = await self._http.post(
            f"{self._endpoint.url}/api/show", {"model": self._model.name}, timeout=_SHOW_SECONDS
        )
        if answer.status != 200:
            return None
        info = member(parse_object(answer.body) or {}, "model_info")
        return count(info, f"{text(info, 'general.architecture')}.context_length")


class _Reader:
    """Makes pieces of the lines of one response."""

    def __init__(self, name: str, context: int) -> None:
        self._name = name
        self._context = context
        self._last: JsonObject | None = None

    def feed(self, line: bytes) -> Piece | None:
        try:
            event = parse(line)
        except ValueError as error:
            raise garbled(line, self._name) from error
        if not isinstance(event, dict):
            raise garbled(line, self._name)
        said = error_text(event)
        if said is not None:
            raise failed(event, said, self._name)
        if event.get("done") is True:
            self._last = event
        message = member(event, "message")
        piece = Piece(text(message, "content"), text(message, "thinking"))
        return piece if piece.text or piece.thinking else None

    def finish(self, notices: tuple[str, ...]) -> Finish:
        if self._last is None:
            raise cut_short(self._name)
        tokens_in = count(self._last, "prompt_eval_count")
        if tokens_in is not None and tokens_in >= self._context:
            cut = f"the prompt filled all {self._context} tokens of {self._name}: it was cut"
            notices = (*notices, cut)
        nanoseconds = number(self._last, "eval_duration")
        return Finish(
            text(self._last, "done_reason") or "stop",
            tokens_in,
            count(self._last, "eval_count"),
            nanoseconds / 1e9 if nanoseconds else None,
            notices,
        )


def _body(model: str, request: ChatRequest, context: int, max_tokens: int) -> dict[str, JsonValue]:
    body: dict[str, JsonValue] = {
        "model": model,
        "messages": [
            {"role": message.role, "content": message.content} for message in request.messages
        ],
        "stream": True,
        # Refuse what does not fit instead of cutting it; servers that do not know them ignore
        # these two.
        "truncate": False,
        "shift": False,
        "options": {
            "num_ctx": context,
            "num_predict": max_tokens,
            "temperature": request.temperature,
        },
    }
    if not request.thinking:
        body["think"] = False  # models that cannot switch it off, or do not think, ignore it
    if request.json_schema is not None:
        body["format"] = dict(request.json_schema)
    return body
