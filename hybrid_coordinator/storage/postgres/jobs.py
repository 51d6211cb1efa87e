"""The queue of jobs: ordered in the transaction of what causes them, taken by one at a time."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

from hybrid_coordinator.domain.jobs import Job, JobChanges, JobReport, JobState
from hybrid_coordinator.errors import NotFoundError
from hybrid_coordinator.storage.postgres.database import Database, Row, Session
from hybrid_coordinator.storage.postgres.queries import load_queries

_MOST_LISTED = 1000


@dataclass(frozen=True, slots=True)
class _Queries:
    change: str
    claim: str
    unlock: str
    still_ours: str
    finish: str
    fail: str
    give_back: str
    due: str
    all: str
    project_of: str
    counts: str
    open: str
    retry: str
    drop: str
    alone: str


class JobRecords:
    """Jobs that are not done. What is said of a taken one counts only while nobody else has taken
    it since."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._queries = load_queries("jobs", _Queries)

    async def apply(self, changes: JobChanges, session: Session) -> None:
        """Withdraw jobs and order others, within the transaction of ``session``."""
        await session.execute(self._queries.change, *change_rows(changes))

    async def order(self, changes: JobChanges) -> None:
        """As ``apply``, in a transaction of its own. Durable when it returns."""
        async with self._database.transaction() as session:
            await self.apply(changes, session)

    @asynccontextmanager
    async def taken(self, kinds: Sequence[str]) -> AsyncIterator[tuple[Job, Session] | None]:
        """The next job of these kinds that is due, None where there is none; nobody else can take
        it until the end of the block. It is held by the connection of the session that comes with
        it: when that is cut, it is lost."""
        async with self._database.session() as session:
            try:
                async with session.transaction():
                    rows = await session.fetch(self._queries.claim, list(kinds))
                yield (_job(rows[0]), session) if rows else None
            finally:
                await session.let_go(self._queries.unlock)

    async def still_ours(self, job: Job, session: Session) -> bool:
        """Whether the job is there and nobody else has taken it. Asked over the connection that
        holds it, whose loss raises."""
        ours: bool = await session.fetch_value(self._queries.still_ours, job.id, job.claim)
        return ours

    async def finish(self, job: Job) -> None:
        """It is done."""
        await self._say(self._queries.finish, job.id, job.claim, job.asked)

    async def fail(self, job: Job, reason: str, *, rest: float, park: bool) -> None:
        """It failed; try again after ``rest`` seconds, or give it up."""
        await self._say(self._queries.fail, job.id, job.claim, park, reason, rest)

    async def give_back(self, job: Job, reason: str, *, rest: float = 0.0) -> None:
        """It could not be tried; not for ``rest`` seconds at least."""
        await self._say(self._queries.give_back, job.id, job.claim, reason, rest)

    async def _say(self, sql: str, *args: object) -> None:
        # In a transaction of ours, which waits for others in whatever isolation they work.
        async with self._database.transaction() as session:
            await session.execute(sql, *args)

    async def due(self, kinds: Sequence[str]) -> bool:
        """Whether a job of these kinds may be there to take."""
        due: bool = await self._database.fetch_value(self._queries.due, list(kinds))
        return due

    async def all(self, project: str | None = None) -> list[JobReport]:
        """The jobs that are not done, oldest first; 1,000 at most."""
        rows = await self._database.fetch(self._queries.all, project, _MOST_LISTED)
        return [
            JobReport(
                id=row["id"],
                kind=row["kind"],
                subject=row["subject"],
                project=row["project"],
                state=JobState(row["state"]),
                tries=row["tries"],
                reason=row["reason"],
                created_at=row["created_at"],
            )
            for row in rows
        ]

    async def project_of(self, job_id: int) -> str:
        """The project that a job is about.

        Raises:
            NotFoundError: there is no such job.
        """
        rows = await self._database.fetch(self._queries.project_of, job_id)
        if not rows:
            raise _unknown(job_id)
        return str(rows[0]["project"])

    async def counts(self, project: str | None = None) -> dict[tuple[str, JobState], int]:
        """How many jobs there are of each kind and state."""
        rows = await self._database.fetch(self._queries.counts, project)
        return {(row["kind"], JobState(row["state"])): row["count"] for row in rows}

    async def open(self, subject: str) -> tuple[str, ...]:
        """The kinds of the jobs about a subject that wait or run."""
        rows = await self._database.fetch(self._queries.open, subject)
        return tuple(row["kind"] for row in rows)

    @asynccontextmanager
    async def alone(self, name: str) -> AsyncIterator[None]:
        """Wait until nobody else is in a block of this name, in whatever process; for short work
        that reads, decides and writes."""
        async with self._database.transaction() as session:
            await session.fetch(self._queries.alone, name)
            yield

    async def retry(self, job_id: int | None) -> int:
        """Have a job, or all of them (None), tried at once and as often as a new one; returns how
        many there were.

        Raises:
            NotFoundError: there is no such job.
        """
        rows = await self._database.fetch(self._queries.retry, job_id)
        if job_id is not None and not rows:
            raise _unknown(job_id)
        return len(rows)

    async def drop(self, job_id: int) -> None:
        """Have a job not done.

        Raises:
            NotFoundError: there is no such job.
        """
        if not await self._database.fetch(self._queries.drop, job_id):
            raise _unknown(job_id)


def change_rows(changes: JobChanges) -> tuple[list[dict[str, str]], list[dict[str, object]]]:
    """What is withdrawn and what is ordered, as ``change_jobs`` of the schema takes them."""
    withdrawn = [{"kind": kind, "subject": subject} for kind, subject in changes.withdrawn]
    # The last order of a job counts: one statement cannot change a row twice.
    ordered = {(new.kind, new.subject): new for new in changes.ordered}
    return withdrawn, [
        {
            "kind": new.kind,
            "subject": new.subject,
            "project": new.project,
            "payload": dict(new.payload),
            "worth": new.worth,
            "most": new.most,
        }
        for new in ordered.values()
    ]


def _unknown(job_id: int) -> NotFoundError:
    return NotFoundError(f"there is no job {job_id}; `hybrid-coordinator jobs` lists them")


def _job(row: Row) -> Job:
    return Job(
        id=row["id"],
        kind=row["kind"],
        subject=row["subject"],
        project=row["project"],
        payload=row["payload"],
        tries=row["tries"],
        claim=row["claim"],
        asked=row["asked"],
    )
