"""Overview and Routing: sums over the record, and how the parts are."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import Field
from starlette.routing import BaseRoute

from hybrid_coordinator.serving.http.requests import Asked, Query, get
from hybrid_coordinator.serving.mcp.arguments import Name
from hybrid_coordinator.serving.mcp.usage import MAX_DAYS

_WATCHING = "watching"


class OfProject(Query):
    """One project, or all of them."""

    project: Name | None = None


class Span(OfProject):
    """And the last so many days in UTC."""

    days: int = Field(30, ge=1, le=MAX_DAYS)


def routes() -> Sequence[BaseRoute]:
    """All of them read."""
    return [
        get("/api/overview", _overview),
        get("/api/uplift", _uplift),
        get("/api/routing", _routing),
        get("/api/health", _health),
        get("/api/projects", _projects),
    ]


async def _overview(asked: Asked) -> object:
    span = asked.query(Span)
    coordinator = await asked.coordinator()
    return await coordinator.insights.overview(asked.project(span.project), span.days)


async def _uplift(asked: Asked) -> object:
    """What showing lessons changed, over the latest interactions."""
    project = asked.project(asked.query(OfProject).project)
    coordinator = await asked.coordinator()
    return (await coordinator.insights.lessons(project)).uplift


async def _routing(asked: Asked) -> object:
    span = asked.query(Span)
    coordinator = await asked.coordinator()
    return await coordinator.insights.routing(asked.project(span.project), span.days)


async def _health(asked: Asked) -> object:
    coordinator = await asked.coordinator()
    parts = await coordinator.insights.health()
    if asked.identity.projects is not None:  # it names the directories of every project
        parts = [part for part in parts if part.name != _WATCHING]
    return {"parts": parts}


async def _projects(asked: Asked) -> object:
    """Those that may be looked at; ``all`` says whether they may be looked at together."""
    allowed = asked.identity.projects
    if allowed is not None:
        return {"projects": sorted(allowed), "all": len(allowed) == 1}
    coordinator = await asked.coordinator()
    return {"projects": (await coordinator.insights.facets()).projects, "all": True}
