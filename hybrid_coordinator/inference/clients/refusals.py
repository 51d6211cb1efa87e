"""What servers' refusals and broken streams mean, as our errors and notices."""

from __future__ import annotations

from hybrid_coordinator.errors import (
    HybridError,
    InvalidArgumentError,
    ModelReplyError,
    ModelUnavailableError,
)
from hybrid_coordinator.inference.chat import ChatRequest
from hybrid_coordinator.inference.wire import count, error_text, member, parse_object, text

_TOO_LONG = (
    "exceed_context_size",
    "exceeds the available context size",  # llama.cpp
    "exceeds the context length",  # Ollama
    "maximum context length",  # vLLM
    "greater than the context length",  # LM Studio
)
_SCHEMA = ("json schema", "json_schema", "grammar")
_SHOWN_CHARACTERS = 300


def refusal(status: int, body: bytes, name: str) -> HybridError:
    """The error to raise for a response that is not 200. ``name`` says whose, in messages."""
    content = parse_object(body) or {}
    said = error_text(content) or text(content, "message") or _excerpt(body)
    if status in (401, 403):
        return ModelReplyError(
            f"{name} asks for an API key, which local endpoints are used without; start the "
            "server without one"
        )
    if status in (429, 503):
        return ModelUnavailableError(f"{name} is not ready: {said} (HTTP {status})")
    if status in (400, 413, 422):
        error = member(content, "error")
        kind = f"{text(error, 'type')} {said}".lower()
        if status == 413 or any(sign in kind for sign in _TOO_LONG):
            return prompt_too_long(
                name,
                tokens=count(error, "n_prompt_tokens"),
                context_length=count(error, "n_ctx"),
                said=said,
            )
        if any(sign in kind for sign in _SCHEMA):
            return InvalidArgumentError("json_schema", f"{name} cannot use it: {said}")
    return ModelReplyError(f"{name} answered with HTTP {status}: {said}")


def prompt_too_long(
    name: str,
    *,
    tokens: int | None,
    context_length: int | None,
    said: str | None = None,
) -> InvalidArgumentError:
    """The refusal of a prompt that does not fit, with the numbers, or the server's words where
    it gives no numbers of its own."""
    if tokens is not None and context_length is not None:
        numbers = f"{tokens} tokens, and {name} holds {context_length}"
    else:
        numbers = f"{name} says: {said}"
    return InvalidArgumentError(
        "prompt",
        f"too long for the model's context: {numbers}; shorten the prompt, the files or the "
        "context, or start the model with a longer context",
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


def failed(said: str, name: str) -> ModelReplyError:
    """The error for an error object in mid-stream."""
    return ModelReplyError(f"{name} failed while answering: {said}")


def cut_short(name: str) -> ModelReplyError:
    """The error for a stream that ends without the mark of its end."""
    return ModelReplyError(f"{name}: the stream ended before the answer did")


def _excerpt(body: bytes) -> str:
    shown = body[:_SHOWN_CHARACTERS].decode("utf-8", "replace").strip()
    return shown or "no explanation"
