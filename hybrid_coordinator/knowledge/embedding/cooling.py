"""Leave a failed embedder alone for a while, so that nobody waits for a dead endpoint twice."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Sequence
from typing import TypeVar

from hybrid_coordinator.errors import EmbedderUnavailableError
from hybrid_coordinator.knowledge.embedding.protocol import Embedder, EmbedderIdentity, Vector

T = TypeVar("T")

COOLING_SECONDS = 5.0
"""Questions go on by text search meanwhile; an endpoint that restarts is back this soon."""


class CoolingEmbedder:
    """An ``Embedder`` that repeats its last failure for ``cooling_seconds`` without asking again.

    A caller that gave up waiting (was cancelled) counts as a failure too.
    """

    def __init__(self, embedder: Embedder, cooling_seconds: float = COOLING_SECONDS) -> None:
        self._embedder = embedder
        self._cooling_seconds = cooling_seconds
        self._failure = ""
        self._warm_at = 0.0

    async def identity(self) -> EmbedderIdentity:
        """The embedder's identity.

        Raises:
            EmbedderUnavailableError: it does not answer, or did not a moment ago.
        """
        self._check()
        return await self._watched(self._embedder.identity())

    async def embed(self, texts: Sequence[str]) -> list[Vector]:
        """One vector a text, in order.

        Raises:
            EmbedderUnavailableError: it does not answer, or did not a moment ago.
        """
        self._check()
        return await self._watched(self._embedder.embed(texts))

    async def close(self) -> None:
        """Close the embedder."""
        await self._embedder.close()

    def _check(self) -> None:
        if time.monotonic() < self._warm_at:
            raise EmbedderUnavailableError(self._failure)

    async def _watched(self, call: Awaitable[T]) -> T:
        try:
            return await call
        except EmbedderUnavailableError as error:
            self._cool(str(error))
            raise
        except asyncio.CancelledError:
            self._cool("The embedding endpoint is slow to answer. See its log.")
            raise

    def _cool(self, failure: str) -> None:
        self._failure = failure
        self._warm_at = time.monotonic() + self._cooling_seconds
