"""One call of one model: turns, breakers and retries around the true wire."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from hybrid_coordinator.errors import (
    ConnectionCutError,
    EmptyAnswerError,
    InvalidArgumentError,
    ModelBusyError,
    ModelReplyError,
    ModelUnavailableError,
)
from hybrid_coordinator.inference.breaker import Breakers, BreakerState
from hybrid_coordinator.inference.calling import Caller
from hybrid_coordinator.inference.chat import ChatMessage, ChatRequest, Finish, Generation, Piece
from hybrid_coordinator.inference.clients.openai_chat import OpenAIChat
from hybrid_coordinator.inference.endpoints import Endpoint, EndpointKind, LocalModel
from hybrid_coordinator.inference.http import HttpClient
from hybrid_coordinator.inference.lanes import Lanes
from tests.support.model_server import CUT, HANG, ModelServer, RawBytes, Scripted, Stream, as_json
from tests.support.model_wire import DONE, openai_answer, openai_delta

CHAT = "/v1/chat/completions"
MODEL = LocalModel("m")
GONE = RawBytes(b"")
"""The connection closes before anything comes, as a stale one does."""


class Clock:
    def __init__(self) -> None:
        self.now = 0.0
        self.pauses: list[float] = []

    def __call__(self) -> float:
        return self.now

    async def pause(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.now += seconds


class Calls:
    """A caller of one scripted server."""

    def __init__(self, http: HttpClient, url: str, clock: Clock, **more: Any) -> None:
        self.endpoint = Endpoint(EndpointKind.VLLM, url)
        self.clock = clock
        self.pieces: list[Piece] = []

        def client_for(endpoint: Endpoint, model: LocalModel) -> OpenAIChat:
            return OpenAIChat(http, endpoint, model)

        self.caller = Caller(
            more.pop("client_for", client_for),
            breakers=Breakers(clock=clock, jitter=random.Random(3)),
            lanes=Lanes(),
            clock=clock,
            pause=clock.pause,
            **{"reply_seconds": 20.0, "queue_seconds": 20.0, **more},
        )

    async def ask(self, prompt: str = "Is it done?", slots: int = 2) -> Generation:
        chat = ChatRequest((ChatMessage("user", prompt),), max_tokens=50, temperature=0.0)
        return await self.caller.call(
            self.endpoint, MODEL, slots, chat, caller="tests", on_piece=self.pieces.append
        )

    def state(self) -> BreakerState:
        return self.caller.breakers.snapshot()[0].state


Make = Callable[..., Calls]


@pytest.fixture
def calls_to(http_to: Callable[..., HttpClient]) -> Make:
    def make(server: ModelServer, **more: Any) -> Calls:
        return Calls(http_to(server.url), server.url, Clock(), **more)

    return make


def serving(*answers: Scripted) -> ModelServer:
    return ModelServer({f"POST {CHAT}": list(answers)})


async def test_pieces_and_figures_come_through(calls_to: Make):
    async with serving(openai_answer("It is done.")) as server:
        calls = calls_to(server)
        generation = await calls.ask()
    assert generation.text == "It is done."
    assert generation.first_token_ms >= 0
    assert "".join(piece.text for piece in calls.pieces) == "It is done."


async def test_a_connection_cut_before_the_first_token_is_tried_again(calls_to: Make):
    async with serving(GONE, openai_answer("Here.")) as server:
        calls = calls_to(server)
        assert (await calls.ask()).text == "Here."
        assert len(server.requests) == 2
        assert calls.clock.pauses == []
        assert calls.state() is BreakerState.CLOSED


async def test_never_after_a_token(calls_to: Make):
    broken = Stream([openai_delta(content="Almost"), CUT])
    async with serving(broken, openai_answer("Again.")) as server:
        calls = calls_to(server)
        with pytest.raises(ModelReplyError):
            await calls.ask()
        assert len(server.requests) == 1


async def test_one_that_is_always_cut_off_is_hit_twice_and_then_left_alone(calls_to: Make):
    async with serving(GONE) as server:
        calls = calls_to(server)
        with pytest.raises(ConnectionCutError):
            await calls.ask()
        for _ in range(9):
            with pytest.raises(ModelUnavailableError, match="left alone"):
                await calls.ask()
        assert len(server.requests) == 2
        calls.clock.now += 6.0
        with pytest.raises(ConnectionCutError):
            await calls.ask()
        assert len(server.requests) == 3, "one probe, and no retry of it"


class Busy:
    """A client of an endpoint that asks to come back later a few times."""

    thinks = False

    def __init__(self, calls: list[str], waits: list[float | None]) -> None:
        self.calls = calls
        self.waits = waits

    async def stream(self, request: ChatRequest):
        self.calls.append("call")
        if self.waits:
            raise ModelBusyError("overloaded", retry_after=self.waits.pop(0))
        yield Piece("Now.")
        yield Finish("stop", 3, 1)


@pytest.mark.parametrize(
    ("waits", "tries", "pauses"),
    [
        ([2.0], 2, [2.0]),
        ([0.0], 2, [0.1]),
        ([1.0, 1.0], 2, [1.0]),
        ([25.0], 1, []),
        ([None], 1, []),
    ],
)
async def test_retry_after_is_honoured_where_it_fits(
    calls_to: Make, waits: list[float | None], tries: int, pauses: list[float]
):
    made: list[str] = []
    left = list(waits)
    succeeds = tries > len(waits)
    async with serving(GONE) as server:
        calls = calls_to(server, client_for=lambda *_: Busy(made, left))
        if succeeds:
            assert (await calls.ask()).text == "Now."
        else:
            with pytest.raises(ModelBusyError):
                await calls.ask()
    assert len(made) == tries
    assert calls.clock.pauses == pauses
    if not succeeds and waits[-1] is not None:
        with pytest.raises(ModelUnavailableError, match="left alone.*overloaded"):
            await calls.ask()
        assert len(made) == tries, "what asks for a pause gets it"


async def test_no_pause_is_longer_than_the_wait_for_a_slot(calls_to: Make):
    made: list[str] = []
    async with serving(GONE) as server:
        busy = Busy(made, [30.0])
        calls = calls_to(server, client_for=lambda *_: busy, reply_seconds=300.0)
        with pytest.raises(ModelBusyError):
            await calls.ask()
    assert (made, calls.clock.pauses) == (["call"], [])


async def test_an_empty_answer_is_not_the_endpoints_fault(calls_to: Make):
    async with serving(Stream([openai_delta("stop", content=""), DONE])) as server:
        calls = calls_to(server)
        for _ in range(4):
            with pytest.raises(EmptyAnswerError):
                await calls.ask()
        assert len(server.requests) == 4


async def test_a_refused_request_is_not_the_endpoints_fault(calls_to: Make):
    too_long = as_json({"error": {"message": "exceeds the maximum context length"}}, 400)
    async with serving(too_long) as server:
        calls = calls_to(server)
        for _ in range(4):
            with pytest.raises(InvalidArgumentError):
                await calls.ask()


async def test_one_that_hangs_opens_its_breaker(calls_to: Make):
    async with serving(Stream([HANG])) as server:
        calls = calls_to(server, reply_seconds=0.05)
        for _ in range(2):
            with pytest.raises(ModelUnavailableError, match="no token within"):
                await calls.ask()
        assert calls.state() is BreakerState.OPEN


async def test_a_slot_comes_free_whatever_ends_the_call(calls_to: Make):
    hanging = Stream([HANG])
    broken = as_json({"error": "boom"}, 500)
    async with serving(hanging, broken, openai_answer("Free.")) as server:
        calls = calls_to(server)
        gone = asyncio.create_task(calls.ask(slots=1))
        await server.until_hanging()
        gone.cancel()
        with pytest.raises(asyncio.CancelledError):
            await gone
        with pytest.raises(ModelReplyError):
            await calls.ask(slots=1)
        assert (await calls.ask(slots=1)).text == "Free."
        assert calls.caller.lanes.busy(server.url) == (0, 0)


async def test_nobody_queues_for_one_that_is_left_alone(calls_to: Make):
    async with serving(Stream([HANG])) as server:
        calls = calls_to(server)
        holding = asyncio.create_task(calls.ask(slots=1))
        await server.until_hanging()
        calls.caller.breakers.hold(server.url, 30.0, "overloaded")
        async with asyncio.timeout(5):
            with pytest.raises(ModelUnavailableError, match="left alone"):
                await calls.ask(slots=1)
        holding.cancel()
        await asyncio.wait([holding])


async def test_those_who_wait_for_one_that_dies_are_not_sent_to_it(calls_to: Make):
    async with serving(as_json({"error": "boom"}, 500)) as server:
        calls = calls_to(server)
        results = await asyncio.gather(
            *(calls.ask(slots=1) for _ in range(8)), return_exceptions=True
        )
        assert len(server.requests) == 2
        assert all(isinstance(each, ModelReplyError | ModelUnavailableError) for each in results)


class Echo:
    """A server that answers with the prompt, a word a chunk, and keeps its connections."""

    def __init__(self) -> None:
        self.served: list[asyncio.Task[None]] = []

    async def connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self.served.append(task)
        while head := (await self._head(reader)).lower():
            length = int(head.partition(b"content-length: ")[2].partition(b"\r\n")[0])
            body = json.loads(await reader.readexactly(length))
            writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
            words = [f"{word} " for word in body["messages"][-1]["content"].split()]
            for event in (*(openai_delta(content=word) for word in words), openai_delta("stop")):
                writer.write(b"%x\r\n%s\r\n" % (len(event), event))
                await writer.drain()
                await asyncio.sleep(0)
            writer.write(b"%x\r\n%s\r\n" % (len(DONE), DONE))
            await writer.drain()
            await asyncio.sleep(0)
            # The end comes in a packet of its own, after the mark of the end.
            writer.write(b"0\r\n\r\n")
        writer.close()
        await writer.wait_closed()

    @staticmethod
    async def _head(reader: asyncio.StreamReader) -> bytes:
        try:
            return await reader.readuntil(b"\r\n\r\n")
        except (asyncio.IncompleteReadError, ConnectionError):
            return b""


@asynccontextmanager
async def echoing(http_to: Callable[..., HttpClient]) -> AsyncIterator[tuple[Echo, Calls]]:
    echo = Echo()
    server = await asyncio.start_server(echo.connected, "127.0.0.1", 0, backlog=200)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    http = http_to(url)
    yield echo, Calls(http, url, Clock())
    server.close()
    await http.close()
    await asyncio.gather(*echo.served)


async def test_a_hundred_streams_at_once_are_neither_lost_nor_mixed(
    http_to: Callable[..., HttpClient],
):
    async with echoing(http_to) as (_, calls):
        prompts = [" ".join(f"{number}.{word}" for word in range(30)) for number in range(100)]
        answers = await asyncio.gather(*(calls.ask(prompt, slots=100) for prompt in prompts))
    assert [answer.text.strip() for answer in answers] == prompts


async def test_one_connection_serves_one_call_after_the_other(
    http_to: Callable[..., HttpClient],
):
    async with echoing(http_to) as (echo, calls):
        for _ in range(5):
            await calls.ask()
        assert len(echo.served) == 1


async def test_a_server_that_never_ends_its_response_holds_nobody_up(calls_to: Make):
    endless = Stream([openai_delta(content="Here."), openai_delta("stop"), DONE, HANG])
    async with serving(endless) as server:
        calls = calls_to(server)
        async with asyncio.timeout(5):
            assert (await calls.ask()).text == "Here."
