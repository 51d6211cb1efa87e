"""Streams that are odd but right, and broken ones, as servers and proxies really send them."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import Callable
from contextlib import suppress

import pytest

from hybrid_coordinator.errors import HybridError, ModelReplyError, ModelUnavailableError
from hybrid_coordinator.inference.chat import ChatMessage, ChatRequest, Generation, Piece
from hybrid_coordinator.inference.clients import client_for
from hybrid_coordinator.inference.endpoints import Endpoint, EndpointKind, LocalModel
from hybrid_coordinator.inference.generate import generate
from hybrid_coordinator.inference.http import HttpClient
from tests.support.model_server import HANG, Answer, ModelServer, RawBytes, Scripted, Stream
from tests.support.model_wire import (
    DONE,
    anthropic_answer,
    event,
    ollama_done,
    ollama_line,
    ollama_stream,
    openai_delta,
    openai_usage,
)

Http = Callable[..., HttpClient]
PATHS = {
    EndpointKind.COMPATIBLE: "POST /v1/chat/completions",
    EndpointKind.ANTHROPIC: "POST /v1/messages",
    EndpointKind.OLLAMA: "POST /api/chat",
}
YES = b"".join([openai_delta(content="Yes."), openai_delta("stop"), openai_usage(), DONE])
BYTES = {
    EndpointKind.COMPATIBLE: YES,
    EndpointKind.ANTHROPIC: b"".join(
        chunk for chunk in anthropic_answer("Yes.").chunks if isinstance(chunk, bytes)
    ),
    EndpointKind.OLLAMA: ollama_line("Yes.") + ollama_done(),
}
"""The same answer in each wire format."""


async def ask(
    http_to: Http,
    server: ModelServer,
    kind: EndpointKind = EndpointKind.COMPATIBLE,
    *,
    thinking: bool = False,
    on_piece: Callable[[Piece], None] | None = None,
    **bounds: float,
) -> Generation:
    # The length is known, so Ollama is not asked for it.
    model = LocalModel("m", 40960, loaded=True, thinking=thinking)
    client = client_for(http_to(server.url), Endpoint(kind, server.url), model)
    request = ChatRequest((ChatMessage("user", "hello"),), 100, 0.2)
    bounds = {"reply_seconds": 10.0, **bounds}
    return await generate(client, request, name=f"m at {server.url}", on_piece=on_piece, **bounds)


def head(version: str, *lines: str) -> bytes:
    return "\r\n".join([f"HTTP/{version} 200 OK", *lines, "", ""]).encode()


@pytest.mark.parametrize("kind", PATHS)
@pytest.mark.parametrize(
    "wrap",
    [
        lambda body: RawBytes(head("1.0", "Content-Type: text/event-stream") + body),
        lambda body: RawBytes(head("1.1", "Connection: close") + body),
        lambda body: Answer(gzip.compress(body), headers={"Content-Encoding": "gzip"}),
        lambda body: Stream([body.replace(b"\n", b"\r\n")]),
        lambda body: Stream([bytes([byte]) for byte in body]),
        lambda body: Answer(body, content_type="application/octet-stream"),
    ],
    ids=["http 1.0", "closed at the end", "gzip", "crlf", "byte by byte", "another type"],
)
async def test_the_same_answer_arrives_however_it_is_sent(
    http_to: Http, kind: EndpointKind, wrap: Callable[[bytes], Scripted]
):
    async with ModelServer({PATHS[kind]: wrap(BYTES[kind])}) as server:
        answer = await ask(http_to, server, kind)
    assert (answer.text, answer.finish_reason, answer.notices) == ("Yes.", "stop", ())


def openai_chunk(**members: object) -> bytes:
    return event({"object": "chat.completion.chunk", **members})


@pytest.mark.parametrize(
    "chunks",
    [
        [b": OPENROUTER PROCESSING\n\n" * 3, YES],
        [b"id: 1\nretry: 100\nevent: message\n", YES],
        [YES.replace(b"data: ", b"data:")],
        [YES, DONE],
        [
            openai_delta(content="Yes."),
            openai_delta("stop", content=None, tool_calls=None),
            openai_chunk(choices=[], usage=None),
            openai_usage(),
            DONE,
        ],
        [openai_delta(role="assistant", content=None), openai_chunk(choices=None), YES],
        [
            openai_delta(tool_calls=[{"index": 0, "function": {"name": "f", "arguments": '{"a"'}}]),
            YES,
        ],
        [
            openai_chunk(choices=[{"delta": {"content": "Yes."}}], error=None),
            YES.split(b"\n\n", 1)[1],
        ],
        [YES, HANG],
    ],
    ids=[
        "comments",
        "other fields",
        "no space",
        "done twice",
        "nulls",
        "empty first chunks",
        "a tool call",
        "null error",
        "never closed",
    ],
)
async def test_what_is_beside_the_answer_is_passed_over(http_to: Http, chunks: list[bytes | str]):
    async with ModelServer({PATHS[EndpointKind.COMPATIBLE]: Stream(chunks)}) as server:
        answer = await ask(http_to, server)
    assert (answer.text, answer.finish_reason) == ("Yes.", "stop")
    assert (answer.tokens_in, answer.tokens_out) == (12, 3)


async def test_an_end_without_a_reason_is_an_end_of_unknown_reason(http_to: Http):
    stream = Stream([openai_delta(content="Yes."), openai_delta(), DONE])
    async with ModelServer({PATHS[EndpointKind.COMPATIBLE]: stream}) as server:
        assert (await ask(http_to, server)).finish_reason == "unknown"


async def test_a_line_of_a_megabyte_is_read(http_to: Http):
    text = "word " * 200_000
    stream = Stream([openai_delta(content=text), openai_delta("stop"), DONE])
    async with ModelServer({PATHS[EndpointKind.COMPATIBLE]: stream}) as server:
        assert len((await ask(http_to, server)).text) == 1_000_000


@pytest.mark.parametrize("kind", PATHS)
@pytest.mark.parametrize(
    ("sent", "said"),
    [
        (RawBytes(b""), "the connection was cut"),
        (RawBytes(b"\x00\x01\x02 garbage\r\n\r\n"), "the connection was cut"),
        (RawBytes(head("1.1", "Content-Length: 5000") + b"half"), ""),
        (RawBytes(head("1.1", "Transfer-Encoding: chunked") + b"zz\r\nhm\r\n"), "cut"),
        (RawBytes(head("1.1", "Transfer-Encoding: chunked") + b"ff\r\n{"), ""),
        (RawBytes(head("1.1", "Content-Encoding: gzip", "Content-Length: 4") + b"nope"), "cut"),
        (Answer(b""), "ended before the answer did"),
        (Stream([b"\xff\xfe\xfd\n"]), "no chat stream"),
        (Stream([b"word " * 1_000_000]), "line without an end"),
    ],
    ids=[
        "nothing",
        "no http",
        "half a body",
        "bad chunk size",
        "half a chunk",
        "bad gzip",
        "an empty body",
        "no utf-8",
        "one endless line",
    ],
)
async def test_a_broken_stream_is_an_error_that_says_whose(
    http_to: Http, kind: EndpointKind, sent: Scripted, said: str
):
    async with ModelServer({PATHS[kind]: sent}) as server:
        with pytest.raises(HybridError) as caught:
            await ask(http_to, server, kind)
    assert isinstance(caught.value, ModelReplyError)
    assert server.url in str(caught.value)
    assert said in str(caught.value)


@pytest.mark.parametrize("kind", PATHS)
async def test_a_server_that_sends_nothing_and_never_ends_hits_the_bound(
    http_to: Http, kind: EndpointKind
):
    async with ModelServer({PATHS[kind]: Stream([HANG])}) as server:
        with pytest.raises(ModelUnavailableError, match=r"no token within 0\.2 s"):
            await ask(http_to, server, kind, reply_seconds=0.2)


async def test_text_is_passed_on_while_it_is_generated(http_to: Http):
    shown: list[Piece] = []
    stream = Stream([openai_delta(content="<thi"), openai_delta(content="nk>hm</think>\nIt"), HANG])
    async with ModelServer({PATHS[EndpointKind.COMPATIBLE]: stream}) as server:
        with pytest.raises(ModelReplyError, match="stalled"):
            await ask(http_to, server, on_piece=shown.append, stall_seconds=0.2)
    assert shown == [Piece("It", "hm")]


@pytest.mark.parametrize(
    ("chunks", "thinking", "thought"),
    [
        ([{"content": "<think>a</th"}, {"content": "ink> It is 2."}], False, "a"),
        ([{"content": "a</th"}, {"content": "ink> It is 2."}], True, "a"),
        ([{"reasoning_content": "a"}, {"content": "It is"}, {"content": " 2."}], True, "a"),
        ([{"content": "It is"}, {"content": " 2."}], True, ""),
    ],
)
async def test_what_is_shown_is_what_is_returned(
    http_to: Http, chunks: list[dict[str, str]], thinking: bool, thought: str
):
    shown: list[Piece] = []
    stream = Stream([*(openai_delta(**delta) for delta in chunks), openai_delta("stop"), DONE])
    async with ModelServer({PATHS[EndpointKind.COMPATIBLE]: stream}) as server:
        answer = await ask(http_to, server, thinking=thinking, on_piece=shown.append)
    assert answer.text == "It is 2."
    assert "".join(piece.text for piece in shown) == answer.text
    assert "".join(piece.thinking for piece in shown) == thought


async def test_text_is_not_held_back_after_thinking_that_came_apart(http_to: Http):
    shown: list[Piece] = []
    chunks = [openai_delta(reasoning_content="a"), openai_delta(content="It"), HANG]
    async with ModelServer({PATHS[EndpointKind.COMPATIBLE]: Stream(chunks)}) as server:
        with pytest.raises(ModelReplyError, match="stalled"):
            await ask(http_to, server, thinking=True, on_piece=shown.append, stall_seconds=0.2)
    assert shown == [Piece(thinking="a"), Piece("It")]


@pytest.mark.parametrize("kind", PATHS)
async def test_a_prompt_of_megabytes_arrives_whole(http_to: Http, kind: EndpointKind):
    prompt = "w\u00f6rd\n" * 500_000
    async with ModelServer({PATHS[kind]: Answer(BYTES[kind])}) as server:
        model = LocalModel("m", 4_000_000, loaded=True)
        client = client_for(http_to(server.url), Endpoint(kind, server.url), model)
        request = ChatRequest((ChatMessage("user", prompt),), 100, 0.2)
        answer = await generate(client, request, name="m", reply_seconds=10.0)
        (sent,) = (request.body for request in server.requests)
    assert sent["messages"] == [{"role": "user", "content": prompt}]
    assert "may have been cut" in answer.notices[0]


async def test_ollamas_thinking_is_shown_as_such(http_to: Http):
    shown: list[Piece] = []
    stream = ollama_stream(ollama_line(thinking="hm"), ollama_line("Yes."), ollama_done())
    async with ModelServer({PATHS[EndpointKind.OLLAMA]: stream}) as server:
        await ask(http_to, server, EndpointKind.OLLAMA, thinking=True, on_piece=shown.append)
    assert shown == [Piece(thinking="hm"), Piece("Yes.")]


@pytest.mark.parametrize("kind", PATHS)
async def test_a_connection_is_used_again(http_to: Http, kind: EndpointKind):
    connections = 0
    body = BYTES[kind]
    # The end of the body comes after the answer's, in a write of its own.
    first = head("1.1", "Transfer-Encoding: chunked") + b"%x\r\n%s\r\n" % (len(body), body)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        with suppress(asyncio.IncompleteReadError):
            while True:
                request = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
                length = request.partition("content-length: ")[2].partition("\r\n")[0]
                await reader.readexactly(int(length))
                writer.write(first)
                await writer.drain()
                writer.write(b"0\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        http = http_to(url)
        client = client_for(http, Endpoint(kind, url), LocalModel("m", 40960, loaded=True))
        request = ChatRequest((ChatMessage("user", "hello"),), 100, 0.2)
        for _ in range(3):
            answer = await generate(client, request, name="m", reply_seconds=10.0)
            assert answer.text == "Yes."
        await http.close()
    assert connections == 1
