"""A failed embedder is left alone for a while, and then asked again."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from hybrid_coordinator.errors import EmbedderUnavailableError
from hybrid_coordinator.knowledge.embedding.cooling import CoolingEmbedder
from hybrid_coordinator.knowledge.embedding.ollama import OllamaEmbedder
from tests.support.embedding_server import HANG, Answer, EmbeddingServer

REFUSED = Answer(503, b'{"error": "loading model"}')


@pytest.fixture
async def server() -> AsyncIterator[EmbeddingServer]:
    async with EmbeddingServer() as server:
        yield server


def cooling(server: EmbeddingServer, seconds: float) -> CoolingEmbedder:
    return CoolingEmbedder(OllamaEmbedder(server.url, server.model, timeout=10), seconds)


async def test_a_failure_is_repeated_without_asking(server: EmbeddingServer) -> None:
    embedder = cooling(server, 60)
    server.faults.append(REFUSED)
    with pytest.raises(EmbedderUnavailableError, match="503") as first:
        await embedder.embed(["text"])

    for call in (embedder.embed(["text"]), embedder.identity()):
        with pytest.raises(EmbedderUnavailableError) as again:
            await call
        assert str(again.value) == str(first.value)

    assert len(server.requests) == 1
    await embedder.close()


async def test_it_is_asked_again_when_the_time_is_over(server: EmbeddingServer) -> None:
    embedder = cooling(server, 0)
    server.faults.append(REFUSED)
    with pytest.raises(EmbedderUnavailableError):
        await embedder.embed(["text"])

    (vector,) = await embedder.embed(["text"])

    assert len(vector) == (await embedder.identity()).dimension == server.dimension
    await embedder.close()


async def test_a_caller_that_gives_up_spares_the_next_one_the_wait(
    server: EmbeddingServer,
) -> None:
    embedder = cooling(server, 60)
    server.faults.append(HANG)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await embedder.embed(["text"])

    with pytest.raises(EmbedderUnavailableError, match="slow to answer"):
        await embedder.embed(["text"])

    await embedder.close()
