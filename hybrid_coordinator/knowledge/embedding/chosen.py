"""The embedder of the serving generation, whichever that is; and what stands in for a lost one."""

from __future__ import annotations

from collections.abc import Sequence

from hybrid_coordinator.errors import EmbedderUnavailableError
from hybrid_coordinator.knowledge.embedding.protocol import Embedder, EmbedderIdentity, Vector


class ChosenEmbedder:
    """An ``Embedder`` that passes calls on to the one that ``turn_to`` chose last: those who hold
    it follow a move of the index without knowing."""

    def __init__(self, embedder: Embedder) -> None:
        self._chosen = embedder

    def turn_to(self, embedder: Embedder) -> None:
        """Go by this embedder from now on."""
        self._chosen = embedder

    async def identity(self) -> EmbedderIdentity:
        return await self._chosen.identity()

    async def embed(self, texts: Sequence[str]) -> list[Vector]:
        return await self._chosen.embed(texts)

    async def close(self) -> None:
        """Nothing: whoever made the embedders closes them."""


class LostEmbedder:
    """An ``Embedder`` that never answers, and says why."""

    def __init__(self, reason: str) -> None:
        self._reason = reason

    async def identity(self) -> EmbedderIdentity:
        raise EmbedderUnavailableError(self._reason)

    async def embed(self, texts: Sequence[str]) -> list[Vector]:  # noqa: ARG002 - the protocol's
        raise EmbedderUnavailableError(self._reason)

    async def close(self) -> None:
        """Nothing is open."""
