"""What the embedding endpoints have in common: one probe, bounded requests, checked vectors."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

import httpx
from pydantic import ValidationError

from hybrid_coordinator.errors import EmbedderUnavailableError
from hybrid_coordinator.knowledge.embedding.protocol import EmbedderIdentity
from hybrid_coordinator.knowledge.embedding.texts import bounded, direction_of, normalised

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from hybrid_coordinator.domain.knowledge import JsonValue
    from hybrid_coordinator.knowledge.embedding.protocol import Vector

_TEXTS_PER_REQUEST = 16
"""A small model on a CPU embeds this many chunks of code in a few seconds, so a request stays
within the time-out; the request itself costs a millisecond."""

_MAX_BODY_BYTES = 16 * 1024 * 1024
"""16 vectors of 4,096 dimensions take 1.5 MB as JSON."""

_PROBE = "dimension"


class EndpointEmbedder(ABC):
    """An embedder behind HTTP. Subclasses know the wire format.

    A request that fails is not repeated: callers have a fallback (text search) and a queue.
    A blank text is never sent, since endpoints refuse it; it gets a direction of its own.
    """

    def __init__(
        self, base_url: str, model: str, timeout: float, headers: Mapping[str, str]
    ) -> None:
        self._base_url = base_url.rstrip("/")
        self._model = model
        self._timeout = timeout
        # A proxy of the environment must not see, or divert, what is meant for this machine;
        # a redirect could send it elsewhere.
        self._client = httpx.AsyncClient(
            trust_env=False, follow_redirects=False, timeout=timeout, headers=dict(headers)
        )
        self._identity: EmbedderIdentity | None = None

    async def identity(self) -> EmbedderIdentity:
        """The model's identity; the endpoint is asked until it has answered once.

        Raises:
            EmbedderUnavailableError: the endpoint does not answer, or not with vectors.
        """
        if self._identity is None:
            # Without a lock: callers that come together each ask, and none waits for the
            # time-outs of the others.
            [vector] = await self._checked([_PROBE])
            self._identity = EmbedderIdentity(
                name=self._model, dimension=len(vector), revision=await self._revision()
            )
        return self._identity

    async def embed(self, texts: Sequence[str]) -> list[Vector]:
        """One vector a text, in order, each of length 1.

        Raises:
            EmbedderUnavailableError: the endpoint does not answer in time, or not with as many
                vectors of the known dimension.
        """
        dimension = (await self.identity()).dimension
        vectors: list[Vector] = [direction_of(text, dimension) for text in texts]
        places = [place for place, text in enumerate(texts) if text.strip()]
        for start in range(0, len(places), _TEXTS_PER_REQUEST):
            batch = places[start : start + _TEXTS_PER_REQUEST]
            found = await self._checked([bounded(texts[place]) for place in batch])
            for place, vector in zip(batch, found, strict=True):
                if len(vector) != dimension:
                    raise self._unusable(
                        f"a vector of {len(vector)} dimensions after {dimension} before: "
                        "the model behind the name has changed; restart the coordinator"
                    )
                vectors[place] = vector
        return vectors

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    @abstractmethod
    async def _request(self, texts: list[str]) -> list[list[float]]:
        """The endpoint's vectors for the texts, in their order. ``ValidationError`` where the
        answer is not of the expected shape."""

    @abstractmethod
    async def _revision(self) -> str:
        """What changes when the model behind the name does."""

    @abstractmethod
    def _advice(self, status: int | None) -> str:
        """What to do about an HTTP status, or (None) about a server that does not answer."""

    async def _checked(self, texts: list[str]) -> list[list[float]]:
        try:
            vectors = await self._request(texts)
            if len(vectors) != len(texts):
                raise self._unusable(f"{len(vectors)} vectors for {len(texts)} texts")
            return [normalised(vector) for vector in vectors]
        except ValidationError as error:
            raise self._unusable(first_problem(error)) from error
        except ValueError as error:
            raise self._unusable(str(error)) from error

    async def _call(self, method: str, path: str, json: JsonValue = None) -> bytes:
        """The body of a 200 answer."""
        try:
            async with (
                asyncio.timeout(self._timeout),
                self._client.stream(method, f"{self._base_url}{path}", json=json) as response,
            ):
                body = bytearray()
                async for part in response.aiter_bytes():
                    body += part
                    if len(body) > _MAX_BODY_BYTES:
                        raise self._unusable(f"more than {_MAX_BODY_BYTES} bytes")
        except (TimeoutError, httpx.TimeoutException) as error:
            raise EmbedderUnavailableError(
                f"No embedding from {self._model} at {self._base_url} within {self._timeout:g} s. "
                "The server may be loading the model, or busy: try again, or raise "
                "embedding.timeout_seconds."
            ) from error
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise EmbedderUnavailableError(
                f"The embedding endpoint {self._base_url} does not answer "
                f"({str(error) or type(error).__name__}). {self._advice(None)}"
            ) from error
        if response.status_code != httpx.codes.OK:
            said = body[:200].decode("utf-8", "replace").strip()
            raise EmbedderUnavailableError(
                f"The embedding endpoint {self._base_url} refuses {self._model} with status "
                f"{response.status_code} ({said}). {self._advice(response.status_code)}"
            )
        return bytes(body)

    def _unusable(self, what: str) -> EmbedderUnavailableError:
        return EmbedderUnavailableError(
            f"{self._model} at {self._base_url} does not answer with usable vectors: {what}. "
            "Is it an embedding model, and the right address?"
        )


def first_problem(error: ValidationError) -> str:
    """Where the first thing wrong with an answer is, and what."""
    problem = error.errors(include_url=False, include_context=False, include_input=False)[0]
    place = ".".join(str(part) for part in problem["loc"]) or "the answer"
    return f"{place}: {problem['msg']}"
