"""What an embedder is to the rest of the package."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

Vector = Sequence[float]


@dataclass(frozen=True, slots=True)
class EmbedderIdentity:
    """Which model made a vector. Vectors of two identities cannot be compared."""

    name: str
    dimension: int
    revision: str


class Embedder(Protocol):
    """Turns texts into vectors of one dimension, normalised to length 1."""

    async def identity(self) -> EmbedderIdentity:
        """The model's identity. May ask the endpoint once.

        Raises:
            EmbedderUnavailableError: the endpoint does not answer.
        """
        ...

    async def embed(self, texts: Sequence[str]) -> list[Vector]:
        """One vector a text, in order. An empty text gets a vector too.

        Raises:
            EmbedderUnavailableError: the endpoint does not answer in time, or not with vectors.
        """
        ...

    async def close(self) -> None:
        """Release connections."""
        ...
