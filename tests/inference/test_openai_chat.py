"""Chatting with LM Studio, vLLM and Docker Model Runner, and what goes wrong on that wire."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hybrid_coordinator.errors import (
    ConnectionCutError,
    EmptyAnswerError,
    HybridError,
    InvalidArgumentError,
    ModelLoadingError,
    ModelReplyError,
    ModelUnavailableError,
    PromptTooLongError,
)
from hybrid_coordinator.inference.chat import ChatMessage, ChatRequest, Generation
from hybrid_coordinator.inference.clients.openai_chat import OpenAIChat, _Reader
from hybrid_coordinator.inference.endpoints import Endpoint, EndpointKind, LocalModel
from hybrid_coordinator.inference.generate import generate
from hybrid_coordinator.inference.http import HttpClient
from hybrid_coordinator.inference.thinking import THINKING_TOKENS
from tests.support.model_server import CUT, HANG, Answer, ModelServer, Scripted, Stream, as_json
from tests.support.model_wire import (
    DONE,
    HTML,
    event,
    openai_answer,
    openai_delta,
    openai_usage,
)

Http = Callable[..., HttpClient]
PATH = "/v1/chat/completions"


def chat(prompt: str = "hello", *, max_tokens: int = 100, **more: Any) -> ChatRequest:
    return ChatRequest((ChatMessage("user", prompt),), max_tokens, temperature=0.2, **more)


async def ask(
    http_to: Http,
    server: ModelServer,
    request: ChatRequest | None = None,
    *,
    kind: EndpointKind = EndpointKind.VLLM,
    context_length: int | None = None,
    thinking: bool | None = None,
    **bounds: Any,
) -> Generation:
    model = LocalModel("m", context_length, thinking=thinking)
    client = OpenAIChat(http_to(server.url), Endpoint(kind, server.url), model)
    bounds = {"reply_seconds": 10.0, **bounds}
    return await generate(client, request or chat(), name=f"m at {server.url}", **bounds)


async def failure(http_to: Http, answer: Scripted, **more: Any) -> HybridError:
    async with ModelServer({f"POST {PATH}": answer}) as server:
        with pytest.raises(HybridError) as caught:
            await ask(http_to, server, **more)
    assert server.url in str(caught.value)
    return caught.value


async def test_a_streamed_answer_is_put_together_and_counted(http_to: Http):
    async with ModelServer({f"POST {PATH}": openai_answer("Use a set here.")}) as server:
        answer = await ask(http_to, server)
    assert answer.text == "Use a set here."
    assert (answer.finish_reason, answer.tokens_in, answer.tokens_out) == ("stop", 12, 4)
    assert answer.notices == ()
    (sent,) = server.bodies(PATH)
    assert sent == {
        "model": "m",
        "messages": [{"role": "user", "content": "hello"}],
        "max_tokens": 100,
        "temperature": 0.2,
        "stream": True,
        "stream_options": {"include_usage": True},
    }


async def test_docker_model_runner_is_asked_under_its_engine(http_to: Http):
    path = "/engines/llama.cpp/v1/chat/completions"
    async with ModelServer({f"POST {path}": openai_answer("yes")}) as server:
        answer = await ask(http_to, server, kind=EndpointKind.DOCKER_MODEL_RUNNER)
    assert answer.text == "yes"


async def test_a_schema_goes_with_the_request(http_to: Http):
    schema: dict[str, Any] = {"type": "object"}
    async with ModelServer({f"POST {PATH}": openai_answer("{}")}) as server:
        await ask(http_to, server, chat(json_schema=schema))
    (sent,) = server.bodies(PATH)
    assert sent["response_format"]["type"] == "json_schema"
    assert sent["response_format"]["json_schema"]["schema"] == schema


async def test_chunks_may_end_anywhere(http_to: Http):
    whole = b"".join(
        [
            b": a comment\n\n",
            b"event: message\r\n",
            openai_delta(content="gr\u00fc\u00df \u2028dich").replace(b"\n\n", b"\r\n\r\n"),
            openai_delta("stop"),
            openai_usage(),
            DONE,
        ]
    )
    text = json.dumps("gr\u00fc\u00df \u2028dich", ensure_ascii=False).encode()
    whole = whole.replace(json.dumps("gr\u00fc\u00df \u2028dich").encode(), text)
    single_bytes = Stream([bytes([byte]) for byte in whole])
    async with ModelServer({f"POST {PATH}": single_bytes}) as server:
        answer = await ask(http_to, server)
    assert answer.text == "gr\u00fc\u00df \u2028dich"


@pytest.mark.parametrize("field", ["reasoning_content", "reasoning"])
async def test_thinking_is_not_the_answer(http_to: Http, field: str):
    stream = Stream(
        [
            openai_delta(**{field: "hmm, two"}),
            openai_delta(content="2"),
            openai_delta("stop"),
            openai_usage(),
            DONE,
        ]
    )
    async with ModelServer({f"POST {PATH}": stream}) as server:
        assert (await ask(http_to, server)).text == "2"


async def test_thinking_inside_the_text_is_not_the_answer(http_to: Http):
    stream = openai_answer("<think>\nhmm, two\n</think>\n\nIt is 2.")
    async with ModelServer({f"POST {PATH}": stream}) as server:
        assert (await ask(http_to, server)).text == "It is 2."


async def test_thinking_that_used_up_max_tokens_is_an_error_that_says_so(http_to: Http):
    stream = Stream([openai_delta(reasoning_content="hmm"), openai_delta("length"), DONE])
    error = await failure(http_to, stream)
    assert isinstance(error, ModelReplyError)
    assert "spent all 100 tokens on thinking" in str(error)
    assert "raise max_tokens" in str(error)


@pytest.mark.parametrize(
    ("kind", "context_length", "asked"),
    [
        (EndpointKind.VLLM, None, 100 + THINKING_TOKENS),
        (EndpointKind.LLAMA_CPP, 2048, 100 + THINKING_TOKENS),
        (EndpointKind.VLLM, 2048, 2048 - 10),
        (EndpointKind.LMSTUDIO, 2048, 2048 - 10),
        (EndpointKind.LMSTUDIO, 131072, 100 + THINKING_TOKENS),
    ],
)
async def test_a_thinking_model_gets_room_to_think_within_its_context(
    http_to: Http, kind: EndpointKind, context_length: int | None, asked: int
):
    async with ModelServer({f"POST {PATH}": openai_answer("yes")}) as server:
        answer = await ask(http_to, server, kind=kind, context_length=context_length, thinking=True)
    (sent,) = server.bodies(PATH)
    assert sent["max_tokens"] == asked
    assert "chat_template_kwargs" not in sent
    assert answer.notices == ()


@pytest.mark.parametrize(
    ("kind", "thinks", "switched"),
    [
        (EndpointKind.VLLM, True, True),
        (EndpointKind.LLAMA_CPP, True, True),
        (EndpointKind.VLLM, None, False),
        (EndpointKind.LMSTUDIO, True, False),
        (EndpointKind.COMPATIBLE, True, False),
    ],
)
async def test_thinking_is_switched_off_where_the_server_has_a_switch(
    http_to: Http, kind: EndpointKind, thinks: bool | None, switched: bool
):
    async with ModelServer({f"POST {PATH}": openai_answer("yes")}) as server:
        await ask(http_to, server, chat(thinking=False), kind=kind, thinking=thinks)
    (sent,) = server.bodies(PATH)
    expected = {"enable_thinking": False} if switched else None
    assert sent.get("chat_template_kwargs") == expected


async def test_missing_usage_is_estimated_and_noticed(http_to: Http):
    stream = Stream([openai_delta(content="yes"), openai_delta("stop"), DONE])
    async with ModelServer({f"POST {PATH}": stream}) as server:
        answer = await ask(http_to, server)
    assert answer.tokens_in > 0
    assert answer.tokens_out == 1
    assert "token counts are estimates" in answer.notices[0]


async def test_a_prompt_that_was_cut_by_the_server_is_noticed(http_to: Http):
    async with ModelServer({f"POST {PATH}": openai_answer("yes", tokens_in=400)}) as server:
        answer = await ask(http_to, server, chat("word " * 2000))
    assert "may have been cut" in answer.notices[0]


@pytest.mark.parametrize("kind", [EndpointKind.LMSTUDIO, EndpointKind.COMPATIBLE])
async def test_a_server_that_cuts_prompts_gets_none_that_may_not_fit(
    http_to: Http, kind: EndpointKind
):
    async with ModelServer({f"POST {PATH}": openai_answer("yes")}) as server:
        with pytest.raises(PromptTooLongError, match=r"2866 tokens, .* holds 2048") as caught:
            await ask(http_to, server, chat("word " * 2000), kind=kind, context_length=2048)
    assert (caught.value.tokens, caught.value.context_length) == (2866, 2048)
    assert server.requests == []


async def test_max_tokens_is_lowered_to_what_is_left_of_the_context(http_to: Http):
    async with ModelServer({f"POST {PATH}": openai_answer("yes")}) as server:
        answer = await ask(
            http_to, server, chat("word " * 600, max_tokens=500), context_length=1024
        )
    (sent,) = server.bodies(PATH)
    assert sent["max_tokens"] == 1024 - 866
    assert "lowered from 500 to 158" in answer.notices[0]


@pytest.mark.parametrize(
    ("said", "numbers"),
    [
        (
            (
                "This model's maximum context length is 4096 tokens. However, your request has "
                "5000 input tokens. Please reduce the length of the input messages."
            ),
            (5000, 4096),
        ),
        (
            (
                "This model's maximum context length is 4096 tokens. However, you requested 5012 "
                "tokens (5000 in the messages, 12 in the completion). Please reduce the length."
            ),
            (5012, 4096),
        ),
        (
            (
                "The number of tokens to keep from the initial prompt is greater than the context "
                "length (n_keep: 13055>= n_ctx: 4096). Try to load the model with a larger context "
                "length, or provide a shorter input."
            ),
            (13055, 4096),
        ),
        (
            (
                "Trying to keep the first 15857 tokens when context the overflows. However, the "
                "model is loaded with context length of only 4096 tokens, which is not enough."
            ),
            (15857, 4096),
        ),
        ("the input length exceeds the context length", (None, None)),
    ],
)
async def test_a_refused_prompt_tells_the_numbers_where_the_server_does(
    http_to: Http, said: str, numbers: tuple[int | None, int | None]
):
    error = await failure(http_to, as_json({"error": said}, 400))
    assert isinstance(error, PromptTooLongError)
    assert (error.tokens, error.context_length) == numbers


async def test_vllms_refusal_of_a_long_prompt_is_the_callers_error(http_to: Http):
    message = (
        "This model's maximum context length is 4096 tokens. However, you requested 5000 tokens "
        "in the messages, Please reduce the length of the messages."
    )
    refusal = as_json(
        {"object": "error", "message": message, "type": "BadRequestError", "code": 400}, 400
    )
    error = await failure(http_to, refusal)
    assert isinstance(error, InvalidArgumentError)
    assert "4096" in str(error)


@pytest.mark.parametrize(
    ("answer", "kind", "said"),
    [
        (Stream([openai_delta(content="half"), CUT]), ConnectionCutError, "the connection was cut"),
        (Stream([openai_delta(content="half")]), ModelReplyError, "ended before the answer did"),
        (Stream([openai_delta(content="ha")[:30]]), ModelReplyError, "no chat stream"),
        (Stream([openai_delta("stop"), DONE]), EmptyAnswerError, "empty answer"),
        (Stream([openai_delta(content=" \n"), openai_delta("stop")]), EmptyAnswerError, "empty"),
        (Stream([]), ModelReplyError, "ended before the answer did"),
        (
            Stream([openai_delta(content="a"), event({"error": {"message": "out of memory"}})]),
            ModelReplyError,
            "failed while answering: out of memory",
        ),
        (
            Stream([openai_delta(content="a"), b'error: {"code":500,"message":"slot lost"}\n\n']),
            ModelReplyError,
            "failed while answering: slot lost",
        ),
        (
            Stream([event({"object": "error", "message": "engine is dead", "code": 400})]),
            ModelReplyError,
            "failed while answering: engine is dead",
        ),
        (as_json({"error": "Unexpected endpoint"}), ModelReplyError, "Unexpected endpoint"),
        (as_json({"choices": []}), ModelReplyError, "no chat stream"),
        (HTML, ModelReplyError, "no chat stream"),
        (Stream([b"data: \xff\xfe\n\n"]), ModelReplyError, "no chat stream"),
        (Stream([b"data: [1, 2]\n\n"]), ModelReplyError, "no chat stream"),
        (Stream([b"data: " + b"[" * 200_000 + b"\n\n"]), ModelReplyError, "no chat stream"),
        (Stream([b"x" * 1_000_000] * 6), ModelReplyError, "line without an end"),
        (
            as_json({"error": {"code": 500, "message": "invalid UTF-8 byte at index 3"}}, 500),
            ModelReplyError,
            "HTTP 500: invalid UTF-8 byte at index 3",
        ),
        (as_json({"error": {"message": "no such model"}}, 404), ModelReplyError, "no such model"),
        (Answer(b"", status=401), ModelReplyError, "asks for an API key"),
        (Answer(b"", status=307, headers={"Location": "/x"}), ModelReplyError, "HTTP 307"),
        (
            as_json({"error": {"message": "Loading model", "code": 503}}, 503),
            ModelLoadingError,
            "Loading model",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
async def test_a_bad_answer_is_an_error_that_names_the_cause(
    http_to: Http, answer: Scripted, kind: type[HybridError], said: str
):
    error = await failure(http_to, answer)
    assert type(error) is kind
    assert said in str(error)


async def test_no_answer_at_all_hits_the_reply_bound(http_to: Http):
    error = await failure(http_to, Stream([HANG]), reply_seconds=0.2)
    assert isinstance(error, ModelUnavailableError)
    assert "no token within 0.2 s" in str(error)


async def test_an_answer_that_takes_longer_than_the_reply_bound_is_an_error(http_to: Http):
    error = await failure(http_to, Stream([openai_delta(content="a"), HANG]), reply_seconds=0.5)
    assert isinstance(error, ModelReplyError)
    assert "was not done within 0.5 s" in str(error)


async def test_pings_do_not_keep_a_stalled_answer_alive(http_to: Http):
    pings: list[bytes | str] = [b": ping\n\n"] * 5
    error = await failure(
        http_to, Stream([openai_delta(content="a"), *pings, HANG]), stall_seconds=0.2
    )
    assert "stalled: no token for 0.2 s after 1" in str(error)


@given(st.lists(st.one_of(st.binary(max_size=60), st.just(openai_delta(content="a")[:-2]))))
def test_whatever_arrives_is_read_or_refused(lines: list[bytes]):
    reader = _Reader("m")
    try:
        for line in lines:
            reader.feed(line)
        reader.finish(())
    except ModelReplyError:
        pass


NAMES = st.sampled_from(
    ["choices", "delta", "content", "usage", "timings", "finish_reason", "error"]
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(NAMES, inner),
)


@given(JSON)
def test_any_json_is_read_or_refused(value: object):
    reader = _Reader("m")
    try:
        reader.feed(b"data: " + json.dumps(value).encode())
        reader.finish(())
    except ModelReplyError:
        pass
