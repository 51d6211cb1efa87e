"""Ollama and OpenAI-compatible endpoints, over their wire formats, well and badly."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from hybrid_coordinator.errors import EmbedderUnavailableError
from hybrid_coordinator.knowledge.embedding.endpoint import EndpointEmbedder
from hybrid_coordinator.knowledge.embedding.ollama import OllamaEmbedder
from hybrid_coordinator.knowledge.embedding.openai import OpenAIEmbedder
from hybrid_coordinator.knowledge.embedding.protocol import EmbedderIdentity
from tests.support.embedding_server import CUT, DIGEST, HANG, Answer, EmbeddingServer

MODEL = "nomic-embed-text"
Build = Callable[..., EndpointEmbedder]


def ollama(url: str, model: str = MODEL, timeout: float = 10) -> EndpointEmbedder:
    return OllamaEmbedder(url, model, timeout)


def openai(url: str, model: str = MODEL, timeout: float = 10) -> EndpointEmbedder:
    return OpenAIEmbedder(url, model, "a-key", timeout)


@pytest.fixture(params=[ollama, openai])
def build(request: pytest.FixtureRequest) -> Build:
    return request.param


@pytest.fixture
async def server() -> AsyncIterator[EmbeddingServer]:
    async with EmbeddingServer() as server:
        yield server


@pytest.fixture
async def embedder(server: EmbeddingServer, build: Build) -> AsyncIterator[EndpointEmbedder]:
    embedder = build(server.url)
    yield embedder
    await embedder.close()


def vectors_of(answer: dict[str, Any]) -> list[Any]:
    """The list of vectors in an answer of either API, to be changed in place."""
    return answer["embeddings"] if "embeddings" in answer else answer["data"]


def drop_vector(answer: dict[str, Any]) -> None:
    vectors_of(answer).pop()


def replace_vector(answer: dict[str, Any], vector: list[Any]) -> None:
    rows = vectors_of(answer)
    rows[-1] = vector if "embeddings" in answer else {**rows[-1], "embedding": vector}


async def test_vectors_come_in_order_and_normalised(
    server: EmbeddingServer, embedder: EndpointEmbedder
) -> None:
    texts = [f"text {number}" for number in range(40)]
    vectors = await embedder.embed(texts)
    for text, vector in zip(texts, vectors, strict=True):
        raw = server.vector(text)
        assert vector == pytest.approx([part / math.hypot(*raw) for part in raw])


async def test_requests_are_bounded(server: EmbeddingServer, embedder: EndpointEmbedder) -> None:
    await embedder.identity()
    server.requests.clear()
    await embedder.embed(["text"] * 40)
    assert [len(request.body["input"]) for request in server.requests] == [16, 16, 8]


async def test_the_model_is_probed_once(
    server: EmbeddingServer, embedder: EndpointEmbedder
) -> None:
    first = await embedder.identity()
    asked = len(server.requests)
    assert await embedder.identity() == first
    await embedder.embed(["text"])
    assert len(server.requests) == asked + 1


async def test_blank_texts_get_a_vector_without_being_sent(
    server: EmbeddingServer, embedder: EndpointEmbedder
) -> None:
    blank, text, other_blank = await embedder.embed(["", "text", "\n "])
    assert blank == other_blank != text
    assert math.hypot(*blank) == pytest.approx(1)
    assert server.requests[-1].body["input"] == ["text"]


async def test_long_and_broken_texts_are_sent_bounded_and_whole(
    server: EmbeddingServer, embedder: EndpointEmbedder
) -> None:
    await embedder.embed(["x" * 9_000, "half \ud800"])
    assert server.requests[-1].body["input"] == ["x" * 8_000, "half ?"]


async def test_nothing_to_embed_asks_for_nothing(
    server: EmbeddingServer, embedder: EndpointEmbedder
) -> None:
    await embedder.identity()
    server.requests.clear()
    assert await embedder.embed([]) == []
    assert server.requests == []


# Identity


async def test_ollama_is_identified_by_its_digest(server: EmbeddingServer) -> None:
    embedder = ollama(server.url)
    assert await embedder.identity() == EmbedderIdentity(MODEL, 8, DIGEST)
    await embedder.close()


async def test_a_model_that_ollama_does_not_list_is_identified_by_name(
    server: EmbeddingServer,
) -> None:
    server.model = "other:v2"
    server.faults.extend([lambda answer: None, lambda answer: answer.update(models=[])])
    embedder = ollama(server.url, "other:v2")
    assert await embedder.identity() == EmbedderIdentity("other:v2", 8, "other:v2")
    await embedder.close()


async def test_an_unusable_list_of_models_is_an_error(server: EmbeddingServer) -> None:
    server.faults.extend([lambda answer: None, lambda answer: {"models": None}])
    embedder = ollama(server.url)
    with pytest.raises(EmbedderUnavailableError, match="list of models: models: "):
        await embedder.identity()
    await embedder.close()


@pytest.mark.parametrize("suffix", ["", "/", "/v1", "/v1/"])
async def test_openai_is_asked_at_v1_with_the_key(server: EmbeddingServer, suffix: str) -> None:
    embedder = openai(server.url + suffix)
    assert await embedder.identity() == EmbedderIdentity(MODEL, 8, MODEL)
    assert server.requests[-1].path == "/v1/embeddings"
    assert server.requests[-1].headers["authorization"] == "Bearer a-key"
    await embedder.close()


async def test_without_a_key_none_is_sent(server: EmbeddingServer) -> None:
    embedder = OpenAIEmbedder(server.url, MODEL, None, 10)
    await embedder.embed(["text"])
    assert "authorization" not in server.requests[-1].headers
    await embedder.close()


async def test_openai_rows_are_ordered_by_their_index(server: EmbeddingServer) -> None:
    embedder = openai(server.url)
    straight = await embedder.embed(["one", "two", "three"])
    server.faults.append(lambda answer: answer["data"].reverse())
    assert await embedder.embed(["one", "two", "three"]) == straight
    await embedder.close()


# Faults


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        pytest.param(Answer(500, b'{"error": "out of memory"}'), "500.*out of memory", id="500"),
        pytest.param(Answer(200, b"<html>hello</html>"), "the answer: Invalid JSON", id="html"),
        pytest.param(Answer(200, b""), "the answer: Invalid JSON", id="empty"),
        pytest.param(Answer(200, b"[]"), "the answer: ", id="a list"),
        pytest.param(Answer(200, b"{}"), "Field required", id="no vectors"),
        pytest.param(Answer(200, b" " * (17 << 20)), "more than 16777216 bytes", id="huge"),
        pytest.param(drop_vector, "1 vectors for 2 texts", id="one too few"),
        pytest.param(lambda a: vectors_of(a).clear(), "0 vectors for 2 texts", id="none"),
        pytest.param(lambda a: replace_vector(a, [0.0] * 8), "length is 0", id="zeros"),
        pytest.param(lambda a: replace_vector(a, [float("nan")] * 8), "length is nan", id="nan"),
        pytest.param(lambda a: replace_vector(a, [None] * 8), "valid number", id="nulls"),
        pytest.param(lambda a: replace_vector(a, []), "length is 0", id="no components"),
        pytest.param(
            lambda a: replace_vector(a, [1.0] * 9), "9 dimensions after 8", id="another dimension"
        ),
        pytest.param(CUT, "does not answer", id="cut"),
    ],
)
async def test_what_is_no_vector_is_an_error_and_passes(
    server: EmbeddingServer, embedder: EndpointEmbedder, fault: Any, message: str
) -> None:
    expected = await embedder.embed(["one", "two"])
    server.faults.append(fault)
    with pytest.raises(EmbedderUnavailableError, match=message) as raised:
        await embedder.embed(["one", "two"])
    assert server.url in str(raised.value)
    # The next call asks again and is well.
    assert await embedder.embed(["one", "two"]) == expected


async def test_texts_do_not_follow_a_redirect(
    server: EmbeddingServer, embedder: EndpointEmbedder
) -> None:
    await embedder.identity()
    async with EmbeddingServer() as elsewhere:
        location = f"Location: {elsewhere.url}{server.requests[0].path}\r\n"
        server.faults.append(Answer(307, b"", location))
        with pytest.raises(EmbedderUnavailableError, match="status 307"):
            await embedder.embed(["text"])
        assert elsewhere.requests == []


async def test_a_proxy_of_the_environment_gets_nothing(
    server: EmbeddingServer, build: Build, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with EmbeddingServer() as proxy:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(name, proxy.url)
        for name in ("NO_PROXY", "no_proxy"):
            monkeypatch.delenv(name, raising=False)
        embedder = build(server.url)
        await embedder.embed(["text"])
        assert proxy.requests == []
        await embedder.close()


async def test_a_fault_in_a_later_batch_gives_no_vectors_at_all(
    server: EmbeddingServer, embedder: EndpointEmbedder
) -> None:
    await embedder.identity()
    server.faults.extend([lambda answer: None, lambda answer: replace_vector(answer, [1.0] * 3)])
    with pytest.raises(EmbedderUnavailableError, match="3 dimensions after 8"):
        await embedder.embed(["text"] * 20)


async def test_an_unknown_model_is_an_error_that_says_what_to_do(
    server: EmbeddingServer, build: Build
) -> None:
    embedder = build(server.url, "no-such-model")
    remedy = "ollama pull no-such-model" if build is ollama else "Check embedding.model"
    with pytest.raises(EmbedderUnavailableError, match=remedy):
        await embedder.identity()
    await embedder.close()


async def test_a_refused_key_is_an_error_that_does_not_show_it(server: EmbeddingServer) -> None:
    embedder = openai(server.url)
    server.faults.append(Answer(401, b'{"error": {"message": "Incorrect API key"}}'))
    with pytest.raises(EmbedderUnavailableError, match=r"embedding\.api_key") as raised:
        await embedder.embed(["text"])
    assert "a-key" not in str(raised.value)
    await embedder.close()


async def test_no_server_is_an_error_that_says_how_to_start_one(build: Build) -> None:
    async with EmbeddingServer() as gone:
        url = gone.url
    embedder = build(url)
    start = "ollama serve" if build is ollama else "Start the server"
    with pytest.raises(EmbedderUnavailableError, match=start):
        await embedder.embed(["text"])
    await embedder.close()


@pytest.mark.parametrize("url", ["not a url", "http://", "ftp://127.0.0.1:1", "http://[::1"])
async def test_an_impossible_address_is_an_error(build: Build, url: str) -> None:
    embedder = build(url)
    with pytest.raises(EmbedderUnavailableError, match=r"embedding\.base_url"):
        await embedder.embed(["text"])
    await embedder.close()


async def test_a_hanging_server_is_left_after_the_time_out(
    server: EmbeddingServer, build: Build
) -> None:
    embedder = build(server.url, timeout=0.2)
    server.faults.append(HANG)
    async with asyncio.timeout(10):
        with pytest.raises(EmbedderUnavailableError, match=r"within 0\.2 s.*timeout_seconds"):
            await embedder.embed(["text"])
    assert len(await embedder.embed(["text"])) == 1
    await embedder.close()
