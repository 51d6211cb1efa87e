"""The worker: what fails rests and is parked, what cannot be done waits, what is lost is let go."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager

import pytest

from hybrid_coordinator.domain.jobs import Job, JobChanges, JobOrder, JobReport, JobState
from hybrid_coordinator.domain.secrets import Scrubber
from hybrid_coordinator.errors import (
    ModelBusyError,
    ModelReplyError,
    ModelUnavailableError,
    RecordUnavailableError,
)
from hybrid_coordinator.learning.jobs.kinds import JobKind
from hybrid_coordinator.learning.jobs.queue import Jobs
from hybrid_coordinator.learning.jobs.worker import JobWorker
from hybrid_coordinator.storage.postgres.database import Database
from hybrid_coordinator.storage.postgres.jobs import JobRecords
from hybrid_coordinator.traffic import Traffic
from tests.support.postgres import TIMEOUT

NO_RESTS = (0.0, 0.0)
"""Three tries at once."""
Step = Callable[[Job], Awaitable[None]]


class Bench:
    """A queue, and a worker on it whose handler does the next of ``steps``, the last for ever."""

    def __init__(self, database: Database) -> None:
        self.records = JobRecords(database)
        self.traffic = Traffic()
        self.done: list[tuple[str, int]] = []
        self.steps: list[Step] = []
        self.changed = asyncio.Event()

    async def handle(self, job: Job) -> None:
        self.done.append((job.subject, job.tries))
        self.changed.set()
        step = self.steps.pop(0) if len(self.steps) > 1 else self.steps[0]
        await step(job)

    def worker(self, *kinds: JobKind, rests: Sequence[float] = NO_RESTS) -> JobWorker:
        every = kinds or (JobKind("extract", "pattern", self.handle),)
        return JobWorker(
            self.records,
            every,
            Scrubber().scrub,
            self.traffic,
            rests=rests,
            look_seconds=0.02,
            hold_seconds=0.02,
        )

    async def order(self, *subjects: str, kind: str = "extract") -> None:
        orders = tuple(JobOrder(kind, subject, "app") for subject in subjects)
        await self.records.order(JobChanges(orders))

    async def until(self, holds: Callable[[list[JobReport]], bool]) -> list[JobReport]:
        """The jobs, once that holds for them."""
        async with asyncio.timeout(60):
            while not holds(jobs := await self.records.all()):
                await asyncio.sleep(0.005)
        return jobs


@pytest.fixture
def bench(database: Database) -> Bench:
    return Bench(database)


@asynccontextmanager
async def at_work(worker: JobWorker) -> AsyncIterator[None]:
    """The worker, until the end of the block."""
    task = asyncio.create_task(worker.run())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def well(_: Job) -> None:
    """A job that goes well."""


def raising(error: Exception) -> Step:
    async def step(_: Job) -> None:
        raise error

    return step


async def for_ever(_: Job) -> None:
    await asyncio.Event().wait()


def none_left(jobs: list[JobReport]) -> bool:
    return not jobs


def put_back(jobs: list[JobReport]) -> bool:
    """A try of the only job came to an end, and the job was let go of."""
    return bool(jobs[0].reason) and jobs[0].state is not JobState.RUNNING


def parked(jobs: list[JobReport]) -> bool:
    return bool(jobs) and all(job.state is JobState.PARKED for job in jobs)


async def test_jobs_are_done_and_gone(bench: Bench) -> None:
    bench.steps = [well]
    await bench.order("a", "b")
    async with at_work(bench.worker()):
        await bench.until(none_left)
    assert bench.done == [("b", 1), ("a", 1)]


async def test_who_is_woken_looks_at_once(bench: Bench) -> None:
    bench.steps = [well]
    worker = JobWorker(
        bench.records,
        [JobKind("extract", "pattern", bench.handle)],
        Scrubber().scrub,
        bench.traffic,
        look_seconds=3600,
    )
    async with at_work(worker):
        await bench.order("a")
        worker.wake()
        await bench.until(none_left)


async def test_a_job_begins_once_nobody_waits_for_an_answer(bench: Bench) -> None:
    bench.steps = [well]
    async with at_work(bench.worker()):
        with bench.traffic.request():
            await bench.order("a")
            began = asyncio.create_task(bench.changed.wait())
            # Longer than the pause that it waits for, and much shorter than its patience.
            done, _ = await asyncio.wait([began], timeout=0.3)
            assert not done
        await bench.until(none_left)


async def test_a_job_begins_though_requests_never_cease(bench: Bench) -> None:
    bench.steps = [well]
    with bench.traffic.request():
        async with at_work(bench.worker()):
            await bench.order("a")
            await bench.until(none_left)


async def test_a_job_lets_go_first_who_asks_in_the_middle_of_it(bench: Bench) -> None:
    bench.traffic = Traffic(step_seconds=60, work_seconds=60)
    answered, order = asyncio.Event(), list[str]()

    async def step(_: Job) -> None:
        await answered.wait()
        order.append("the job goes on")

    bench.steps = [step]
    await bench.order("a")
    async with at_work(bench.worker()):
        await bench.changed.wait()
        with bench.traffic.request():
            answered.set()
            for _ in range(20):
                await asyncio.sleep(0)
            order.append("the request is answered")
        await bench.until(none_left)
    assert order == ["the request is answered", "the job goes on"]


async def test_what_fails_is_tried_again_and_then_parked_with_its_reason(bench: Bench) -> None:
    bench.steps = [raising(ModelReplyError("nonsense")), raising(ModelReplyError("more of it"))]
    await bench.order("a")
    async with at_work(bench.worker()):
        (job,) = await bench.until(parked)
    assert bench.done == [("a", 1), ("a", 2), ("a", 3)]
    assert (job.tries, job.reason) == (3, "more of it")


async def test_reasons_hold_no_secret_and_are_not_long(bench: Bench) -> None:
    said = f"\0 token: Authorization: Bearer {'a1B2c3D4' * 5} \ud83d {'x' * 9000}"
    bench.steps = [raising(ModelReplyError(said))]
    await bench.order("a")
    async with at_work(bench.worker()):
        (job,) = await bench.until(parked)
    assert "a1B2c3D4" not in job.reason
    assert "<SECRET:" in job.reason
    assert len(job.reason) <= 500


async def test_a_fault_of_a_handler_is_that_of_its_job_alone(bench: Bench) -> None:
    async def missing(job: Job) -> None:
        if job.subject == "a":
            raise KeyError("gone")

    bench.steps = [missing]
    await bench.order("b", "a")
    async with at_work(bench.worker()):
        (job,) = await bench.until(lambda jobs: len(jobs) == 1 and parked(jobs))
    assert (job.subject, job.reason) == ("a", "KeyError: 'gone'")
    assert bench.done == [("a", 1), ("b", 1), ("a", 2), ("a", 3)], "b had its turn between them"


async def test_rests_are_kept(bench: Bench) -> None:
    bench.steps = [raising(ModelReplyError("nonsense")), well]
    await bench.order("a")
    async with at_work(bench.worker(rests=(3600.0,))):
        await bench.until(put_back)
        await bench.order("b")
        await bench.until(lambda jobs: [job.subject for job in jobs] == ["a"])
        assert bench.done == [("a", 1), ("b", 1)]
        assert await bench.records.retry(None) == 1
        await bench.until(none_left)
    assert bench.done[2:] == [("a", 1)], "a retried job begins anew"


async def test_a_job_with_an_obstacle_waits_without_a_try_until_it_is_gone(bench: Bench) -> None:
    looks = 0
    obstacles: list[str | None] = ["no local model answers"]

    async def obstacle() -> str | None:
        nonlocal looks
        looks += 1
        return obstacles[0]

    bench.steps = [well]
    kind = JobKind("extract", "pattern", bench.handle, obstacle, turn="best first")
    worker = bench.worker(kind)
    queue = Jobs(bench.records, worker)
    await bench.order("a", "b", "c")
    async with at_work(worker):
        async with asyncio.timeout(60):
            while looks < 5:
                await asyncio.sleep(0.005)
        counts = await queue.counts()
        assert counts.words == "no local model answers: 3 patterns wait (best first)"
        assert (counts.waiting, counts.parked) == (3, 0)
        assert [job.tries for job in await queue.all()] == [0, 0, 0]
        assert bench.done == []
        assert (await queue.health()).ok
        obstacles[0] = None
        await bench.until(none_left)
    assert (await queue.counts()).words == "none waits"


async def test_what_may_wait_for_a_model_does_not_hold_up_what_needs_none(bench: Bench) -> None:
    counted: list[str] = []

    async def count(job: Job) -> None:
        counted.append(job.subject)

    async def clear() -> str | None:
        return None

    bench.steps = [for_ever]
    kinds = (JobKind("extract", "pattern", bench.handle, clear), JobKind("count", "sum", count))
    await bench.order("a")
    await bench.order("b", "c", kind="count")
    async with at_work(bench.worker(*kinds)):
        await bench.until(lambda jobs: [job.kind for job in jobs] == ["extract"])
    assert counted == ["c", "b"]


@pytest.mark.parametrize(
    "error",
    [RecordUnavailableError("the record is cut off"), ModelBusyError("it loads its model")],
    ids=["record", "busy"],
)
async def test_a_part_that_does_not_answer_uses_up_no_try(bench: Bench, error: Exception) -> None:
    bench.steps = [raising(error)]
    await bench.order("a")
    async with at_work(bench.worker()):
        (job,) = await bench.until(put_back)
    assert (job.state, job.tries, job.reason) == (JobState.WAITING, 0, str(error))
    assert bench.done == [("a", 1)], "it rests before it is looked at again"


@pytest.mark.parametrize("left", [True, False], ids=["gone", "still-there"])
async def test_a_model_that_gives_up_counts_only_while_it_is_there(
    bench: Bench, left: bool
) -> None:
    answers: list[str | None] = [None, "no local model answers" if left else None]

    async def obstacle() -> str | None:
        return answers.pop(0) if len(answers) > 1 else answers[0]

    bench.steps = [raising(ModelUnavailableError("it does not answer"))]
    await bench.order("a")
    kind = JobKind("extract", "pattern", bench.handle, obstacle)
    async with at_work(bench.worker(kind, rests=(3600.0,))):
        (job,) = await bench.until(put_back)
    wanted = (0, "no local model answers") if left else (1, "it does not answer")
    assert (job.tries, job.reason) == wanted


async def test_a_job_under_way_at_the_end_is_given_back(bench: Bench) -> None:
    bench.steps = [for_ever]
    await bench.order("a")
    async with at_work(bench.worker()):
        await bench.changed.wait()
    (job,) = await bench.records.all()
    assert (job.state, job.tries, job.reason) == (
        JobState.WAITING,
        0,
        "the coordinator was stopped",
    )
    bench.steps = [well]
    async with at_work(bench.worker()):
        await bench.until(none_left)


async def test_a_job_that_is_dropped_is_broken_off(bench: Bench) -> None:
    stopped = asyncio.Event()

    async def works(_: Job) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            stopped.set()

    bench.steps = [works]
    await bench.order("a")
    async with at_work(bench.worker()):
        await bench.changed.wait()
        (job,) = await bench.records.all()
        await bench.records.drop(job.id)
        async with asyncio.timeout(60):
            await stopped.wait()
    assert await bench.records.all() == []


async def test_a_cut_connection_breaks_the_job_off_and_it_is_done_again(
    bench: Bench, database: Database
) -> None:
    """As after a restart of Postgres: whoever else takes the job then must not have it twice."""
    stopped = asyncio.Event()

    async def works(_: Job) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            stopped.set()

    bench.steps = [works, well]
    await bench.order("a")
    async with at_work(bench.worker()):
        await bench.changed.wait()
        await database.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_locks"
            " WHERE locktype = 'advisory' AND classid = 1785684595 AND pid <> pg_backend_pid()"
        )
        async with asyncio.timeout(60):
            await stopped.wait()
        (job,) = await bench.until(put_back)
        assert (job.state, job.tries) == (JobState.WAITING, 0)
        await bench.records.retry(job.id)  # it rests a while
        await bench.until(none_left)


async def test_a_job_that_takes_its_process_down_is_given_up_in_the_end(
    bench: Bench, database: Database
) -> None:
    bench.steps = [well]
    await bench.order("a")
    for _ in range(3):
        async with bench.records.taken(["extract"]) as taken:
            assert taken is not None  # and the process is killed
    async with at_work(bench.worker()):
        (job,) = await bench.until(parked)
    assert bench.done == []
    assert "ended each time" in job.reason


async def test_two_workers_on_one_database_do_each_job_once(bench: Bench, dsn: str) -> None:
    other_database = await Database.connect(dsn, timeout=TIMEOUT)
    other = Bench(other_database)
    both: list[str] = []

    async def note(job: Job) -> None:
        both.append(job.subject)
        await asyncio.sleep(0)

    bench.steps, other.steps = [note], [note]
    subjects = [str(number) for number in range(40)]
    await bench.order(*subjects)
    async with at_work(bench.worker()), at_work(other.worker()):
        await bench.until(none_left)
    assert sorted(both, key=int) == subjects
    await other_database.close()


async def test_jobs_of_a_kind_that_this_version_does_not_know_are_left_alone(
    bench: Bench,
) -> None:
    bench.steps = [well]
    worker = bench.worker()
    await bench.order("a", kind="fold")
    await bench.order("b")
    async with at_work(worker):
        await bench.until(lambda jobs: [job.subject for job in jobs] == ["a"])
    words = (await Jobs(bench.records, worker).counts()).words
    assert words == "this version does not know them: 1 fold job waits"


async def test_parked_jobs_are_told_with_what_to_do(bench: Bench) -> None:
    bench.steps = [raising(ModelReplyError("nonsense"))]
    await bench.order("a")
    worker = bench.worker()
    async with at_work(worker):
        await bench.until(parked)
    health = await Jobs(bench.records, worker).health()
    assert (health.ok, health.detail, health.needed) == (False, "1 parked", False)
    assert "hybrid-coordinator jobs retry --all" in health.remedy


async def test_the_worker_goes_on_when_the_record_is_back(
    bench: Bench, database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    bench.steps = [well]
    await database.execute("ALTER TABLE jobs RENAME TO away")
    async with at_work(bench.worker()):
        async with asyncio.timeout(60):
            while "cannot be worked on now" not in caplog.text:
                await asyncio.sleep(0.005)
        await database.execute("ALTER TABLE away RENAME TO jobs")
        await bench.order("a")
        await bench.until(none_left)
