"""One call of one model: breaker, a turn in the endpoint's lane, retries where they help."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

from opentelemetry.trace import SpanKind

from hybrid_coordinator.errors import ConnectionCutError, ModelBusyError
from hybrid_coordinator.inference.breaker import Breakers
from hybrid_coordinator.inference.chat import ChatClient, ChatRequest, Generation, Piece
from hybrid_coordinator.inference.endpoints import Endpoint, LocalModel
from hybrid_coordinator.inference.generate import STALL_SECONDS, generate
from hybrid_coordinator.inference.lanes import Lanes
from hybrid_coordinator.spans import span

MAX_RETRIES = 1
"""More would keep a caller from the next model, and hit a failing endpoint more often."""
_MIN_PAUSE = 0.1
"""Seconds before a retry where an endpoint says "at once": it was busy a moment ago."""

OnPiece = Callable[[Piece], None]


class _Pieces:
    """Passes pieces on, and knows whether there was one."""

    def __init__(self, on_piece: OnPiece | None) -> None:
        self._on_piece = on_piece
        self.any = False

    def __call__(self, piece: Piece) -> None:
        self.any = True
        if self._on_piece is not None:
            self._on_piece(piece)


class Caller:
    """Calls models, each endpoint by its own limits.

    ``client_for`` makes the client that speaks an endpoint's wire format. The clock and the pause
    are for tests.
    """

    def __init__(
        self,
        client_for: Callable[[Endpoint, LocalModel], ChatClient],
        *,
        breakers: Breakers,
        lanes: Lanes,
        reply_seconds: float,
        queue_seconds: float,
        stall_seconds: float = STALL_SECONDS,
        clock: Callable[[], float] = time.monotonic,
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._client_for = client_for
        self.breakers = breakers
        self.lanes = lanes
        self._reply_seconds = reply_seconds
        self._queue_seconds = queue_seconds
        self._stall_seconds = stall_seconds
        self._clock = clock
        self._pause = pause

    async def call(
        self,
        endpoint: Endpoint,
        model: LocalModel,
        slots: int,
        chat: ChatRequest,
        *,
        caller: str,
        on_turn: Callable[[], None] | None = None,
        on_piece: OnPiece | None = None,
    ) -> Generation:
        """The model's answer. ``on_turn`` is called when the wait for a free slot is over.

        It is tried again where the endpoint is busy and asks for a wait that fits, and where the
        connection broke before the first token; never after one, for its reader has it.

        Raises:
            InvalidArgumentError: the prompt does not fit, or the schema is no use to the server.
            ModelBusyError: no slot came free in time, or the endpoint is overloaded or loading.
            ModelUnavailableError: it does not answer, or its breaker is open.
            ModelReplyError: the answer is an error, empty, cut, or late.
        """
        pieces = _Pieces(on_piece)
        deadline = self._clock() + self._reply_seconds
        retries = 0
        while True:
            self.breakers.check(endpoint.url)
            try:
                async with self.lanes.turn(endpoint.url, slots, caller, self._queue_seconds):
                    if on_turn is not None:
                        on_turn()
                    with self.breakers.watch(endpoint.url):
                        return await self._traced(endpoint, model, chat, pieces)
            except ConnectionCutError:
                if pieces.any or retries == MAX_RETRIES or not self.breakers.admits(endpoint.url):
                    raise
            except ModelBusyError as error:
                wait = error.retry_after
                if pieces.any or wait is None:
                    raise
                wait = max(wait, _MIN_PAUSE)
                longest = min(self._queue_seconds, deadline - self._clock())
                if retries == MAX_RETRIES or wait >= longest:
                    self.breakers.hold(endpoint.url, wait, str(error))
                    raise
                await self._pause(wait)
            retries += 1

    async def _traced(
        self, endpoint: Endpoint, model: LocalModel, chat: ChatRequest, pieces: _Pieces
    ) -> Generation:
        """With a span by OpenTelemetry's conventions for generative AI."""
        with span(
            f"chat {model.name}",
            kind=SpanKind.CLIENT,
            gen_ai__operation__name="chat",
            gen_ai__request__model=model.name,
            server__address=endpoint.url,
        ) as current:
            answer = await self._generate(endpoint, model, chat, pieces)
            current.set_attribute("gen_ai.usage.input_tokens", answer.tokens_in)
            current.set_attribute("gen_ai.usage.output_tokens", answer.tokens_out)
            return answer

    async def _generate(
        self, endpoint: Endpoint, model: LocalModel, chat: ChatRequest, on_piece: OnPiece
    ) -> Generation:
        return await generate(
            self._client_for(endpoint, model),
            chat,
            name=f"{model.name} at {endpoint.url}",
            reply_seconds=self._reply_seconds,
            stall_seconds=self._stall_seconds,
            on_piece=on_piece,
        )
