"""The dashboard: the page that a browser gets, and what belongs to it."""

from __future__ import annotations

from collections.abc import Sequence

from starlette.responses import HTMLResponse
from starlette.routing import BaseRoute

from hybrid_coordinator.serving.http.requests import Asked, get

_PAGE = """<!doctype html>
<html lang="en"><meta charset="utf-8"><title>Hybrid Coordinator</title>
<h1>Hybrid Coordinator</h1><p>The coordinator is running.</p></html>
"""


def routes() -> Sequence[BaseRoute]:
    """The pages."""
    return [get("/", _page)]


async def _page(_: Asked) -> HTMLResponse:
    return HTMLResponse(_PAGE)
