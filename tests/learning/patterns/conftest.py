"""Pattern extraction on a database of the test's own, with whatever models a test names."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any

import pytest

from hybrid_coordinator.domain.interactions import Outcome, OutcomeKind
from hybrid_coordinator.domain.jobs import Job
from hybrid_coordinator.domain.knowledge import KnowledgeItem, Origin
from hybrid_coordinator.domain.secrets import Scrubber
from hybrid_coordinator.knowledge.embedding.static import StaticEmbedder
from hybrid_coordinator.learning.patterns.extraction import EXTRACT, WEIGH, PatternExtraction
from hybrid_coordinator.learning.patterns.shelf import PatternShelf
from hybrid_coordinator.routing.delegate import Delegate
from hybrid_coordinator.routing.planning import Planner
from hybrid_coordinator.settings import RemoteSettings, RoutingSettings, Settings
from hybrid_coordinator.storage.postgres.attempts import RouteAttempts
from hybrid_coordinator.storage.postgres.database import Database
from hybrid_coordinator.storage.postgres.interactions import InteractionRecords
from hybrid_coordinator.storage.postgres.jobs import JobRecords
from hybrid_coordinator.storage.postgres.knowledge import KnowledgeRecords
from tests.learning.conftest import interaction
from tests.support.llama_server import llama_server, tiny_model
from tests.support.patterns import TASK, WORK

__all__ = ["llama_server", "tiny_model"]  # fixtures

NOTHING: Mapping[str, tuple[str, ...]] = dict.fromkeys(
    ("llama_cpp", "ollama", "lmstudio", "vllm", "docker_model_runner"), ()
)
COMPONENTS = {"outcome": 1.0, "feedback": 1.0, "reusability": 1.0, "complexity": 1.0, "novelty": 1}


@dataclass
class Desk:
    """An extraction with everything behind it."""

    database: Database
    closing: AsyncExitStack
    woken: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.interactions = InteractionRecords(self.database)
        self.knowledge = KnowledgeRecords(self.database)
        self.shelf = PatternShelf(
            self.knowledge,
            self.interactions,
            JobRecords(self.database),
            StaticEmbedder().embed,
            lambda: 0.7,
            lambda: self.woken.append("woken"),
        )
        self.settings = Settings()

    def models(
        self, *, remote: RemoteSettings | None = None, **inference: Any
    ) -> PatternExtraction:
        """The extraction, with these endpoints alone: ``models(vllm=(url,))``."""
        given = {**NOTHING, "reply_timeout_seconds": 20.0, **inference}
        self.settings = Settings.model_validate(
            {"inference": given, "remote": remote or RemoteSettings()}
        ).model_copy(update={"routing": RoutingSettings(preset="strong", seed=1, learn=False)})
        settings = self.settings
        planner = Planner(lambda: settings.routing, None, None)
        delegate = Delegate(settings, planner, Scrubber(), self.database, stall_seconds=5.0)
        self.closing.push_async_callback(delegate.close)
        return PatternExtraction(
            lambda: delegate,
            lambda: self.settings,
            self.interactions,
            RouteAttempts(self.database),
            self.shelf,
            Scrubber(),
        )

    async def solved(
        self, task: str = TASK, work: str = WORK, *, value: float = 0.9, project: str = "app"
    ) -> str:
        """The id of an interaction that was a success of that value."""
        added = await self.interactions.add(interaction(task, work, project))
        await self.judge(added, value)
        return added

    async def judge(
        self, interaction_id: str, value: float, kind: OutcomeKind = OutcomeKind.SUCCESS
    ) -> None:
        """Give an interaction another outcome."""
        outcome = Outcome(kind, evidence=f"it was worth {value}")
        await self.interactions.set_outcome(interaction_id, outcome, value, COMPONENTS)

    async def entries(self, project: str = "app") -> list[KnowledgeItem]:
        """Every pattern of a project, also those out of use."""
        rows = await self.database.fetch(
            "SELECT DISTINCT id FROM knowledge_items WHERE origin = $1 AND project = $2",
            Origin.PATTERN,
            project,
        )
        return await self.knowledge.get_many([str(row["id"]) for row in rows])


def extract_job(interaction_id: str, tries: int = 1) -> Job:
    return Job(1, EXTRACT, interaction_id, "app", {}, tries, 1, 1)


def weigh_job(interaction_id: str) -> Job:
    return Job(2, WEIGH, interaction_id, "app", {}, 1, 1, 1)


@pytest.fixture
async def desk(database: Database) -> AsyncIterator[Desk]:
    async with AsyncExitStack() as closing:
        yield Desk(database, closing)
