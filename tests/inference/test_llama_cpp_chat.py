"""Chatting with the real llama-server: measured, bounded, and cut in the middle."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hybrid_coordinator.errors import (
    InvalidArgumentError,
    ModelReplyError,
    ModelUnavailableError,
)
from hybrid_coordinator.inference.chat import ChatMessage, ChatRequest, Generation, Piece
from hybrid_coordinator.inference.clients.openai_chat import OpenAIChat
from hybrid_coordinator.inference.endpoints import Endpoint, EndpointKind, LocalModel
from hybrid_coordinator.inference.generate import generate
from hybrid_coordinator.inference.http import HttpClient
from hybrid_coordinator.inference.probes import probe
from tests.support.llama_server import CONTEXT, MODEL, LlamaServer, running
from tests.support.tiny_gguf import write_tiny_gguf

Http = Callable[..., HttpClient]

SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {"size": {"enum": ["small", "large"]}, "done": {"type": "boolean"}},
    "required": ["size", "done"],
    "additionalProperties": False,
}


def chat(prompt: str = "hello", *, max_tokens: int = 20, **more: Any) -> ChatRequest:
    return ChatRequest((ChatMessage("user", prompt),), max_tokens, temperature=0.0, **more)


def third(act: Callable[[], None]) -> Callable[[Piece], None]:
    """Acts when the third piece comes."""
    pieces: list[Piece] = []

    def on_piece(piece: Piece) -> None:
        pieces.append(piece)
        if len(pieces) == 3:
            act()

    return on_piece


async def ask(http_to: Http, url: str, request: ChatRequest, **bounds: Any) -> Generation:
    client = OpenAIChat(
        http_to(url), Endpoint(EndpointKind.LLAMA_CPP, url), LocalModel(MODEL, CONTEXT, loaded=True)
    )
    bounds = {"reply_seconds": 20.0, **bounds}
    return await generate(client, request, name=f"{MODEL} at {url}", **bounds)


async def test_an_answer_comes_with_the_servers_own_counts(
    http_to: Http, llama_server: LlamaServer
):
    began = time.perf_counter()
    answer = await ask(http_to, llama_server.url, chat("hello", max_tokens=20))
    elapsed_ms = (time.perf_counter() - began) * 1000
    # One token a character: "user:hello\n" and "assistant:" take 21, and the start token 1.
    assert answer.tokens_in == 22
    assert 1 <= answer.tokens_out <= 20
    assert len(answer.text) <= 20
    assert 0 <= answer.first_token_ms <= elapsed_ms
    assert answer.tokens_per_second is not None
    assert answer.tokens_per_second > answer.tokens_out / (elapsed_ms / 1000)


async def test_an_answer_that_reaches_max_tokens_is_marked_and_noticed(
    http_to: Http, tiny_model: Path
):
    with running(tiny_model, "--ignore-eos") as server:
        answer = await ask(http_to, server.url, chat(max_tokens=7))
    assert (answer.finish_reason, answer.tokens_out) == ("length", 7)
    assert "after 7 tokens; raise max_tokens" in answer.notices[0]


async def test_a_schema_constrains_the_answer(http_to: Http, llama_server: LlamaServer):
    answer = await ask(http_to, llama_server.url, chat(max_tokens=200, json_schema=SCHEMA))
    value = json.loads(answer.text)
    assert value["size"] in ("small", "large")
    assert isinstance(value["done"], bool)


async def test_a_schema_that_the_server_cannot_use_is_the_callers_error(
    http_to: Http, llama_server: LlamaServer
):
    with pytest.raises(InvalidArgumentError, match=r"^json_schema: .*nonsense"):
        await ask(http_to, llama_server.url, chat(json_schema={"type": "nonsense"}))


async def test_a_prompt_over_the_context_length_is_refused_with_the_numbers(
    http_to: Http, llama_server: LlamaServer
):
    with pytest.raises(InvalidArgumentError) as caught:
        await ask(http_to, llama_server.url, chat("a" * 3000))
    assert caught.value.field == "prompt"
    assert "3017 tokens" in str(caught.value)
    assert f"holds {CONTEXT}" in str(caught.value)


async def test_a_server_that_is_killed_in_mid_stream_is_an_error(http_to: Http, tiny_model: Path):
    with (
        running(tiny_model, "--ignore-eos") as server,
        pytest.raises(ModelReplyError, match="the connection was cut"),
    ):
        await ask(
            http_to,
            server.url,
            chat(max_tokens=CONTEXT),
            on_piece=third(server.kill),
        )


async def test_a_server_that_hangs_in_mid_stream_hits_the_stall_bound(
    http_to: Http, tiny_model: Path
):
    with running(tiny_model, "--ignore-eos") as server:
        began = time.monotonic()
        with pytest.raises(ModelReplyError, match=r"stalled: no token for 0\.3 s"):
            await ask(
                http_to,
                server.url,
                chat(max_tokens=CONTEXT),
                stall_seconds=0.3,
                on_piece=third(server.freeze),
            )
        assert time.monotonic() - began < 10


async def test_a_server_that_hangs_before_the_first_token_hits_the_reply_bound(
    http_to: Http, tiny_model: Path
):
    with running(tiny_model) as server:
        server.freeze()
        with pytest.raises(ModelUnavailableError, match=r"no token within 0\.3 s"):
            await ask(http_to, server.url, chat(), reply_seconds=0.3)


async def test_a_cancelled_call_frees_the_slot(http_to: Http, tiny_model: Path):
    with running(tiny_model, "--ignore-eos", "--parallel", "1") as server:
        begun = asyncio.Event()
        task = asyncio.create_task(
            ask(http_to, server.url, chat(max_tokens=CONTEXT), on_piece=lambda _: begun.set())
        )
        async with asyncio.timeout(10):
            await begun.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert (await ask(http_to, server.url, chat(max_tokens=3))).tokens_out == 3


async def test_bytes_that_are_no_utf8_arrive_as_replacement_characters(
    http_to: Http, tmp_path: Path
):
    model = tmp_path / "bytes.gguf"
    write_tiny_gguf(model, context_length=CONTEXT, only_bytes=True)
    with running(model, "--ignore-eos") as server:
        answer = await ask(http_to, server.url, chat(max_tokens=60))
    assert "\ufffd" in answer.text


async def test_nobody_there_is_unavailable(http_to: Http, tiny_model: Path):
    with running(tiny_model) as server:
        url = server.url
    with pytest.raises(ModelUnavailableError, match="connection refused"):
        await ask(http_to, url, chat())


async def test_a_lone_surrogate_in_the_prompt_is_sent_as_a_question_mark(
    http_to: Http, llama_server: LlamaServer
):
    answer = await ask(http_to, llama_server.url, chat("a\ud800b", max_tokens=2))
    assert answer.tokens_in == 20


async def test_a_server_with_several_models_loads_the_one_that_is_asked(
    http_to: Http, tiny_model: Path, tmp_path: Path
):
    models = tmp_path / "models"
    models.mkdir()
    for name in ("one-1b", "two-7b"):
        (models / f"{name}.gguf").symlink_to(tiny_model)
    with running(models) as server:
        http = http_to(server.url)
        endpoint = Endpoint(EndpointKind.LLAMA_CPP, server.url)
        before = await probe(http, endpoint, 20.0)
        assert [(model.name, model.loaded, model.parameters) for model in before.models] == [
            ("one-1b", False, 1.0),
            ("two-7b", False, 7.0),
        ]
        client = OpenAIChat(http, endpoint, before.models[1])
        answer = await generate(client, chat(max_tokens=3), name="two-7b", reply_seconds=20.0)
        assert answer.tokens_in == 22
        after = await probe(http, endpoint, 20.0)
        assert [(model.loaded, model.context_length) for model in after.models] == [
            (False, None),
            (True, CONTEXT),
        ]
        gone = OpenAIChat(http, endpoint, LocalModel("three-8b"))
        with pytest.raises(ModelReplyError, match="'three-8b' not found"):
            await generate(gone, chat(max_tokens=3), name="three-8b", reply_seconds=20.0)


async def test_text_is_shown_as_it_comes(http_to: Http, tiny_model: Path):
    shown: list[Piece] = []
    began = asyncio.Event()

    def show(piece: Piece) -> None:
        shown.append(piece)
        if len(shown) == 3:
            began.set()

    with running(tiny_model, "--ignore-eos") as server:
        task = asyncio.create_task(
            ask(http_to, server.url, chat(max_tokens=CONTEXT), on_piece=show)
        )
        async with asyncio.timeout(10):
            await began.wait()
        assert not task.done()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        short = []
        answer = await ask(http_to, server.url, chat(max_tokens=9), on_piece=short.append)
    assert "".join(piece.text for piece in short) == answer.text
