"""Chatting with OpenAI itself: what its models take, and what its refusals mean."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from hybrid_coordinator.errors import (
    EmptyAnswerError,
    HybridError,
    InvalidArgumentError,
    ModelBusyError,
    ModelReplyError,
    PromptTooLongError,
)
from hybrid_coordinator.inference.chat import ChatMessage, ChatRequest, Generation
from hybrid_coordinator.inference.clients import client_for
from hybrid_coordinator.inference.endpoints import Endpoint, EndpointKind, LocalModel
from hybrid_coordinator.inference.generate import generate
from hybrid_coordinator.inference.http import HttpClient, retry_after
from hybrid_coordinator.inference.thinking import THINKING_TOKENS, reasons_at_openai
from tests.support.model_server import ModelServer, Scripted, Stream
from tests.support.model_wire import (
    DONE,
    event,
    openai_answer,
    openai_delta,
    openai_refusal,
    openai_usage,
)

Http = Callable[..., HttpClient]
PATH = "/v1/chat/completions"


async def ask(
    http_to: Http, server: ModelServer, model: str = "gpt-4.1", **more: Any
) -> Generation:
    request = ChatRequest((ChatMessage("user", "hello"),), 100, 0.2, **more)
    endpoint = Endpoint(EndpointKind.OPENAI, server.url, models=(model,))
    client = client_for(
        http_to(server.url), endpoint, LocalModel(model, thinking=reasons_at_openai(model))
    )
    return await generate(client, request, name=f"m at {server.url}", reply_seconds=10.0)


async def failure(http_to: Http, answer: Scripted) -> HybridError:
    async with ModelServer({f"POST {PATH}": answer}) as server:
        with pytest.raises(HybridError) as caught:
            await ask(http_to, server)
    assert server.url in str(caught.value)
    return caught.value


@pytest.mark.parametrize(
    ("model", "asked"),
    [
        ("gpt-4.1", {"max_completion_tokens": 100, "temperature": 0.2}),
        ("gpt-5-mini", {"max_completion_tokens": 100 + THINKING_TOKENS}),
        ("o4-mini", {"max_completion_tokens": 100 + THINKING_TOKENS}),
    ],
)
async def test_each_family_gets_the_parameters_that_it_takes(
    http_to: Http, model: str, asked: dict[str, object]
):
    async with ModelServer({f"POST {PATH}": openai_answer("yes")}) as server:
        answer = await ask(http_to, server, model)
    assert (answer.text, answer.tokens_in, answer.tokens_out) == ("yes", 12, 1)
    (sent,) = server.bodies(PATH)
    assert sent == {
        "model": model,
        "messages": [{"role": "user", "content": "hello"}],
        "stream": True,
        "stream_options": {"include_usage": True},
        **asked,
    }


async def test_tokens_of_its_cache_are_told_apart(http_to: Http):
    """https://developers.openai.com/api/docs/guides/prompt-caching"""
    details = {"cached_tokens": 1024, "cache_write_tokens": 900}
    usage = {"prompt_tokens": 2048, "completion_tokens": 1, "prompt_tokens_details": details}
    last = event({"choices": [], "usage": usage})
    async with ModelServer(
        {f"POST {PATH}": Stream([openai_delta("stop", content="2"), last, DONE])}
    ) as server:
        answer = await ask(http_to, server, "gpt-6-sol")
    assert (answer.tokens_in, answer.cached_in, answer.written_in) == (2048, 1024, 900)


async def test_the_rate_counts_what_was_sent(http_to: Http):
    usage = {
        "prompt_tokens": 12,
        "completion_tokens": 1_000_001,
        "completion_tokens_details": {"reasoning_tokens": 1_000_000},
    }
    stream = Stream(
        [openai_delta(content="2"), openai_delta("stop"), event({"choices": [], "usage": usage})]
    )
    async with ModelServer({f"POST {PATH}": stream}) as server:
        answer = await ask(http_to, server, "gpt-5")
    assert answer.tokens_out == 1_000_001
    assert answer.tokens_per_second is None  # of one token


@pytest.mark.parametrize(
    ("schema", "strict"),
    [
        (
            {
                "type": "object",
                "properties": {"a": {"anyOf": [{"type": "string"}, {"type": "null"}]}},
                "required": ["a"],
                "additionalProperties": False,
            },
            True,
        ),
        ({"type": "object"}, False),
        ({"type": "object", "properties": {}, "required": []}, False),
        (
            {
                "type": "object",
                "properties": {"a": {"type": "string"}},
                "required": [],
                "additionalProperties": False,
            },
            False,
        ),
        (
            {
                "type": "object",
                "properties": {"a": {"type": "array", "items": {"type": "object"}}},
                "required": ["a"],
                "additionalProperties": False,
            },
            False,
        ),
        ({"type": "array", "items": {"type": "string"}}, False),
    ],
)
async def test_a_schema_is_strict_where_openai_takes_it_so(
    http_to: Http, schema: dict[str, Any], strict: bool
):
    async with ModelServer({f"POST {PATH}": openai_answer("{}")}) as server:
        await ask(http_to, server, json_schema=schema)
    (sent,) = server.bodies(PATH)
    assert sent["response_format"]["json_schema"]["strict"] is strict
    assert sent["response_format"]["json_schema"]["schema"] == schema


