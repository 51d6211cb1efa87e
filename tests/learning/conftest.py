"""The record and the index of a test, and rows in them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from hybrid_coordinator.domain.interactions import AgentType, NewInteraction
from hybrid_coordinator.storage.postgres.database import Database
from hybrid_coordinator.storage.postgres.interactions import InteractionRecords
from hybrid_coordinator.storage.vectors.edge import EdgeIndex
from hybrid_coordinator.storage.vectors.protocol import CollectionSpec, IndexKind


@pytest.fixture
def records(database: Database) -> InteractionRecords:
    return InteractionRecords(database)


@pytest.fixture
async def index(tmp_path: Path) -> AsyncIterator[EdgeIndex]:
    """An embedded index with an empty interaction-history."""
    opened = await EdgeIndex.open(tmp_path / "qdrant")
    await opened.create(CollectionSpec("interaction-history", 4, {"project": IndexKind.KEYWORD}))
    yield opened
    await opened.close()


def interaction(query: str, response: str = "done", project: str = "app") -> NewInteraction:
    """An interaction with nothing special about it."""
    return NewInteraction(project, query, response, AgentType.REMOTE, "model")
