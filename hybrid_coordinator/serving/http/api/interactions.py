"""Interactions: the list, what it can be filtered by, and one of them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import AfterValidator, Field
from starlette.routing import BaseRoute

from hybrid_coordinator.domain.insights import (
    InteractionFilter,
    InteractionOrder,
    InteractionSort,
    OutcomeFilter,
    PageRequest,
)
from hybrid_coordinator.domain.interactions import AgentType, Outcome, OutcomeKind
from hybrid_coordinator.serving.http.api.figures import OfProject
from hybrid_coordinator.serving.http.requests import Asked, get, post
from hybrid_coordinator.serving.mcp.arguments import AnyText, Arguments, Name

_FEEDBACK = {"success": 1, "partial": 0, "failure": -1, "unknown": 0}
"""Who judges here is the user, so the outcome is their feedback too."""


def _in_utc(moment: dt.datetime) -> dt.datetime:
    return moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC)


Moment = Annotated[dt.datetime, AfterValidator(_in_utc)]
"""ISO 8601; a day is its beginning, and what names no zone is in UTC."""


class ListQuery(OfProject):
    """``text`` stands in what was asked or answered; ``since`` is inclusive, ``until`` is not."""

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
    page: int = Field(1, le=100_000)
    size: int = 50


class Verdict(Arguments):
    """How it went, as a person states it; ``evidence`` says what showed it."""

    outcome: Literal["success", "partial", "failure", "unknown"]
    evidence: AnyText | None = None


def routes() -> Sequence[BaseRoute]:
    """Reading, and stating an outcome."""
    return [
        get("/api/interactions", _page),
        get("/api/interactions/{id}", _one),
        post("/api/interactions/{id}/outcome", _judge),
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


async def _judge(asked: Asked) -> object:
    """State how one went; answers with what that makes it worth. What is stated replaces what was
    inferred, and every figure follows."""
    verdict = await asked.body(Verdict)
    coordinator = await asked.coordinator()
    await coordinator.check_seen(asked.identity, asked.path("id"))
    outcome = Outcome(OutcomeKind(verdict.outcome), _FEEDBACK[verdict.outcome], verdict.evidence)
    return await coordinator.update_outcome(asked.path("id"), outcome)


async def _facets(asked: Asked) -> object:
    project = asked.project(asked.query(OfProject).project)
    coordinator = await asked.coordinator()
    found = await coordinator.insights.facets(project)
    return {"models": found.models, "task_types": found.task_types}
