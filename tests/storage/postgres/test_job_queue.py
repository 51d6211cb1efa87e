"""The queue of jobs: one taker at a time, whatever dies, whatever the clock says."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from dataclasses import replace
from typing import Any

import asyncpg
import pytest

from hybrid_coordinator.domain.jobs import Job, JobChanges, JobOrder, JobState
from hybrid_coordinator.errors import InvalidArgumentError, NotFoundError, RecordUnavailableError
from hybrid_coordinator.storage.postgres.database import Database
from hybrid_coordinator.storage.postgres.jobs import JobRecords
from tests.support.postgres import TIMEOUT

KIND = "extract"


@pytest.fixture
def queue(database: Database) -> JobRecords:
    return JobRecords(database)


def order(subject: str, kind: str = KIND, project: str = "app", **payload: Any) -> JobChanges:
    return JobChanges((JobOrder(kind, subject, project, payload),))


async def take(queue: JobRecords, *kinds: str) -> Job | None:
    """Take a job and let go of it again, as a process does that is killed."""
    async with queue.taken(kinds or (KIND,)) as taken:
        return None if taken is None else taken[0]


async def listed(queue: JobRecords) -> list[tuple[str, str, int, str]]:
    return [(job.subject, job.state, job.tries, job.reason) for job in await queue.all()]


async def test_the_newest_job_is_taken_first_with_what_it_was_given(queue: JobRecords) -> None:
    await queue.order(order("b"))
    await queue.order(order("a", depth=3))
    await queue.order(order("c", kind="other"))
    async with queue.taken([KIND]) as first, queue.taken([KIND]) as second:
        assert first is not None
        assert second is not None
        assert (first[0].subject, first[0].payload, first[0].tries) == ("a", {"depth": 3}, 1)
        assert second[0].subject == "b"
        async with queue.taken([KIND]) as third:
            assert third is None
        states = [(job.subject, job.state) for job in await queue.all()]
        assert states == [
            ("b", JobState.RUNNING),
            ("a", JobState.RUNNING),
            ("c", JobState.WAITING),
        ]
        assert await queue.counts("app") == {
            (KIND, JobState.RUNNING): 2,
            ("other", JobState.WAITING): 1,
        }
        await queue.finish(first[0])
    assert await listed(queue) == [("b", "waiting", 1, ""), ("c", "waiting", 0, "")]


async def test_a_job_whose_taking_is_cancelled_anywhere_is_left_to_others(
    queue: JobRecords, dsn: str
) -> None:
    await queue.order(order("a"))
    others = await Database.connect(dsn, timeout=TIMEOUT)
    for steps in range(80):
        task = asyncio.create_task(take(queue))
        for _ in range(steps):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        async with asyncio.timeout(30):  # the server has to see that a connection was closed
            while await take(JobRecords(others)) is None:
                pass
    await others.close()


async def test_no_more_than_so_many_of_a_project_wait_and_they_are_worth_most(
    queue: JobRecords, database: Database
) -> None:
    async def wants(subject: str, worth: float, kind: str = KIND, project: str = "app") -> None:
        await queue.order(JobChanges((JobOrder(kind, subject, project, worth=worth, most=2),)))

    await wants("begun", 0.1)
    await take(queue)
    await wants("begun", 0.1)  # which starts it afresh, while it is worked on
    for subject, worth in (("good", 0.8), ("least", 0.7), ("best", 0.9), ("less", 0.75)):
        await wants(subject, worth)
    await wants("elsewhere", 0.1, project="other")
    await wants("different", 0.1, kind="other")
    await queue.order(order("unbounded"))
    assert {each.subject for each in await queue.all()} == {
        "begun",
        "good",
        "best",
        "elsewhere",
        "different",
        "unbounded",
    }
    await database.execute("UPDATE jobs SET parked = true WHERE subject = 'good'")
    await wants("new", 0.8)
    assert {each.subject for each in await queue.all("app")} == {
        "begun",
        "good",
        "best",
        "different",
        "unbounded",
    }


async def test_what_another_has_hold_of_holds_up_no_order(
    queue: JobRecords, database: Database
) -> None:
    least = JobOrder(KIND, "least", "app", worth=0.1, most=1)
    await queue.order(JobChanges((least,)))
    async with database.transaction() as other:
        await other.execute("SELECT FROM jobs FOR UPDATE")
        async with asyncio.timeout(30):
            await queue.order(JobChanges((replace(least, subject="best", worth=0.9),)))
    assert [each.subject for each in await queue.all()] == ["least", "best"]
    await queue.order(JobChanges((replace(least, subject="better", worth=0.5),)))
    assert [each.subject for each in await queue.all()] == ["best"]


async def test_what_is_worth_more_is_taken_first(queue: JobRecords) -> None:
    for subject, worth in (("middle", 0.8), ("best", 0.9), ("least", 0.7), ("least", 0.71)):
        await queue.order(JobChanges((JobOrder(KIND, subject, "app", worth=worth),)))
    await queue.order(order("fresh"))
    taken = []
    for _ in range(4):
        async with queue.taken([KIND]) as found:
            assert found is not None
            taken.append(found[0].subject)
            await queue.finish(found[0])
    assert taken == ["fresh", "best", "middle", "least"]


async def test_what_was_ordered_once_and_again_is_one_job(queue: JobRecords) -> None:
    await queue.order(order("a", n=1))
    await queue.order(order("a", n=2))
    job = await take(queue)
    assert job is not None
    assert job.payload == {"n": 2}
    await queue.finish(job)
    assert await take(queue) is None


async def test_ordered_again_while_it_runs_it_is_done_once_more(queue: JobRecords) -> None:
    await queue.order(order("a"))
    async with queue.taken([KIND]) as taken:
        assert taken is not None
        await queue.order(order("a"))
        await queue.finish(taken[0])
    again = await take(queue)
    assert again is not None
    await queue.finish(again)
    assert await queue.all() == []


async def test_the_order_commits_with_its_cause_or_not_at_all(
    queue: JobRecords, database: Database
) -> None:
    class UndoneError(Exception):
        pass

    with pytest.raises(UndoneError):
        async with database.transaction() as session:
            await queue.apply(order("a"), session)
            raise UndoneError
    assert await queue.all() == []
    async with database.transaction() as session:
        await queue.apply(order("a"), session)
    assert len(await queue.all()) == 1
    await queue.order(JobChanges(withdrawn=((KIND, "a"), (KIND, "unknown"))))
    assert await queue.all() == []


async def test_a_lock_goes_with_the_connection_of_who_dies(
    queue: JobRecords, database: Database, dsn: str
) -> None:
    await queue.order(order("a"))
    other = await asyncpg.connect(dsn)
    (held,) = await other.fetch("SELECT * FROM claim_job($1)", [KIND])
    assert held["subject"] == "a"
    assert await take(queue) is None
    assert (await queue.all())[0].state is JobState.RUNNING
    other.terminate()
    async with asyncio.timeout(30):
        while (job := await take(queue)) is None:  # the server sees the end of it in its own time
            await asyncio.sleep(0)
    assert (job.subject, job.tries) == ("a", 2)


async def test_many_takers_take_every_job_once(queue: JobRecords, dsn: str) -> None:
    async with AsyncExitStack() as stack:
        others = []
        for _ in range(3):
            database = await Database.connect(dsn, timeout=TIMEOUT)
            stack.push_async_callback(database.close)
            others.append(JobRecords(database))
        for number in range(60):
            await queue.order(order(str(number)))
        done: list[str] = []

        async def work(records: JobRecords) -> None:
            while True:
                async with records.taken([KIND]) as taken:
                    if taken is None:
                        return
                    done.append(taken[0].subject)
                    await records.finish(taken[0])

        await asyncio.gather(*(work(records) for records in (*others, *others)))
    assert sorted(done, key=int) == [str(number) for number in range(60)]
    assert await queue.all() == []


async def test_who_lost_a_job_says_nothing_of_it_any_more(queue: JobRecords) -> None:
    await queue.order(order("a"))
    lost = await take(queue)
    async with queue.taken([KIND]) as taken:
        assert lost is not None
        assert taken is not None
        job, session = taken
        assert await queue.still_ours(job, session)
        assert not await queue.still_ours(lost, session)
        await queue.finish(lost)
        await queue.fail(lost, "late", rest=9.0, park=True)
        await queue.give_back(lost, "late")
        assert await listed(queue) == [("a", "running", 2, "")]


async def test_a_failed_job_rests_and_one_that_was_given_back_was_not_tried(
    queue: JobRecords, database: Database
) -> None:
    await queue.order(order("a"))
    job = await take(queue)
    assert job is not None
    await queue.fail(job, "no luck", rest=60, park=False)
    assert await take(queue) is None
    assert not await queue.due([KIND])
    assert await listed(queue) == [("a", "waiting", 1, "no luck")]
    await database.execute("UPDATE jobs SET tried_at = tried_at - interval '61 seconds'")
    assert await queue.due([KIND])
    again = await take(queue)
    assert again is not None
    assert again.tries == 2
    await queue.give_back(again, "no model", rest=60)
    assert await listed(queue) == [("a", "waiting", 1, "no model")]
    assert await take(queue) is None


@pytest.mark.parametrize("back", ["1 minute", "3 days", "20 years"])
async def test_a_clock_that_goes_back_strands_no_job_and_doubles_none(
    queue: JobRecords, database: Database, back: str
) -> None:
    """Every time in the record is then ahead of the clock."""
    await queue.order(order("rests"))
    await queue.order(order("runs"))
    async with queue.taken([KIND]) as first:
        assert first is not None
        second = await take(queue)
        assert second is not None
        await queue.fail(second, "no luck", rest=600, park=False)
        await database.execute(
            "UPDATE jobs SET tried_at = tried_at + $1::text::interval,"
            " created_at = created_at + $1::text::interval",
            back,
        )
        resting = await take(queue)
        assert resting is not None
        assert resting.subject == "rests"
        await queue.finish(resting)
        assert await take(queue) is None, "the one that runs is not taken again"
        await queue.finish(first[0])
    assert await queue.all() == []


async def test_a_clock_that_leaps_ahead_takes_no_running_job_away(
    queue: JobRecords, database: Database
) -> None:
    await queue.order(order("a"))
    async with queue.taken([KIND]) as taken:
        assert taken is not None
        await database.execute("UPDATE jobs SET tried_at = tried_at - interval '10 years'")
        assert await take(queue) is None
        await queue.finish(taken[0])
    assert await queue.all() == []


async def test_a_parked_job_is_left_alone_until_it_is_retried_or_dropped(
    queue: JobRecords,
) -> None:
    for subject in ("a", "b"):
        await queue.order(order(subject))
        job = await take(queue)
        assert job is not None
        await queue.fail(job, "nonsense", rest=0, park=True)
    await queue.order(order("c"))
    assert await queue.counts() == {(KIND, JobState.PARKED): 2, (KIND, JobState.WAITING): 1}
    assert await queue.open("a") == ()
    assert await queue.open("c") == (KIND,)
    (a, b, c) = await queue.all()
    assert await queue.retry(a.id) == 1
    assert await queue.retry(None) == 1, "b alone: a and c wait for their first try"
    assert await listed(queue) == [(each, "waiting", 0, "") for each in "abc"]
    for job_id in (a.id, b.id, c.id):
        await queue.drop(job_id)
    for refused in (queue.drop(a.id), queue.retry(a.id)):
        with pytest.raises(NotFoundError, match="hybrid-coordinator jobs"):
            await refused


async def test_a_parked_job_that_is_ordered_anew_is_tried_anew(queue: JobRecords) -> None:
    await queue.order(order("a"))
    job = await take(queue)
    assert job is not None
    await queue.fail(job, "nonsense", rest=0, park=True)
    await queue.order(order("a"))
    assert await listed(queue) == [("a", "waiting", 0, "")]


async def test_takers_agree_where_the_database_isolates_otherwise(
    queue: JobRecords, database: Database, dsn: str
) -> None:
    name = await database.fetch_value("SELECT current_database()")
    await database.execute(
        f"ALTER DATABASE {name} SET default_transaction_isolation = 'serializable'"
    )
    strict = await Database.connect(dsn, timeout=TIMEOUT)
    records = JobRecords(strict)
    for number in range(12):
        await queue.order(order(str(number)))
    done: list[str] = []

    async def work() -> None:
        while True:
            async with records.taken([KIND]) as taken:
                if taken is None:
                    return
                done.append(taken[0].subject)
                await records.finish(taken[0])

    await asyncio.gather(*(work() for _ in range(3)))
    assert await records.all() == []
    await strict.close()
    assert sorted(done, key=int) == [str(number) for number in range(12)]


async def test_a_cut_connection_is_noticed_by_who_holds_a_job(
    queue: JobRecords, database: Database
) -> None:
    await queue.order(order("a"))
    async with queue.taken([KIND]) as taken:
        assert taken is not None
        job, session = taken
        pid = await session.fetch_value("SELECT pg_backend_pid()")
        await database.execute("SELECT pg_terminate_backend($1)", pid)
        with pytest.raises(RecordUnavailableError):
            await queue.still_ours(job, session)
    assert await take(queue) is not None


async def test_a_connection_that_cannot_unlock_is_cut(queue: JobRecords, dsn: str) -> None:
    await queue.order(order("a"))
    with pytest.raises(InvalidArgumentError):
        async with queue.taken([KIND]) as taken:
            assert taken is not None
            await taken[1].execute("BEGIN")
            await taken[1].execute("SELECT 1 / 0")
    elsewhere = await Database.connect(dsn, timeout=TIMEOUT)
    async with asyncio.timeout(30):
        while await take(JobRecords(elsewhere)) is None:
            await asyncio.sleep(0)
    await elsewhere.close()


async def test_who_is_alone_lets_the_next_one_in_when_done(queue: JobRecords) -> None:
    inside: list[int] = []
    most = 0

    async def enter(number: int) -> None:
        nonlocal most
        async with queue.alone("patterns"):
            inside.append(number)
            most = max(most, len(inside))
            await asyncio.sleep(0)
            inside.remove(number)

    await asyncio.gather(*(enter(number) for number in range(6)))
    assert most == 1
    async with queue.alone("one"), queue.alone("another"):
        pass
