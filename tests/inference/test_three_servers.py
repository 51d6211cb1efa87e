"""Three real llama-servers with a role each: one hangs, one dies in mid-stream, one loads."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack, asynccontextmanager
from pathlib import Path

import pytest

from hybrid_coordinator.errors import ModelLoadingError, ModelReplyError, ModelUnavailableError
from hybrid_coordinator.inference.chat import ChatMessage, ChatRequest, Generation, Piece
from hybrid_coordinator.inference.clients import client_for
from hybrid_coordinator.inference.discovery import Discovery
from hybrid_coordinator.inference.endpoints import (
    Endpoint,
    EndpointKind,
    EndpointState,
    LocalModel,
    Role,
)
from hybrid_coordinator.inference.generate import generate
from hybrid_coordinator.inference.http import HttpClient
from tests.support.llama_server import CONTEXT, LOADS_SLOWLY, LlamaServer, started

Http = Callable[..., HttpClient]
READY, DOWN = EndpointState.READY, EndpointState.DOWN
PROBE_SECONDS = 1.0


@pytest.fixture
def servers(tiny_model: Path) -> Iterator[list[LlamaServer]]:
    with ExitStack() as stack:
        three = [stack.enter_context(started(tiny_model, "--ignore-eos")) for _ in Role]
        for server in three:
            server.wait_until_ready()
        yield three


class Fleet:
    """The servers as endpoints, and what is known of them."""

    def __init__(self, http: HttpClient, servers: list[LlamaServer]) -> None:
        self.http = http
        self.endpoints = [
            Endpoint(EndpointKind.LLAMA_CPP, server.url, role)
            for server, role in zip(servers, Role, strict=False)
        ]
        self.discovery = Discovery(http, self.endpoints, timeout=PROBE_SECONDS, every=0.02)

    async def until(self, *states: EndpointState) -> None:
        """Return once these states are known."""
        async with asyncio.timeout(20):
            while (seen := await self.states()) != states:
                assert len(seen) == len(states)
                await asyncio.sleep(0)

    async def states(self) -> tuple[EndpointState, ...]:
        return tuple(report.state for report in await self.discovery.glance())

    async def ask(
        self, number: int, max_tokens: int = 5, on_piece: Callable[[Piece], None] | None = None
    ) -> Generation:
        endpoint = self.endpoints[number]
        (model,) = (await self.discovery.glance())[number].models
        request = ChatRequest((ChatMessage("user", "hello"),), max_tokens, 0.0)
        client = client_for(self.http, endpoint, model)
        return await generate(
            client, request, name=endpoint.name, reply_seconds=20.0, on_piece=on_piece
        )


@asynccontextmanager
async def fleet(http_to: Http, servers: list[LlamaServer]) -> AsyncIterator[Fleet]:
    found = Fleet(http_to(*(server.url for server in servers)), servers)
    try:
        yield found
    finally:
        await found.discovery.close()


async def test_a_server_that_hangs_costs_the_callers_of_the_others_nothing(
    http_to: Http, servers: list[LlamaServer]
):
    servers[1].freeze()
    async with fleet(http_to, servers) as found:
        began = time.monotonic()
        first = await found.discovery.glance()
        waited = time.monotonic() - began
        assert [report.state for report in first] == [READY, DOWN, READY]
        assert [report.endpoint.role for report in first] == list(Role)
        answers = await asyncio.gather(found.ask(0), found.ask(2))
        assert [answer.tokens_out for answer in answers] == [5, 5]
        await found.until(READY, DOWN, READY)
        reports = await found.discovery.survey(begun_after=found.discovery.now())
        assert reports[1].reason == f"no answer within {PROBE_SECONDS:g} s"
        assert waited < PROBE_SECONDS
        servers[1].thaw()
        await found.until(READY, READY, READY)
        assert (await found.ask(1)).tokens_out == 5


async def test_a_server_that_dies_in_mid_stream_is_an_error_and_comes_back(
    http_to: Http, servers: list[LlamaServer], tiny_model: Path
):
    async with fleet(http_to, servers) as found:
        await found.until(READY, READY, READY)
        with pytest.raises(ModelReplyError, match="the connection was cut") as caught:
            await found.ask(0, CONTEXT, lambda _: servers[0].kill())
        assert caught.value.retry_after is None
        found.discovery.forget(found.endpoints[0])
        assert (await found.states())[1:] == (READY, READY)
        await found.until(DOWN, READY, READY)
        assert (await found.discovery.glance())[0].reason == "connection refused"
        with started(tiny_model, "--ignore-eos", port=servers[0].port):
            await found.until(READY, READY, READY)
            assert (await found.ask(0)).tokens_out == 5


async def test_a_server_that_loads_is_not_down_and_says_when_to_come_again(
    http_to: Http, tiny_model: Path
):
    with started(tiny_model, *LOADS_SLOWLY) as server:
        async with fleet(http_to, [server]) as found:
            await found.until(EndpointState.LOADING)
            client = client_for(found.http, found.endpoints[0], LocalModel("m"))
            request = ChatRequest((ChatMessage("user", "hello"),), 5, 0.0)
            with pytest.raises(
                ModelUnavailableError, match="is not ready: Loading model"
            ) as caught:
                await generate(client, request, name=server.url, reply_seconds=20.0)
            assert type(caught.value) is ModelLoadingError
            assert caught.value.retry_after is not None
            await found.until(READY)
            assert (await found.ask(0)).tokens_out <= 5