@pytest.mark.parametrize(
    ("answer", "retry_after"),
    [
        (openai_refusal(429, "rate_limit_exceeded", "Rate limit", **{"retry-after": "20"}), 20.0),
        (openai_refusal(429, "rate_limit_exceeded", "…", **{"retry-after-ms": "350"}), 0.35),
        (openai_refusal(429, "rate_limit_exceeded", "Rate limit reached"), 1.0),
        (openai_refusal(503, "", "The server is overloaded"), 1.0),
        (openai_refusal(502, "", "Bad gateway"), 1.0),
    ],
)
async def test_a_rate_limit_says_when_to_come_again(
    http_to: Http, answer: Scripted, retry_after: float
):
    error = await failure(http_to, answer)
    assert type(error) is ModelBusyError
    assert error.retry_after == retry_after


@pytest.mark.parametrize(
    "code", ["insufficient_quota", "credit_balance_exhausted", "project_spend_limit_exceeded"]
)
async def test_no_waiting_helps_where_the_money_is_gone(http_to: Http, code: str):
    error = await failure(
        http_to,
        openai_refusal(429, code, "You exceeded your current quota", **{"retry-after": "1"}),
    )
    assert type(error) is ModelReplyError
    assert error.retry_after is None
    assert "until its bill is settled" in str(error)


async def test_a_wrong_key_names_the_setting_and_shows_no_part_of_the_key(http_to: Http):
    said = "Incorrect API key provided: sk-ab***yz."
    error = await failure(http_to, openai_refusal(401, "invalid_api_key", said))
    assert type(error) is ModelReplyError
    assert "correct remote.openai_api_key" in str(error)
    assert "sk-" not in str(error)


async def test_a_prompt_that_is_too_long_is_the_callers_error_with_the_numbers(http_to: Http):
    said = (
        "This model's maximum context length is 128000 tokens. However, your messages resulted in "
        "130512 tokens. Please reduce the length of the messages."
    )
    error = await failure(http_to, openai_refusal(400, "context_length_exceeded", said))
    assert isinstance(error, PromptTooLongError)
    assert (error.tokens, error.context_length) == (130512, 128000)


async def test_a_schema_that_is_refused_is_the_callers_error(http_to: Http):
    said = "Invalid schema for response_format 'answer': schema must have type 'object'."
    error = await failure(http_to, openai_refusal(400, "", said))
    assert isinstance(error, InvalidArgumentError)
    assert error.field == "json_schema"


@pytest.mark.parametrize(
    "stream",
    [
        Stream([openai_delta(refusal="I can't"), openai_delta("stop"), openai_usage(), DONE]),
        Stream([openai_delta(content="To"), openai_delta("content_filter"), DONE]),
    ],
)
async def test_a_refusal_is_no_answer(http_to: Http, stream: Stream):
    error = await failure(http_to, stream)
    assert isinstance(error, EmptyAnswerError)
    assert "refused to answer" in str(error)


async def test_thinking_without_an_answer_tells_what_was_counted(http_to: Http):
    """It is not sent, and billed all the same."""
    usage = {
        "prompt_tokens": 12,
        "completion_tokens": 8292,
        "completion_tokens_details": {"reasoning_tokens": 8292},
    }
    last = event({"choices": [], "usage": usage})
    error = await failure(http_to, Stream([openai_delta("length", content=""), last, DONE]))
    assert isinstance(error, EmptyAnswerError)
    assert (error.tokens_in, error.tokens_out) == (12, 8292)
    assert "spent all 8292 tokens on thinking" in str(error)


@pytest.mark.parametrize("kind", ["rate_limit_error", "service_unavailable_error"])
async def test_an_overload_in_mid_stream_can_be_tried_again(http_to: Http, kind: str):
    broken = event({"error": {"message": "Not now", "type": kind, "code": None}})
    error = await failure(http_to, Stream([openai_delta(content="To"), broken]))
    assert type(error) is ModelBusyError


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "7"}, 7.0),
        ({"retry-after": "0.5"}, 0.5),
        ({"retry-after": "-3"}, 0.0),
        ({"retry-after": "1e9"}, 86_400.0),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "Sat, 01 Aug 2026 10:00:30 GMT"}, 30.0),
        ({"retry-after": "Sat, 01 Aug 2026 09:00:00 GMT"}, 0.0),
        ({"retry-after": "Sat, 99 Aug 2026 09:00:00 GMT"}, None),
        ({"retry-after": "9", "retry-after-ms": "250"}, 0.25),
        ({"retry-after": "9", "retry-after-ms": "x"}, 9.0),
    ],
)
def test_retry_after_is_read_in_every_form(headers: dict[str, str], seconds: float | None):
    ten_oclock = 1785578400.0  # 2026-08-01 10:00:00 UTC
    assert retry_after(headers, ten_oclock) == seconds
