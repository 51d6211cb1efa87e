"""What the tests of routing share."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from hybrid_coordinator.domain.secrets import Scrubber
from hybrid_coordinator.routing.delegate import Delegate as Models
from hybrid_coordinator.routing.evidence import Evidence
from hybrid_coordinator.routing.planning import Planner
from hybrid_coordinator.settings import (
    InferenceSettings,
    RemoteSettings,
    RoutingSettings,
    Settings,
)
from hybrid_coordinator.storage.postgres.database import Database
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
async def models_at() -> AsyncIterator[Callable[..., Models]]:
    """Makes a ``Delegate`` for the given endpoints alone: ``models_at(vllm=(url,))``."""
    made = []

    def make(
        *,
        heartbeat_seconds: float = 5.0,
        stall_seconds: float = 5.0,
        database: Database | None = None,
        remote: RemoteSettings | None = None,
        routing: RoutingSettings | None = None,
        rules_file: Path | None = None,
        evidence: Evidence | None = None,
        **inference: Any,
    ) -> Models:
        values: dict[str, Any] = {**NOTHING, "reply_timeout_seconds": 20.0, **inference}
        settings = Settings(
            inference=InferenceSettings(**values),
            remote=remote or RemoteSettings(),
            routing=routing or RoutingSettings(preset="strong", seed=1),
        )
        planner = Planner(lambda: settings.routing, rules_file, evidence)
        made.append(
            Models(
                settings,
                planner,
                Scrubber(),
                database,
                heartbeat_seconds=heartbeat_seconds,
                stall_seconds=stall_seconds,
            )
        )
        return made[-1]

    yield make
    for models in made:
        await models.close()
