"""What is said to a model and what comes back, whatever the server's wire format."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass
from typing import Literal, Protocol

from hybrid_coordinator.domain.knowledge import JsonValue
from hybrid_coordinator.domain.tokens import estimate_tokens

_TOKENS_PER_MESSAGE = 8
"""Chat templates wrap each message in its role and a few control tokens."""


@dataclass(frozen=True, slots=True)
class ChatMessage:
    """One turn."""

    role: Literal["system", "user"]
    content: str


@dataclass(frozen=True, slots=True)
class ChatRequest:
    """A chat to be completed.

    ``max_tokens`` bounds the answer: a model that is known to think gets THINKING_TOKENS more.
    ``thinking`` is whether it may think, for servers that have a switch.
    """

    messages: tuple[ChatMessage, ...]
    max_tokens: int
    temperature: float
    json_schema: Mapping[str, JsonValue] | None = None
    thinking: bool = True

    @property
    def estimated_tokens(self) -> int:
        """An estimate of the prompt's tokens, on the safe side."""
        return sum(
            estimate_tokens(message.content) + _TOKENS_PER_MESSAGE for message in self.messages
        )


@dataclass(frozen=True, slots=True)
class Piece:
    """What one generated token or a few add: to the answer, or to the thinking before it."""

    text: str = ""
    thinking: str = ""


@dataclass(frozen=True, slots=True)
class Finish:
    """How a generation ended, with the server's own counts; None where it gives none.

    ``reason`` is "stop", "length" where a bound cut the answer, "refusal" where the model or its
    server declined to answer, or the server's own word.
    ``generation_seconds`` is the time of generating alone, without reading the prompt.
    ``hidden_tokens`` are those of ``tokens_out`` that were thought without being sent;
    ``cached_in`` and ``written_in`` those of ``tokens_in`` that a provider held already, and that
    it began to hold: they have prices of their own.
    """

    reason: str
    tokens_in: int | None = None
    tokens_out: int | None = None
    generation_seconds: float | None = None
    notices: tuple[str, ...] = ()
    hidden_tokens: int = 0
    cached_in: int = 0
    written_in: int = 0


class ChatClient(Protocol):
    """A server's chat interface, for one model."""

    @property
    def thinks(self) -> bool:
        """Whether the model is known to think before it answers."""
        ...

    def stream(self, request: ChatRequest) -> AsyncGenerator[Piece | Finish]:
        """Pieces as they are generated, then one ``Finish``. Unbounded in time.

        Raises:
            PromptTooLongError: the prompt does not fit the model's context.
            InvalidArgumentError: the server cannot use the schema.
            ModelUnavailableError: the server does not answer; ModelBusyError: not now;
                ModelLoadingError: not yet.
            ModelReplyError: the server answers with an error, in the middle of the answer or
                before, the connection is cut, or what comes is not in its wire format.
        """
        ...


@dataclass(frozen=True, slots=True)
class Generation:
    """A finished answer and what it took.

    ``first_token_ms`` runs from sending the request to the first token, thinking included;
    ``tokens_per_second`` counts the tokens that were sent over the time of generating them, None
    where that time is too short to tell. ``cached_in`` and ``written_in`` are as in ``Finish``.
    """

    text: str
    finish_reason: str
    tokens_in: int
    tokens_out: int
    tokens_per_second: float | None
    first_token_ms: int
    notices: tuple[str, ...]
    cached_in: int = 0
    written_in: int = 0
