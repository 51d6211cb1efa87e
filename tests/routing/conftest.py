"""What the tests of routing share."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from hybrid_coordinator.domain.secrets import Scrubber
from hybrid_coordinator.routing.delegate import LocalModels
from hybrid_coordinator.settings import InferenceSettings
from tests.support.llama_server import llama_server, tiny_model

__all__ = ["llama_server", "tiny_model"]  # fixtures

NOTHING: dict[str, tuple[str, ...]] = {
    "llama_cpp": (),
    "ollama": (),
    "lmstudio": (),
    "vllm": (),
    "docker_model_runner": (),
}


@pytest.fixture
async def models_at() -> AsyncIterator[Callable[..., LocalModels]]:
    """Makes ``LocalModels`` for the given endpoints alone: ``models_at(vllm=(url,))``."""
    made = []

    def make(
        *, heartbeat_seconds: float = 5.0, stall_seconds: float = 5.0, **settings: Any
    ) -> LocalModels:
        values: dict[str, Any] = {**NOTHING, "reply_timeout_seconds": 20.0, **settings}
        made.append(
            LocalModels(
                InferenceSettings(**values),
                Scrubber(),
                heartbeat_seconds=heartbeat_seconds,
                stall_seconds=stall_seconds,
            )
        )
        return made[-1]

    yield make
    for models in made:
        await models.close()
