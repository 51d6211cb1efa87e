"""Chatting with Ollama: context lengths, counts, and what goes wrong on its wire."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hybrid_coordinator.errors import InvalidArgumentError, ModelReplyError
from hybrid_coordinator.inference.chat import ChatMessage, ChatRequest, Generation
from hybrid_coordinator.inference.clients.ollama_chat import OllamaChat, _Reader
from hybrid_coordinator.inference.endpoints import Endpoint, EndpointKind, LocalModel
from hybrid_coordinator.inference.generate import generate
from hybrid_coordinator.inference.http import HttpClient
from hybrid_coordinator.inference.thinking import THINKING_TOKENS
from tests.support.model_server import CUT, HANG, ModelServer, Scripted, as_json
from tests.support.model_wire import (
    HTML,
    ollama_answers,
    ollama_done,
    ollama_line,
    ollama_model,
    ollama_stream,
)

Http = Callable[..., HttpClient]
YES = ollama_stream(ollama_line("Ye"), ollama_line("s."), ollama_done())


def serving(chat: Scripted, **more: Any) -> ModelServer:
    return ModelServer(ollama_answers(chat, models=[ollama_model("m")], **more))


async def ask(
    http_to: Http,
    server: ModelServer,
    prompt: str = "hello",
    *,
    loaded_length: int | None = None,
    max_tokens: int = 100,
    json_schema: dict[str, Any] | None = None,
    thinks: bool | None = None,
    longest: int | None = None,
    thinking: bool = True,
    **bounds: Any,
) -> Generation:
    model = LocalModel(
        "m",
        loaded_length,
        loaded=loaded_length is not None,
        thinking=thinks,
        max_context_length=longest,
    )
    endpoint = Endpoint(EndpointKind.OLLAMA, server.url)
    request = ChatRequest((ChatMessage("user", prompt),), max_tokens, 0.2, json_schema, thinking)
    bounds = {"reply_seconds": 10.0, **bounds}
    client = OllamaChat(http_to(server.url), endpoint, model)
    return await generate(client, request, name=f"m at {server.url}", **bounds)


def options(server: ModelServer) -> dict[str, Any]:
    (sent,) = server.bodies("/api/chat")
    given: dict[str, Any] = sent["options"]
    return given


async def test_an_answer_comes_with_ollamas_own_counts_and_times(http_to: Http):
    async with serving(YES) as server:
        answer = await ask(http_to, server)
    assert (answer.text, answer.finish_reason) == ("Yes.", "stop")
    assert (answer.tokens_in, answer.tokens_out) == (26, 4)
    assert answer.tokens_per_second == pytest.approx(4 / 0.2)
    assert answer.notices == ()


async def test_the_context_is_made_long_enough_for_prompt_and_answer(http_to: Http):
    async with serving(YES) as server:
        await ask(http_to, server, "word " * 4000, max_tokens=1000)
    estimate = 5715 + 8
    assert options(server)["num_ctx"] == 8192
    assert options(server)["num_ctx"] >= estimate + 1000
    assert options(server)["num_predict"] == 1000
    (sent,) = server.bodies("/api/chat")
    assert sent["truncate"] is False
    assert sent["shift"] is False


async def test_a_loaded_model_keeps_its_context_where_that_is_long_enough(http_to: Http):
    async with serving(YES) as server:
        await ask(http_to, server, loaded_length=40960)
    assert options(server)["num_ctx"] == 40960
    assert [request.path for request in server.requests] == ["/api/chat"]


async def test_a_prompt_over_what_the_model_was_trained_for_is_refused_with_the_numbers(
    http_to: Http,
):
    async with serving(YES, trained_length=2048) as server:
        with pytest.raises(InvalidArgumentError, match=r"^prompt: .*5723 tokens, .* holds 2048"):
            await ask(http_to, server, "word " * 4000)
    assert server.bodies("/api/chat") == []


async def test_the_answers_room_is_lowered_to_what_is_left(http_to: Http):
    async with serving(YES, trained_length=2048) as server:
        answer = await ask(http_to, server, "word " * 1000, max_tokens=1000)
    room = 2048 - (1429 + 8)
    assert options(server)["num_ctx"] == 2048
    assert options(server)["num_predict"] == room
    assert f"lowered from 1000 to {room}" in answer.notices[0]


async def test_a_prompt_that_ollama_cut_is_noticed(http_to: Http):
    stream = ollama_stream(ollama_line("Yes."), ollama_done(tokens_in=4096))
    async with serving(stream) as server:
        answer = await ask(http_to, server)
    assert "it was cut" in answer.notices[0]


async def test_a_prompt_of_far_fewer_tokens_than_estimated_is_noticed(http_to: Http):
    stream = ollama_stream(ollama_line("Yes."), ollama_done(tokens_in=500))
    async with serving(stream) as server:
        answer = await ask(http_to, server, "word " * 4000)
    assert "may have been cut" in answer.notices[0]


async def test_a_schema_goes_as_the_format(http_to: Http):
    async with serving(YES) as server:
        await ask(http_to, server, json_schema={"type": "object"})
    (sent,) = server.bodies("/api/chat")
    assert sent["format"] == {"type": "object"}


async def test_a_thinking_model_gets_room_to_think(http_to: Http):
    async with serving(YES) as server:
        answer = await ask(http_to, server, loaded_length=4096, thinks=True)
    assert options(server)["num_predict"] == 100 + THINKING_TOKENS
    assert options(server)["num_ctx"] == 16384
    assert "think" not in server.bodies("/api/chat")[0]
    assert answer.notices == ()


async def test_the_room_to_think_ends_with_the_context(http_to: Http):
    async with serving(YES) as server:
        answer = await ask(http_to, server, thinks=True, longest=4096)
    assert options(server)["num_ctx"] == 4096
    assert options(server)["num_predict"] == 4096 - 10
    assert answer.notices == ()
    assert [request.path for request in server.requests] == ["/api/chat"]


@pytest.mark.parametrize("thinks", [True, False, None])
async def test_thinking_is_switched_off_where_the_job_needs_none(
    http_to: Http, thinks: bool | None
):
    async with serving(YES) as server:
        await ask(http_to, server, thinks=thinks, thinking=False)
    assert server.bodies("/api/chat")[0]["think"] is False


async def test_thinking_is_not_the_answer(http_to: Http):
    stream = ollama_stream(ollama_line(thinking="hmm"), ollama_line("Yes."), ollama_done())
    async with serving(stream) as server:
        assert (await ask(http_to, server)).text == "Yes."


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (
            ollama_stream(ollama_line("Y"), b'{"error":"model runner has unexpectedly stopped"}\n'),
            "failed while answering: model runner has unexpectedly stopped",
        ),
        (ollama_stream(ollama_line("Y"), CUT), "the connection was cut"),
        (ollama_stream(ollama_line("Y")), "ended before the answer did"),
        (ollama_stream(ollama_line("Y"), ollama_line("es")[:20]), "no chat stream"),
        (ollama_stream(ollama_line("Y"), b"\xff\xfe\n"), "no chat stream"),
        (ollama_stream(ollama_done()), "empty answer"),
        (
            ollama_stream(ollama_line(thinking="hmm"), ollama_done("length", tokens_out=100)),
            "spent all 100 tokens on thinking",
        ),
        (as_json({"error": "model 'm' not found"}, 404), "HTTP 404: model 'm' not found"),
        (HTML, "no chat stream"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
async def test_a_bad_answer_is_an_error_that_names_the_cause(
    http_to: Http, answer: Scripted, said: str
):
    async with serving(answer) as server:
        with pytest.raises(ModelReplyError, match=server.url) as caught:
            await ask(http_to, server)
    assert said in str(caught.value)


async def test_a_prompt_that_ollama_refuses_is_the_callers_error(http_to: Http):
    refusal = as_json({"error": "the input length exceeds the context length"}, 400)
    async with serving(refusal) as server:
        with pytest.raises(InvalidArgumentError, match=r"^prompt: too long"):
            await ask(http_to, server)


async def test_a_stall_is_an_error(http_to: Http):
    async with serving(ollama_stream(ollama_line("Y"), HANG)) as server:
        with pytest.raises(ModelReplyError, match=r"stalled: no token for 0\.2 s"):
            await ask(http_to, server, stall_seconds=0.2)


@given(st.lists(st.one_of(st.binary(max_size=60), st.just(ollama_line("a")[:-1]))))
def test_whatever_arrives_is_read_or_refused(lines: list[bytes]):
    reader = _Reader("m", 4096)
    try:
        for line in lines:
            reader.feed(line)
        reader.finish(())
    except ModelReplyError:
        pass
