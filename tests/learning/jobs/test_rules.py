"""What outcomes order: with the outcome or not at all, and named to who sets it."""

from __future__ import annotations

import asyncio
from uuid import UUID

import pytest

from hybrid_coordinator.domain.interactions import Interaction, Outcome, OutcomeKind, OutcomeSource
from hybrid_coordinator.domain.jobs import Job, JobChanges, JobOrder
from hybrid_coordinator.domain.secrets import Scrubber
from hybrid_coordinator.errors import InvalidArgumentError
from hybrid_coordinator.learning.jobs.kinds import JobKind
from hybrid_coordinator.learning.jobs.rules import OutcomeJobs
from hybrid_coordinator.learning.outcomes import OutcomeRecorder
from hybrid_coordinator.storage.postgres.database import Database
from hybrid_coordinator.storage.postgres.interactions import InteractionRecords
from hybrid_coordinator.storage.postgres.jobs import JobRecords
from hybrid_coordinator.storage.vectors.bm25 import Bm25Encoder
from hybrid_coordinator.storage.vectors.edge import EdgeIndex
from tests.domain.task_examples import FIXES
from tests.learning.conftest import interaction
from tests.support.postgres import TIMEOUT

SUCCESS = Outcome(OutcomeKind.SUCCESS)
FAILURE = Outcome(OutcomeKind.FAILURE)
TASK, WORK = FIXES["english"]


async def nothing(_: Job) -> None:
    """A handler that is not called here."""


def by_kind(row: Interaction, outcome: Outcome, value: float) -> JobChanges:
    """A success is read, anything else is not; whatever is known is recounted."""
    recount = JobOrder("recount", row.id, row.project)
    if outcome.kind is OutcomeKind.UNKNOWN:
        return JobChanges(withdrawn=(("read", row.id),))
    if outcome.kind is OutcomeKind.SUCCESS:
        return JobChanges((JobOrder("read", row.id, row.project, {"value": value}), recount))
    return JobChanges((recount,), withdrawn=(("read", row.id),))


class Desk:
    """A recorder whose outcomes order jobs."""

    def __init__(self, database: Database, index: EdgeIndex) -> None:
        self.database = database
        self.queue = JobRecords(database)
        self.records = InteractionRecords(database)
        self.woken = 0
        kinds = (JobKind("read", "text", nothing), JobKind("recount", "sum", nothing, upkeep=True))
        jobs = OutcomeJobs(self.queue, kinds, (by_kind,), self._wake)
        self.recorder = OutcomeRecorder(
            self.records, index, Bm25Encoder(), lambda: 0.7, lambda: None, Scrubber(), jobs
        )

    def _wake(self) -> None:
        self.woken += 1

    async def add(self) -> str:
        return await self.records.add(interaction(TASK, WORK))

    async def waiting(self) -> list[str]:
        return [job.kind for job in await self.queue.all()]


@pytest.fixture
def desk(database: Database, index: EdgeIndex) -> Desk:
    return Desk(database, index)


async def test_an_outcome_names_what_it_orders_and_the_worker_is_woken(desk: Desk) -> None:
    result = await desk.recorder.update(await desk.add(), SUCCESS)
    assert result.queued == ("read",)
    assert await desk.waiting() == ["read", "recount"]
    assert desk.woken == 1


async def test_the_same_outcome_names_what_is_not_done_and_orders_nothing(desk: Desk) -> None:
    tracked = await desk.add()
    first = await desk.recorder.update(tracked, SUCCESS)
    assert await desk.recorder.update(tracked, SUCCESS) == first
    await desk.database.execute("DELETE FROM jobs")
    assert (await desk.recorder.update(tracked, SUCCESS)).queued == ()
    assert await desk.waiting() == []


async def test_sessions_that_say_the_same_at_once_are_told_the_same(desk: Desk) -> None:
    tracked = await desk.add()
    results = await asyncio.gather(*(desk.recorder.update(tracked, SUCCESS) for _ in range(12)))
    assert {result.queued for result in results} == {("read",)}
    assert await desk.waiting() == ["read", "recount"]


async def test_another_outcome_withdraws_what_the_first_ordered(desk: Desk) -> None:
    tracked = await desk.add()
    await desk.recorder.update(tracked, SUCCESS)
    assert (await desk.recorder.update(tracked, FAILURE)).queued == ()
    assert await desk.waiting() == ["recount"]
    assert (await desk.recorder.update(tracked, SUCCESS)).queued == ("read",)


async def test_what_is_only_withdrawn_wakes_nobody(desk: Desk) -> None:
    tracked = await desk.add()
    await desk.recorder.update(tracked, SUCCESS)
    assert (await desk.recorder.update(tracked, Outcome(OutcomeKind.UNKNOWN))).queued == ()
    assert await desk.waiting() == ["recount"]
    assert desk.woken == 1


@pytest.mark.parametrize("isolation", ["read committed", "serializable"])
async def test_an_outcome_withdraws_what_one_ordered_that_it_waited_for(
    desk: Desk, dsn: str, isolation: str
) -> None:
    tracked = await desk.add()
    name = await desk.database.fetch_value("SELECT current_database()")
    await desk.database.execute(
        f"ALTER DATABASE {name} SET default_transaction_isolation = '{isolation}'"
    )
    other = await Database.connect(dsn, timeout=TIMEOUT)
    second = InteractionRecords(other)
    async with desk.database.transaction() as first:
        append = "SELECT append_outcome($1, 'success', 0::smallint, NULL, 0.9, '{}', 'stated', 1)"
        await first.fetch(append, UUID(tracked))
        await desk.queue.apply(JobChanges((JobOrder("read", tracked, "app"),)), first)
        changes = JobChanges(withdrawn=(("read", tracked),))
        later = asyncio.create_task(second.set_outcome(tracked, FAILURE, 0.1, {}, changes))
        async with asyncio.timeout(60):
            while not await desk.database.fetch_value(
                "SELECT count(*) FROM pg_locks WHERE NOT granted AND locktype = 'transactionid'"
            ):
                await asyncio.sleep(0)
    assert await later
    await other.close()
    assert await desk.waiting() == []
    stored = (await desk.records.get(tracked)).outcome
    assert stored is not None
    assert stored.kind is OutcomeKind.FAILURE


async def test_an_inferred_outcome_that_yields_to_a_stated_one_orders_nothing(desk: Desk) -> None:
    tracked = await desk.add()
    await desk.recorder.update(tracked, FAILURE)
    guess = Outcome(OutcomeKind.SUCCESS, source=OutcomeSource.INFERRED, confidence=0.6)
    await desk.recorder.update(tracked, guess)
    assert await desk.waiting() == ["recount"]


async def test_an_order_that_cannot_be_stored_takes_its_outcome_with_it(desk: Desk) -> None:
    tracked = await desk.add()
    jobs = JobChanges((JobOrder("read", tracked, "app"), JobOrder("read", "\0", "app")))
    with pytest.raises(InvalidArgumentError):
        await desk.records.set_outcome(tracked, SUCCESS, 0.9, {"outcome": 1.0}, jobs)
    assert (await desk.records.get(tracked)).outcome is None
    assert await desk.waiting() == []
