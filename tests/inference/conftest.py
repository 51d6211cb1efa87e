"""What the tests of model clients share."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable

import pytest

from hybrid_coordinator.inference.egress import EgressPolicy
from hybrid_coordinator.inference.http import HttpClient
from tests.support.llama_server import llama_server, tiny_model

__all__ = ["llama_server", "tiny_model"]  # fixtures


@pytest.fixture
async def http_to() -> AsyncIterator[Callable[..., HttpClient]]:
    """Makes a client that may talk to the given URLs."""
    clients = []

    def make(*urls: str) -> HttpClient:
        clients.append(HttpClient(EgressPolicy(urls)))
        return clients[-1]

    yield make
    for client in clients:
        await client.close()
