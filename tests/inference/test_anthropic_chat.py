"""Chatting with Anthropic: what is asked for, what comes back, and what goes wrong on that wire."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hybrid_coordinator.errors import (
    HybridError,
    InvalidArgumentError,
    ModelBusyError,
    ModelReplyError,
    PromptTooLongError,
)
from hybrid_coordinator.inference.chat import ChatMessage, ChatRequest, Generation
from hybrid_coordinator.inference.clients.anthropic_chat import AnthropicChat, _Reader
from hybrid_coordinator.inference.endpoints import Endpoint, EndpointKind, LocalModel
from hybrid_coordinator.inference.generate import generate
from hybrid_coordinator.inference.http import HttpClient
from hybrid_coordinator.inference.thinking import THINKING_TOKENS
from tests.support.model_server import CUT, HANG, Answer, ModelServer, Scripted, Stream, as_json
from tests.support.model_wire import (
    HTML,
    anthropic_answer,
    anthropic_delta,
    anthropic_end,
    anthropic_error,
    anthropic_event,
    anthropic_refusal,
    anthropic_start,
    anthropic_text,
)

Http = Callable[..., HttpClient]
PATH = "/v1/messages"


async def ask(
    http_to: Http, server: ModelServer, *messages: ChatMessage, **more: Any
) -> Generation:
    request = ChatRequest(messages or (ChatMessage("user", "hello"),), 100, 0.2, **more)
    client = AnthropicChat(
        http_to(server.url), Endpoint(EndpointKind.ANTHROPIC, server.url), LocalModel("m")
    )
    return await generate(client, request, name=f"m at {server.url}", reply_seconds=10.0)


async def failure(http_to: Http, answer: Scripted) -> HybridError:
    async with ModelServer({f"POST {PATH}": answer}) as server:
        with pytest.raises(HybridError) as caught:
            await ask(http_to, server)
    assert server.url in str(caught.value)
    return caught.value


async def test_a_streamed_answer_is_put_together_and_counted(http_to: Http):
    async with ModelServer({f"POST {PATH}": anthropic_answer("Use a set here.")}) as server:
        answer = await ask(
            http_to, server, ChatMessage("system", "Be brief."), ChatMessage("user", "hello")
        )
    assert answer.text == "Use a set here."
    assert (answer.finish_reason, answer.tokens_in, answer.tokens_out) == ("stop", 25, 15)
    assert answer.notices == ()
    (request,) = server.requests
    assert request.headers["anthropic-version"] == "2023-06-01"
    assert request.body == {
        "model": "m",
        "max_tokens": 100 + THINKING_TOKENS,
        "system": "Be brief.",
        "messages": [{"role": "user", "content": "hello"}],
        "stream": True,
    }


async def test_tokens_of_its_cache_count_as_read(http_to: Http):
    start = anthropic_start(cache_creation_input_tokens=300, cache_read_input_tokens=4000)
    stream = Stream([start, anthropic_text("Yes."), anthropic_end()])
    async with ModelServer({f"POST {PATH}": stream}) as server:
        answer = await ask(http_to, server)
    assert answer.tokens_in == 25 + 300 + 4000
    assert (answer.cached_in, answer.written_in) == (4000, 300)


async def test_thinking_and_signatures_are_not_the_answer(http_to: Http):
    stream = Stream(
        [
            anthropic_start(),
            anthropic_event(
                "content_block_start",
                index=0,
                content_block={"type": "thinking", "thinking": "", "signature": ""},
            ),
            anthropic_delta(type="thinking_delta", thinking="hmm, two"),
            anthropic_delta(type="signature_delta", signature="ErUBCkYI"),
            anthropic_event("content_block_stop", index=0),
            anthropic_text("2", index=1),
            anthropic_delta(1, type="citations_delta", citation={"type": "char_location"}),
            anthropic_delta(2, type="input_json_delta", partial_json='{"a":'),
            anthropic_event("something_of_tomorrow", text="not this"),
            anthropic_end(),
        ]
    )
    shown = []
    async with ModelServer({f"POST {PATH}": stream}) as server:
        client = AnthropicChat(
            http_to(server.url), Endpoint(EndpointKind.ANTHROPIC, server.url), LocalModel("m")
        )
        request = ChatRequest((ChatMessage("user", "1+1"),), 100, 0.2)
        answer = await generate(
            client, request, name="m", reply_seconds=10.0, on_piece=shown.append
        )
    assert answer.text == "2"
    assert [(piece.thinking, piece.text) for piece in shown] == [("hmm, two", ""), ("", "2")]


@pytest.mark.parametrize(
    ("thinking", "hidden"), [("", 900), ("hmm", 0)], ids=["not shown", "summarised"]
)
def test_thinking_that_is_not_sent_is_counted_apart(thinking: str, hidden: int):
    reader = _Reader("m")
    usage = {"output_tokens": 915, "output_tokens_details": {"thinking_tokens": 900}}
    lines = [
        anthropic_start(),
        anthropic_delta(type="thinking_delta", thinking=thinking),
        anthropic_delta(type="signature_delta", signature="ErUBCkYI"),
        anthropic_text("2"),
        anthropic_event("message_delta", delta={"stop_reason": "end_turn"}, usage=usage),
        anthropic_event("message_stop"),
    ]
    for line in b"".join(lines).splitlines():
        reader.feed(line)
    finish = reader.finish()
    assert (finish.tokens_out, finish.hidden_tokens) == (915, hidden)


async def test_a_schema_goes_as_the_output_format_without_what_is_not_taken(http_to: Http):
    schema: dict[str, Any] = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "properties": {
            "size": {"type": "string", "enum": ["s", "l"]},
            "n": {"type": ["integer", "null"], "minimum": 1},
            "tags": {
                "type": "array",
                "minItems": 2,
                "items": {"type": "string", "format": "uri", "maxLength": 9},
            },
        },
        "required": ["size"],
    }
    async with ModelServer({f"POST {PATH}": anthropic_answer("{}")}) as server:
        await ask(http_to, server, json_schema=schema)
    (sent,) = server.bodies(PATH)
    assert sent["output_config"] == {
        "format": {
            "type": "json_schema",
            "schema": {
                "type": "object",
                "properties": {
                    "size": {"enum": ["s", "l"]},
                    "n": {"anyOf": [{"type": "integer"}, {"type": "null"}]},
                    "tags": {"type": "array", "items": {"type": "string", "format": "uri"}},
                },
                "required": ["size"],
                "additionalProperties": False,
            },
        }
    }


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "object"},
        {"type": "object", "additionalProperties": {"type": "integer"}},
        {"properties": {"a": {}}},
        {"type": "object", "properties": {"a": True}},
        {"type": "object", "properties": {"a": {"not": {"type": "null"}}}},
    ],
)
async def test_a_schema_that_cannot_be_closed_is_left_to_the_prompt(
    http_to: Http, schema: dict[str, Any]
):
    async with ModelServer({f"POST {PATH}": anthropic_answer("{}")}) as server:
        await ask(http_to, server, json_schema=schema)
    (sent,) = server.bodies(PATH)
    assert "output_config" not in sent


@pytest.mark.parametrize(
    ("reason", "finish"),
    [
        ("end_turn", "stop"),
        ("stop_sequence", "stop"),
        ("max_tokens", "length"),
        ("model_context_window_exceeded", "length"),
        ("pause_turn", "pause_turn"),
    ],
)
async def test_a_stop_reason_is_told_in_our_words(http_to: Http, reason: str, finish: str):
    stream = Stream([anthropic_start(), anthropic_text("Yes."), anthropic_end(reason)])
    async with ModelServer({f"POST {PATH}": stream}) as server:
        assert (await ask(http_to, server)).finish_reason == finish


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (
            Stream([anthropic_start(), anthropic_text("To make"), anthropic_end("refusal")]),
            "refused to answer",
        ),
        (Stream([anthropic_start(), anthropic_text("Y"), CUT]), "the connection was cut"),
        (Stream([anthropic_start(), anthropic_text("Y")]), "ended before the answer did"),
        (
            Stream(
                [
                    anthropic_start(),
                    anthropic_text("Y"),
                    anthropic_event("message_delta", delta={"stop_reason": "end_turn"}),
                ]
            ),
            "ended before the answer did",
        ),
        (Stream([anthropic_start(), anthropic_text("Y")[:40]]), "no chat stream"),
        (Stream([anthropic_start(), b"data: \xff\xfe\n\n"]), "no chat stream"),
        (Stream([anthropic_start(), anthropic_end()]), "empty answer"),
        (
            Stream([anthropic_start(), anthropic_text("Y"), anthropic_error("api_error", "Oops")]),
            "failed while answering: Oops",
        ),
        (as_json({"type": "message", "content": []}), "no chat stream"),
        (HTML, "no chat stream"),
        (
            anthropic_refusal(404, "not_found_error", "model: m"),
            "HTTP 404: model: m",
        ),
        (
            anthropic_refusal(401, "authentication_error", "invalid x-api-key"),
            r"correct remote.anthropic_api_key",
        ),
        (
            anthropic_refusal(
                400, "invalid_request_error", "Your credit balance is too low to access the API."
            ),
            "until its bill is settled",
        ),
        (
            anthropic_refusal(
                400,
                "invalid_request_error",
                "You have reached your specified API usage limits. You will regain access on …",
            ),
            "until its bill is settled",
        ),
        (
            as_json(
                {
                    "type": "error",
                    "error": {
                        "type": "rate_limit_error",
                        "message": "Usage paused until the month's end.",
                        "details": {"error_code": "enforced_spend_limit_reached"},
                    },
                },
                429,
            ),
            "until its bill is settled",
        ),
        (Answer(b"", status=307, headers={"Location": "https://192.0.2.1/"}), "HTTP 307"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
async def test_a_bad_answer_is_an_error_that_names_the_cause(
    http_to: Http, answer: Scripted, said: str
):
    error = await failure(http_to, answer)
    assert isinstance(error, ModelReplyError)
    assert said in str(error)
    assert error.retry_after is None


@pytest.mark.parametrize(
    ("answer", "retry_after"),
    [
        (anthropic_refusal(529, "overloaded_error", "Overloaded"), 1.0),
        (
            anthropic_refusal(
                429, "rate_limit_error", "This request would exceed …", **{"Retry-After": "17"}
            ),
            17.0,
        ),
        (Stream([anthropic_error("overloaded_error", "Overloaded")]), 1.0),
        (
            Stream(
                [
                    anthropic_start(),
                    anthropic_text("Y"),
                    anthropic_error("overloaded_error", "Overloaded"),
                ]
            ),
            1.0,
        ),
    ],
    ids=["overloaded", "rate limit", "overloaded at once", "overloaded in mid-stream"],
)
async def test_an_overloaded_server_can_be_asked_again(
    http_to: Http, answer: Scripted, retry_after: float
):
    error = await failure(http_to, answer)
    assert type(error) is ModelBusyError
    assert error.retry_after == retry_after


@pytest.mark.parametrize(
    ("said", "tokens"),
    [
        ("prompt is too long: 210381 tokens > 200000 maximum", 210381),
        (
            (
                "input length and `max_tokens` exceed context limit: 195000 + 8292 > 200000, "
                "decrease input length or `max_tokens` and try again"
            ),
            195000,
        ),
    ],
)
async def test_a_prompt_that_is_too_long_is_the_callers_error_with_the_numbers(
    http_to: Http, said: str, tokens: int
):
    error = await failure(http_to, anthropic_refusal(400, "invalid_request_error", said))
    assert isinstance(error, PromptTooLongError)
    assert (error.tokens, error.context_length) == (tokens, 200000)


async def test_a_schema_that_is_refused_is_the_callers_error(http_to: Http):
    said = "output_config.format.schema: recursive schemas are not supported"
    error = await failure(http_to, anthropic_refusal(400, "invalid_request_error", said))
    assert isinstance(error, InvalidArgumentError)
    assert error.field == "json_schema"


async def test_a_server_that_keeps_the_connection_open_is_not_waited_for(http_to: Http):
    stream = Stream([anthropic_start(), anthropic_text("Yes."), anthropic_end(), HANG])
    async with ModelServer({f"POST {PATH}": stream}) as server:
        assert (await ask(http_to, server)).text == "Yes."


@given(st.lists(st.one_of(st.binary(max_size=60), st.just(anthropic_text("a")[:-2]))))
def test_whatever_arrives_is_read_or_refused(lines: list[bytes]):
    reader = _Reader("m")
    try:
        for line in lines:
            reader.feed(line)
        reader.finish()
    except ModelReplyError:
        pass
