"""What takes turns in, over a real record and index."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from hybrid_coordinator.domain.secrets import Scrubber
from hybrid_coordinator.learning.outcomes import OutcomeRecorder
from hybrid_coordinator.learning.sessions.importing import SessionImporter
from hybrid_coordinator.learning.sessions.inference import OutcomeInference
from hybrid_coordinator.learning.sessions.recording import TurnRecorder
from hybrid_coordinator.learning.tracking import Tracker
from hybrid_coordinator.storage.postgres.database import Database
from hybrid_coordinator.storage.postgres.imported_files import ImportedFiles
from hybrid_coordinator.storage.postgres.interactions import InteractionRecords
from hybrid_coordinator.storage.postgres.showings import Showings
from hybrid_coordinator.storage.vectors.bm25 import Bm25Encoder
from hybrid_coordinator.storage.vectors.edge import EdgeIndex


@dataclass
class Learning:
    """The parts, and how often they told of something: ``woken``."""

    records: InteractionRecords
    index: EdgeIndex
    database: Database
    woken: list[None] = field(default_factory=list)

    def __post_init__(self) -> None:
        def wake() -> None:
            self.woken.append(None)

        scrubber = Scrubber()
        self.outcomes = OutcomeRecorder(
            self.records, self.index, Bm25Encoder(), lambda: 0.7, wake, scrubber
        )
        self.inference = OutcomeInference(self.records, self.outcomes)
        self.tracker = Tracker(self.records, Showings(self.database), wake, scrubber)
        self.recorder = TurnRecorder(self.tracker, self.inference)
        self.importer = SessionImporter(
            ImportedFiles(self.database), self.recorder, self.inference, scrubber.scrub
        )

    async def count(self, table: str) -> int:
        """Rows of a table."""
        found: int = await self.database.fetch_value(f"SELECT count(*) FROM {table}")
        return found


@pytest.fixture
def learning(records: InteractionRecords, index: EdgeIndex, database: Database) -> Learning:
    return Learning(records, index, database)
