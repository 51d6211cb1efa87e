"""Requests of the command line on jobs: list them, retry or drop one."""

from __future__ import annotations

import mcp_types as types
from pydantic import Field

from hybrid_coordinator.composition import Engines
from hybrid_coordinator.serving.mcp import results
from hybrid_coordinator.serving.mcp.requests import Context, Handler, Json

_LARGEST = 2**31 - 1


class JobsParams(types.RequestParams):
    project: str | None = None


class RetryJobsParams(types.RequestParams):
    """Without an id, every job that is parked or rests."""

    id: int | None = Field(None, ge=1, le=_LARGEST)


class DropJobParams(types.RequestParams):
    id: int = Field(ge=1, le=_LARGEST)


def job_methods(engines: Engines) -> tuple[tuple[Handler, type[types.RequestParams]], ...]:
    """The handlers, with what they take."""

    async def jobs(_: Context, params: JobsParams) -> Json:
        coordinator = await engines.get()
        rows = await coordinator.learning.jobs.all(params.project)
        counts = await coordinator.learning.jobs.counts(params.project)
        return {"jobs": [results.plain(row) for row in rows], "words": counts.words}

    async def retry_jobs(_: Context, params: RetryJobsParams) -> Json:
        coordinator = await engines.get()
        return {"retried": await coordinator.learning.jobs.retry(params.id)}

    async def drop_job(_: Context, params: DropJobParams) -> Json:
        coordinator = await engines.get()
        await coordinator.learning.jobs.drop(params.id)
        return {}

    return ((jobs, JobsParams), (retry_jobs, RetryJobsParams), (drop_job, DropJobParams))
