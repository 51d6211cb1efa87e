"""The ASGI application: every area's routes behind one guard."""

from __future__ import annotations

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp

from hybrid_coordinator.serving.http import dashboard, events, health, login, metrics
from hybrid_coordinator.serving.http.agents import Agents
from hybrid_coordinator.serving.http.api import (
    datasets,
    figures,
    interactions,
    knowledge,
    learning,
    models,
)
from hybrid_coordinator.serving.http.guard import Guard
from hybrid_coordinator.serving.http.refusals import refusal
from hybrid_coordinator.serving.http.site import Site

_AREAS = (
    health.routes,
    login.routes,
    events.routes,
    metrics.routes,
    figures.routes,
    learning.routes,
    knowledge.routes,
    interactions.routes,
    models.routes,
    datasets.routes,
    dashboard.routes,
)
"""The dashboard comes last: its pages answer for every path that is left."""


def build_app(site: Site) -> ASGIApp:
    """What a listener serves."""
    agents = Agents(site)
    app = Starlette(
        routes=[agents.route, *(route for area in _AREAS for route in area())],
        lifespan=agents.lifespan,
        exception_handlers={HTTPException: _no_such_route, Exception: _fault},
    )
    app.router.redirect_slashes = False  # it would send browsers to whatever Host they name
    app.state.site = site
    app.state.works = set()
    return Guard(app, site)


async def _no_such_route(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    headers = dict(error.headers or {})
    if error.status_code == 405:
        words = f"{request.method} is not for this path; allowed: {headers.get('Allow', '')}"
    else:
        words = f"there is no {request.url.path}"
    return refusal(error.status_code, words, None, headers)


async def _fault(_: Request, error: Exception) -> Response:
    """A fault of ours; uvicorn logs it."""
    kind = type(error).__name__
    return refusal(500, f"failed inside the coordinator ({kind}); its log has the details")
