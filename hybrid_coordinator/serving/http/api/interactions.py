"""Interactions: the list, what it can be filtered by, and one of them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Annotated

from pydantic import AfterValidator, Field
from starlette.routing import BaseRoute

from hybrid_coordinator.domain.insights import (
    InteractionFilter,
    InteractionOrder,
    InteractionSort,
    OutcomeFilter,
    PageRequest,
)
from hybrid_coordinator.domain.interactions import AgentType
from hybrid_coordinator.serving.http.requests import Asked, Query, get
from hybrid_coordinator.serving.mcp.arguments import Name


def _in_utc(moment: dt.datetime) -> dt.datetime:
    return moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC)


Moment = Annotated[dt.datetime, AfterValidator(_in_utc)]
"""ISO 8601; a day is its beginning, and what names no zone is in UTC."""


class ListQuery(Query):
    """``text`` stands in what was asked or answered; ``since`` is inclusive, ``until`` is not."""

    project: Name | None = None
    agent_type: AgentType | None = None
    outcome: OutcomeFilter | None = None
    model: Name | None = None
    task_type: Name | None = None
    min_value: float | None = Field(None, ge=0, le=1)
    text: Name | None = None
    since: Moment | None = None
    until: Moment | None = None
    session_id: Name | None = None
    sort: InteractionOrder = InteractionOrder.CREATED_AT
    descending: bool = True
    page: int = 1
    size: int = 50


class OfProject(Query):
    """One project, or all of them."""

    project: Name | None = None


def routes() -> Sequence[BaseRoute]:
    """All of them read."""
    return [
        get("/api/interactions", _page),
        get("/api/interactions/{id}", _one),
        get("/api/facets", _facets),
    ]


async def _page(asked: Asked) -> object:
    given = asked.query(ListQuery)
    chosen = InteractionFilter(
        project=asked.project(given.project),
        agent_type=given.agent_type,
        outcome=given.outcome,
        model=given.model,
        task_type=given.task_type,
        min_value=given.min_value,
        text=given.text,
        since=given.since,
        until=given.until,
        session_id=given.session_id,
        user=None if asked.identity.token_id is None else asked.identity.user,
    )
    coordinator = await asked.coordinator()
    return await coordinator.insights.interactions(
        chosen,
        InteractionSort(given.sort, given.descending),
        PageRequest(given.page, given.size),
    )


async def _one(asked: Asked) -> object:
    coordinator = await asked.coordinator()
    await coordinator.check_seen(asked.identity, asked.path("id"))
    return await coordinator.insights.interaction(asked.path("id"))


async def _facets(asked: Asked) -> object:
    project = asked.project(asked.query(OfProject).project)
    coordinator = await asked.coordinator()
    found = await coordinator.insights.facets(project)
    return {"models": found.models, "task_types": found.task_types}
