"""A search for skills with everything behind it, and work for it to find them in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from hybrid_coordinator.domain.interactions import Outcome, OutcomeKind, OutcomeSource
from hybrid_coordinator.domain.items import CollectionName
from hybrid_coordinator.domain.secrets import Scrubber
from hybrid_coordinator.knowledge.collections import load_collections
from hybrid_coordinator.knowledge.embedding.static import StaticEmbedder
from hybrid_coordinator.learning.skills.discovery import SkillDiscovery
from hybrid_coordinator.learning.skills.review import SkillReview
from hybrid_coordinator.storage.postgres.database import Database
from hybrid_coordinator.storage.postgres.interactions import InteractionRecords
from hybrid_coordinator.storage.postgres.knowledge import KnowledgeRecords
from hybrid_coordinator.storage.postgres.skills import SkillRecords
from hybrid_coordinator.storage.vectors.bm25 import Bm25Encoder
from tests.learning.conftest import interaction

RELEASE = "Bump the version of package {} to {}.0 and update the changelog"
ANSWER = "- Raised the version in pyproject.toml.\n- Wrote the changelog entry for the release.\n"


class Shop:
    """A project where work is done, and its search for skills."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.interactions = InteractionRecords(database)
        self.knowledge = KnowledgeRecords(database)
        self.skills = SkillRecords(database)
        self.woken = 0
        self.ordered = 0
        self.discovery = self.another()
        self.review = SkillReview(self.skills, self.interactions, self.knowledge, self._wake)
        self._releases = 0

    def _wake(self) -> None:
        self.woken += 1

    def _order(self) -> None:
        self.ordered += 1

    def another(self, quiet_seconds: float = 0.0) -> SkillDiscovery:
        """The search of another coordinator."""
        return SkillDiscovery(
            self.skills,
            self.interactions,
            self.knowledge,
            load_collections(),
            StaticEmbedder(),
            Bm25Encoder(),
            Scrubber(),
            self._order,
            quiet_seconds=quiet_seconds,
        )

    async def did(
        self,
        query: str,
        outcome: OutcomeKind = OutcomeKind.SUCCESS,
        *,
        session: str | None = "monday",
        response: str = ANSWER,
        confidence: float = 1.0,
        commands: Sequence[str] = (),
    ) -> str:
        """Something was asked and answered, and this came of it."""
        done = replace(interaction(query, response), session_id=session)
        key = await self.interactions.add(done)
        await self.database.execute(
            "INSERT INTO actions (interaction_id, position, kind, subject, ok, detail)"
            " SELECT $1, place, 'command', subject, true, ''"
            " FROM unnest($2::text[]) WITH ORDINALITY AS ran (subject, place)",
            key,
            list(commands),
        )
        source = OutcomeSource.STATED if confidence == 1 else OutcomeSource.INFERRED
        said = Outcome(outcome, source=source, confidence=confidence)
        await self.interactions.set_outcome(key, said, 0.8, {})
        return key

    async def release(
        self, outcome: OutcomeKind = OutcomeKind.SUCCESS, session: str | None = "monday"
    ) -> str:
        """The next release."""
        self._releases += 1
        name = ("parser", "lexer", "printer", "linker", "loader")[self._releases % 5]
        return await self.did(RELEASE.format(name, self._releases), outcome, session=session)

    async def releases(self, count: int = 3) -> list[str]:
        """Releases that went well, in two sessions."""
        return [await self.release(session=("monday", "tuesday")[at % 2]) for at in range(count)]

    async def entries(self) -> list[str]:
        """The titles of all skills that can be found."""
        page = await self.knowledge.page(None, 100)
        return [item.title for item in page if item.collection is CollectionName.SKILLS_PATTERNS]


@pytest.fixture
def shop(database: Database) -> Shop:
    return Shop(database)
