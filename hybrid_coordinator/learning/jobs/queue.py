"""The queue of jobs as a person sees and handles it."""

from __future__ import annotations

from hybrid_coordinator.domain.health import PartHealth
from hybrid_coordinator.domain.jobs import JobCounts, JobReport, JobState
from hybrid_coordinator.learning.jobs.worker import JobWorker
from hybrid_coordinator.storage.postgres.jobs import JobRecords

_COMMAND = "hybrid-coordinator jobs"


class Jobs:
    """What waits, runs or is parked, and why."""

    def __init__(self, records: JobRecords, worker: JobWorker) -> None:
        self._records = records
        self._worker = worker

    async def all(self, project: str | None = None) -> list[JobReport]:
        """The jobs that are not done, oldest first; 1,000 at most."""
        return await self._records.all(project)

    async def project_of(self, job_id: int) -> str:
        """The project that a job is about.

        Raises:
            NotFoundError: there is no such job.
        """
        return await self._records.project_of(job_id)

    async def counts(self, project: str | None = None) -> JobCounts:
        """How many there are, and why they wait."""
        counts = await self._records.counts(project)

        def of(state: JobState) -> int:
            return sum(count for (_, each), count in counts.items() if each is state)

        waiting = {kind: n for (kind, state), n in counts.items() if state is JobState.WAITING}
        parts = [self._waits(kind, count) for kind, count in waiting.items()]
        others = (JobState.RUNNING, JobState.PARKED)
        parts += [f"{of(state)} {state}" for state in others if of(state)]
        return JobCounts(
            waiting=of(JobState.WAITING),
            running=of(JobState.RUNNING),
            parked=of(JobState.PARKED),
            words="; ".join(parts) or "none waits",
        )

    async def retry(self, job_id: int | None) -> int:
        """Have a parked or resting job, or all of them (None), tried now; returns how many.

        Raises:
            NotFoundError: there is no such job.
        """
        count = await self._records.retry(job_id)
        self._worker.wake()
        return count

    async def drop(self, job_id: int) -> None:
        """Have a job not done.

        Raises:
            NotFoundError: there is no such job.
        """
        await self._records.drop(job_id)

    async def health(self) -> PartHealth:
        """The line of `doctor`."""
        counts = await self.counts()
        remedy = f"{_COMMAND} shows why; then {_COMMAND} retry --all, or {_COMMAND} drop ID"
        return PartHealth("jobs", not counts.parked, counts.words, remedy, needed=False)

    def _waits(self, kind: str, count: int) -> str:
        """As "no local model answers: 3 patterns wait"."""
        noun, obstacle = self._worker.noun(kind), self._worker.obstacle(kind)
        if noun is None:
            noun, obstacle = f"{kind} job", "this version does not know them"
        many = f"1 {noun} waits" if count == 1 else f"{count} {noun}s wait"
        turn = self._worker.turn(kind)
        if count > 1 and turn:
            many += f" ({turn})"
        return f"{obstacle}: {many}" if obstacle else many
