"""What the tests of the modes share."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable

import pytest

from hybrid_coordinator.inference.egress import EgressPolicy
from hybrid_coordinator.inference.http import HttpClient
from tests.support.asking import Server, ServerAsk
from tests.support.llama_server import llama_server, tiny_model

__all__ = ["llama_server", "tiny_model"]  # fixtures


@pytest.fixture
async def ask_to() -> AsyncIterator[Callable[..., ServerAsk]]:
    """Makes an ``Ask`` of servers: ``ask_to(Server(url), Server(other, "big"))``."""
    clients = []

    def make(*servers: Server) -> ServerAsk:
        clients.append(HttpClient(EgressPolicy(server.url for server in servers)))
        return ServerAsk(clients[-1], servers)

    yield make
    for client in clients:
        await client.close()
