"""Requests of the command line on usage: its log, and what it would come to."""

from __future__ import annotations

from datetime import UTC, datetime

import mcp_types as types
from pydantic import Field

from hybrid_coordinator.composition import Engines
from hybrid_coordinator.domain.saving import AssumedUsage
from hybrid_coordinator.domain.usage import LogPlace
from hybrid_coordinator.serving.mcp import results
from hybrid_coordinator.serving.mcp.requests import Context, Handler, Json

MAX_DAYS = 3660


class SimulateParams(types.RequestParams):
    """Usage as it is assumed; what is not given is taken from the record. As all of the protocol,
    its names are in camel case on the wire."""

    requests_per_day: float | None = Field(None, ge=0)
    tokens_in: float | None = Field(None, ge=0)
    tokens_out: float | None = Field(None, ge=0)
    local_share: float | None = Field(None, ge=0, le=1)
    model: str | None = None
    project: str | None = None
    days: int = Field(30, ge=1, le=MAX_DAYS)


class UsageLogParams(types.RequestParams):
    """``after`` is as the page before gave it, ``since`` where the first one begins."""

    project: str | None = None
    since: datetime = datetime(1970, 1, 1, tzinfo=UTC)
    after: tuple[datetime, int] | None = None


def usage_methods(engines: Engines) -> tuple[tuple[Handler, type[types.RequestParams]], ...]:
    """The handlers, with what they take."""

    async def simulate(_: Context, params: SimulateParams) -> Json:
        coordinator = await engines.get()
        given = AssumedUsage(
            requests_per_day=params.requests_per_day,
            tokens_in=params.tokens_in,
            tokens_out=params.tokens_out,
            local_share=params.local_share,
            model=params.model,
        )
        return results.plain(await coordinator.simulate(given, params.project, params.days))

    async def usage_log(_: Context, params: UsageLogParams) -> Json:
        coordinator = await engines.get()
        place = LogPlace(*(params.after or (params.since,)))
        rows, following = await coordinator.usage_log(params.project, place)
        return {
            "rows": [results.plain(row) for row in rows],
            "after": following and [following.created_at.isoformat(), following.id],
        }

    return ((simulate, SimulateParams), (usage_log, UsageLogParams))
