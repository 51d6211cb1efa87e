"""Whether the coordinator lives, and whether its engines are ready: for supervisors and probes."""

from __future__ import annotations

from collections.abc import Sequence

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from hybrid_coordinator.serving.http.site import Site


def routes() -> Sequence[BaseRoute]:
    """They tell nothing but yes or no, so nobody is asked who they are."""
    return [Route("/healthz", _alive), Route("/readyz", _ready)]


async def _alive(_: Request) -> Response:
    return PlainTextResponse("alive\n")


async def _ready(request: Request) -> Response:
    site: Site = request.app.state.site
    state = site.engines.state()
    if state == "up":
        return PlainTextResponse("ready\n")
    if state != "starting":
        site.engines.begin()  # nobody else may come to ask for them, while this says no
    # What keeps them down is for those who may read it: doctor says it.
    return PlainTextResponse(f"{state.partition(':')[0]}\n", 503)
