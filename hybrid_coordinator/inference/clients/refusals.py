"""What servers' refusals and broken streams mean, as our errors and notices."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from hybrid_coordinator.errors import (
    HybridError,
    InvalidArgumentError,
    ModelBusyError,
    ModelLoadingError,
    ModelReplyError,
    PromptTooLongError,
)
from hybrid_coordinator.inference.chat import ChatRequest
from hybrid_coordinator.inference.endpoints import Endpoint
from hybrid_coordinator.inference.wire import (
    JsonObject,
    count,
    error_kind,
    error_text,
    member,
    parse_object,
    shown,
    text,
)

# Importing httpx takes 0.1 s, so it waits until a request is due; see inference.http.
if TYPE_CHECKING:
    from hybrid_coordinator.inference.http import HttpStream

_TOO_LONG = (
    "exceed_context_size",
    "exceeds the available context size",  # llama.cpp
    "exceeds the context length",  # Ollama
    "maximum context length",  # vLLM, OpenAI
    "context_length_exceeded",  # OpenAI
    "greater than the context length",  # LM Studio
    "trying to keep the first",  # LM Studio before 0.3.18
    "prompt is too long",  # Anthropic
    "exceed context limit",  # Anthropic, prompt and max_tokens together
)
_NUMBERS = (
    re.compile(r"(?P<tokens>\d+) tokens > (?P<length>\d+) maximum"),  # Anthropic
    re.compile(r"(?P<tokens>\d+) \+ \d+ > (?P<length>\d+)"),  # Anthropic, with max_tokens
    re.compile(  # OpenAI, vLLM
        r"maximum context length is (?P<length>\d+) tokens.*?(?P<tokens>\d+) "
        r"(?:tokens|input tokens|in the messages)",
        re.DOTALL,
    ),
    re.compile(  # LM Studio before 0.3.18
        r"keep the first (?P<tokens>\d+) tokens.*context length of only (?P<length>\d+)", re.DOTALL
    ),
    re.compile(r"n_keep: (?P<tokens>\d+) ?>= ?n_ctx: (?P<length>\d+)"),  # LM Studio
)
_SCHEMA = ("json schema", "json_schema", "grammar", "response_format", "output_config")
_NO_CREDIT = (
    "insufficient_quota",
    "credit_balance",
    "credit balance",
    "spend_limit",
    "usage_limit",
    "api usage limits",  # Anthropic, a limit that its user set
    "billing_",
)
"""These come with 429 like a rate limit (https://developers.openai.com/api/docs/guides/error-codes,
https://platform.claude.com/docs/en/api/errors), and no waiting helps."""
_LOADING = "loading model"
_BUSY_KINDS = (
    _LOADING,
    "overloaded",
    "rate_limit",
    "slow_down",
    "timeout_error",
    "service_unavail",
)
_BUSY_STATUS = (408, 429, 502, 503, 504, 529)
_RETRY_SECONDS = 1.0
"""Where a busy server does not say when to come again."""
_SHOWN_CHARACTERS = 300


async def refusal(response: HttpStream, endpoint: Endpoint, name: str) -> HybridError:
    """The error to raise for a response that is not 200. ``name`` says whose, in messages."""
    status, body = response.status, await response.body()
    content = parse_object(body) or {}
    said = error_text(content) or shown(text(content, "message")) or _excerpt(body)
    kind = f"{error_kind(content)} {said}".lower()
    if status in (401, 403):
        return _locked_out(endpoint, name, status)
    if status == 402 or any(sign in kind for sign in _NO_CREDIT):
        return ModelReplyError(
            f"{name} answers nothing until its bill is settled or a limit raised: {said}"
        )
    if status in _BUSY_STATUS:
        retry_after = response.retry_after
        return _busy(
            f"{name} is not ready: {said} (HTTP {status})",
            loading=_LOADING in kind,
            retry_after=_RETRY_SECONDS if retry_after is None else retry_after,
        )
    if status in (400, 413, 422, 500):
        if status == 413 or any(sign in kind for sign in _TOO_LONG):
            return _too_long(content, said, name)
        if status != 500 and any(sign in kind for sign in _SCHEMA):
            return InvalidArgumentError("json_schema", f"{name} cannot use it: {said}")
    return ModelReplyError(f"{name} answered with HTTP {status}: {said}")


def _locked_out(endpoint: Endpoint, name: str, status: int) -> ModelReplyError:
    # What the server says is left out: OpenAI repeats a part of the key.
    if endpoint.key_setting is not None:
        return ModelReplyError(
            f"{name} does not accept the API key (HTTP {status}): correct "
            f"{endpoint.key_setting}, or what the key may be used for"
        )
    return ModelReplyError(
        f"{name} asks for an API key, which local endpoints are used without; start the "
        "server without one, or list it under inference.openai_compatible"
    )


def _busy(message: str, *, loading: bool, retry_after: float) -> ModelBusyError:
    kind = ModelLoadingError if loading else ModelBusyError
    return kind(message, retry_after=retry_after)


def _too_long(content: JsonObject, said: str, name: str) -> PromptTooLongError:
    error = member(content, "error")
    tokens, context_length = count(error, "n_prompt_tokens"), count(error, "n_ctx")
    for pattern in _NUMBERS:
        match = pattern.search(said)
        if match is not None:
            tokens, context_length = int(match["tokens"]), int(match["length"])
    return prompt_too_long(name, tokens=tokens, context_length=context_length, said=said)


def prompt_too_long(
    name: str,
    *,
    tokens: int | None,
    context_length: int | None,
    said: str | None = None,
) -> PromptTooLongError:
    """The refusal of a prompt that does not fit, with the numbers, or the server's words where
    it gives no numbers of its own."""
    if tokens is not None and context_length is not None:
        numbers = f"{tokens} tokens, and {name} holds {context_length}"
    else:
        numbers = f"{name} says: {said}"
    return PromptTooLongError(
        f"too long for the model's context: {numbers}; shorten the prompt, the files or the "
        "context, or start the model with a longer context",
        tokens=tokens,
        context_length=context_length,
    )


def lowered(request: ChatRequest, room: int, name: str, context_length: int) -> str:
    """The notice for an answer that gets less room than was asked for."""
    return (
        f"max_tokens was lowered from {request.max_tokens} to {room}: {name} holds "
        f"{context_length} tokens and the prompt takes about {request.estimated_tokens}"
    )


def garbled(line: bytes, name: str) -> ModelReplyError:
    """The error for a line that is not in the server's wire format."""
    return ModelReplyError(f"{name} sent what is no chat stream: {line[:_SHOWN_CHARACTERS]!r}")


def failed(event: JsonObject, said: str, name: str) -> HybridError:
    """The error for an error object in mid-stream, where the status was 200."""
    kind = f"{error_kind(event)} {said}".lower()
    if any(sign in kind for sign in _BUSY_KINDS):
        return _busy(
            f"{name} failed while answering: {said}",
            loading=_LOADING in kind,
            retry_after=_RETRY_SECONDS,
        )
    if any(sign in kind for sign in _TOO_LONG):
        return _too_long(event, said, name)
    return ModelReplyError(f"{name} failed while answering: {said}")


def cut_short(name: str) -> ModelReplyError:
    """The error for a stream that ends without the mark of its end."""
    return ModelReplyError(f"{name}: the stream ended before the answer did")


def _excerpt(body: bytes) -> str:
    said = body[:_SHOWN_CHARACTERS].decode("utf-8", "replace").strip()
    return shown(said) or "no explanation"
