"""A dataset that is kept fresh, only while it is asked for and only when enough has come."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from pathlib import Path

import pytest

from hybrid_coordinator.domain.interactions import Outcome, OutcomeKind
from hybrid_coordinator.domain.jobs import JobChanges
from hybrid_coordinator.domain.secrets import Scrubber
from hybrid_coordinator.learning.jobs.worker import JobWorker
from hybrid_coordinator.learning.training.fresh import NEW_EXAMPLES, FreshDatasets
from hybrid_coordinator.learning.training.generating import TrainingData
from hybrid_coordinator.settings import LearningSettings, Settings
from hybrid_coordinator.storage.postgres.database import Database
from hybrid_coordinator.storage.postgres.interactions import InteractionRecords
from hybrid_coordinator.storage.postgres.jobs import JobRecords
from hybrid_coordinator.traffic import Traffic
from tests.learning.training.conftest import Row, fill

ON = Settings(learning=LearningSettings(auto_finetune=True, high_value_threshold=0.8))
SUCCESS = Outcome(OutcomeKind.SUCCESS)


class Room:
    """Fresh datasets with a worker that writes them, and settings that can be changed."""

    def __init__(self, database: Database, training_data: TrainingData, directory: Path) -> None:
        self.settings = ON
        self.directory = directory
        self.fresh = FreshDatasets(training_data, lambda: self.settings, directory)
        self.jobs = JobRecords(database)
        self.interactions = InteractionRecords(database)

    async def told(self, interaction: str, outcome: Outcome, value: float) -> JobChanges:
        """What that outcome orders."""
        changes = self.fresh.rule(await self.interactions.get(interaction), outcome, value)
        await self.jobs.order(changes)
        return changes

    async def work(self) -> None:
        """Have all jobs done that wait."""
        clean, traffic = Scrubber().scrub, Traffic()
        worker = JobWorker(self.jobs, [self.fresh.kind()], clean, traffic, look_seconds=0.02)
        running = asyncio.create_task(worker.run())
        async with asyncio.timeout(60):
            while await self.jobs.all():
                await asyncio.sleep(0.005)
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running

    def datasets(self) -> list[str]:
        return [path.name for path in self.directory.glob("*")]


@pytest.fixture
def room(database: Database, training_data: TrainingData, tmp_path: Path) -> Room:
    return Room(database, training_data, tmp_path / "datasets")


def rows(count: int, start: int = 0) -> list[Row]:
    return [Row(f"task {n}", f"answer {n}") for n in range(start, start + count)]


async def test_enough_successes_of_high_value_make_a_dataset(
    room: Room, database: Database
) -> None:
    first, *_ = await fill(database, rows(NEW_EXAMPLES - 1))
    await room.told(first, SUCCESS, 0.9)
    await room.work()
    assert room.datasets() == []

    (last,) = await fill(database, rows(1, NEW_EXAMPLES), NEW_EXAMPLES)
    for _ in range(3):  # one job, however often it is ordered
        await room.told(last, SUCCESS, 0.9)
    assert len(await room.jobs.all()) == 1
    await room.work()
    (name,) = room.datasets()
    assert name.startswith("openai-")
    assert await database.fetch_value("SELECT examples FROM datasets") == NEW_EXAMPLES

    # They are old now: the next one waits for as many more.
    await room.told(last, SUCCESS, 0.9)
    await room.work()
    await fill(database, rows(NEW_EXAMPLES, 100), 100)
    assert len(room.datasets()) == 1
    await room.told(last, SUCCESS, 0.9)
    await room.work()
    # The latest one alone is kept, or the disk would fill with what is in it too.
    (later,) = room.datasets()
    assert later != name


async def test_nothing_is_ordered_by_what_is_not_worth_it_or_not_asked_for(
    room: Room, database: Database
) -> None:
    (key,) = await fill(database, rows(1))
    assert not await room.told(key, SUCCESS, 0.79)
    assert not await room.told(key, Outcome(OutcomeKind.FAILURE), 0.9)
    room.settings = Settings()
    assert not await room.told(key, SUCCESS, 0.9)


async def test_a_job_that_waited_until_it_was_switched_off_does_nothing(
    room: Room, database: Database
) -> None:
    key, *_ = await fill(database, rows(NEW_EXAMPLES))
    assert await room.told(key, SUCCESS, 0.9)
    room.settings = Settings()
    await room.work()
    assert room.datasets() == []
