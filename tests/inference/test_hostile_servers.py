"""Servers that mean harm, or are badly broken: no call costs more than its bounds, or breaks."""

from __future__ import annotations

import asyncio
import gzip
import json
from collections.abc import Callable
from contextlib import AsyncExitStack

import pytest

from hybrid_coordinator.errors import HybridError, ModelReplyError
from hybrid_coordinator.inference.chat import ChatMessage, ChatRequest, Generation, Piece
from hybrid_coordinator.inference.clients import client_for
from hybrid_coordinator.inference.discovery import Discovery
from hybrid_coordinator.inference.endpoints import Endpoint, EndpointKind, EndpointState, LocalModel
from hybrid_coordinator.inference.generate import generate
from hybrid_coordinator.inference.http import HttpClient
from tests.support.model_server import HANG, Answer, ModelServer, Scripted, Stream, as_json
from tests.support.model_wire import (
    DONE,
    event,
    openai_delta,
    openai_models,
    vllm_model,
)

Http = Callable[..., HttpClient]
CHAT = "POST /v1/chat/completions"
OLLAMA = "POST /api/chat"
LARGE = 10**400


async def ask(
    http_to: Http,
    server: ModelServer,
    kind: EndpointKind = EndpointKind.COMPATIBLE,
    on_piece: Callable[[Piece], None] | None = None,
) -> Generation:
    client = client_for(
        http_to(server.url), Endpoint(kind, server.url), LocalModel("m", 40960, loaded=True)
    )
    chat = ChatRequest((ChatMessage("user", "hello"),), 100, 0.2)
    return await generate(client, chat, name="m", reply_seconds=10.0, on_piece=on_piece)


async def test_what_is_packed_twice_is_not_unpacked(http_to: Http):
    packed = gzip.compress(gzip.compress(openai_delta("stop", content="Yes.")))
    answer = Answer(packed, headers={"Content-Encoding": "gzip, gzip"})
    async with ModelServer({CHAT: answer}) as server:
        with pytest.raises(ModelReplyError, match="packed more than once"):
            await ask(http_to, server)
        assert server.requests[0].headers["accept-encoding"] == "identity"


async def test_an_answer_without_an_end_is_given_up_at_a_size(http_to: Http):
    endless = Stream([openai_delta(content="more " * 200_000)] * 80)
    async with ModelServer({CHAT: endless}) as server:
        with pytest.raises(ModelReplyError, match="its answer has no end"):
            await ask(http_to, server)


USAGE = {"prompt_tokens": LARGE, "completion_tokens": 2**31}


@pytest.mark.parametrize(
    "last",
    [
        {"choices": [], "usage": USAGE},
        {"choices": [], "timings": {"predicted_ms": LARGE}},
        {"choices": [], "timings": {"predicted_ms": float("inf")}},
        {"choices": [], "timings": {"predicted_ms": float("nan")}},
        {"choices": [], "timings": {"predicted_ms": 1e-320}},
    ],
)
async def test_figures_that_cannot_be_are_none(http_to: Http, last: dict[str, object]):
    stream = Stream([openai_delta("stop", content="Yes, it is."), event(last), DONE])
    async with ModelServer({CHAT: stream}) as server:
        answer = await ask(http_to, server)
    assert answer.text == "Yes, it is."
    assert 0 < answer.tokens_in < 100
    assert 0 < answer.tokens_out < 100
    assert answer.tokens_per_second is None or answer.tokens_per_second < 1e7


async def test_ollamas_figures_that_cannot_be_are_none(http_to: Http):
    line = {"message": {"content": "Yes."}, "done": True, "eval_count": 2, "eval_duration": LARGE}
    async with ModelServer({OLLAMA: Stream([json.dumps(line).encode() + b"\n"])}) as server:
        assert (await ask(http_to, server, EndpointKind.OLLAMA)).text == "Yes."


async def test_a_probe_with_figures_that_cannot_be_is_a_report(http_to: Http):
    answers = {
        "GET /health": as_json({"status": "ok"}),
        "GET /v1/models": openai_models({"id": "m", "meta": {"n_params": LARGE, "n_ctx": LARGE}}),
        "GET /props": as_json({"total_slots": LARGE}),
    }
    async with ModelServer(answers) as server:
        endpoint = Endpoint(EndpointKind.LLAMA_CPP, server.url)
        (report,) = await Discovery(http_to(server.url), [endpoint], timeout=5).survey()
    assert report.state is EndpointState.READY
    assert (report.slots, report.models[0].parameters) == (1, None)


@pytest.mark.parametrize("name", ["m\0", "m\x1b[2J", "m" * 501])
async def test_what_cannot_be_a_name_is_no_model(http_to: Http, name: str):
    answers = {"GET /v1/models": openai_models(vllm_model(name), vllm_model("good"))}
    async with ModelServer(answers) as server:
        endpoint = Endpoint(EndpointKind.VLLM, server.url)
        (report,) = await Discovery(http_to(server.url), [endpoint], timeout=5).survey()
    assert [model.name for model in report.models] == ["good"]


async def test_an_answer_is_made_of_whole_characters(http_to: Http):
    """A lone half of a surrogate pair has no UTF-8 form, and Postgres holds no NUL."""
    halves = [rb"a\ud83d", rb"\ude00b\u0000c\udc00", rb"d\ud83d"]
    chunks = [b'data: {"choices":[{"delta":{"content":"%s"}}]}\n\n' % each for each in halves]
    pieces: list[Piece] = []
    async with ModelServer({CHAT: Stream([*chunks, openai_delta("stop"), DONE])}) as server:
        answer = await ask(http_to, server, on_piece=pieces.append)
    assert answer.text == "a\U0001f600b\ufffdc\ufffdd"
    assert "".join(piece.text for piece in pieces) == answer.text


MESSAGE = "\x1b[2J\0 no \ud800" + "x" * 100_000


@pytest.mark.parametrize(
    "sent",
    [
        as_json({"error": {"message": MESSAGE}}, 500),
        as_json({"error": {"other": MESSAGE}}, 500),
        as_json({"message": MESSAGE}, 500),
        as_json({"error": MESSAGE}, 503),
        Answer(MESSAGE.encode("utf-8", "replace"), 500),
        Stream([openai_delta(content="Yes"), event({"error": {"message": MESSAGE}})]),
        Stream([event({"object": "error", "message": MESSAGE})]),
    ],
)
async def test_an_error_is_shown_as_text_of_some_length(http_to: Http, sent: Scripted):
    async with ModelServer({CHAT: sent}) as server:
        with pytest.raises(HybridError) as caught:
            await ask(http_to, server)
    assert len(str(caught.value)) < 1_200
    assert str(caught.value).isprintable()


async def test_many_answers_under_way_leave_room_for_a_probe(http_to: Http):
    held = Stream([openai_delta(content="Wait"), HANG, openai_delta("stop"), DONE])
    answers = {CHAT: held, "GET /v1/models": openai_models(vllm_model("m"))}
    async with ModelServer(answers) as server, AsyncExitStack() as stack:
        http = http_to(server.url)
        for _ in range(100):
            await stack.enter_async_context(http.stream(f"{server.url}/v1/chat/completions", {}))
        endpoint = Endpoint(EndpointKind.VLLM, server.url)
        async with asyncio.timeout(20):
            (report,) = await Discovery(http, [endpoint], timeout=2).survey()
        assert report.state is EndpointState.READY
        server.release()
