"""/api/events: tells a page what kinds of things have changed, as server-sent events."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing

from starlette.responses import StreamingResponse
from starlette.routing import BaseRoute

from hybrid_coordinator.coordinator import Coordinator
from hybrid_coordinator.serving.http.requests import Asked, get

_QUIET_SECONDS = 15.0
"""After so long without news a comment is sent: what stands between may close a silent one."""


def routes() -> Sequence[BaseRoute]:
    """What changed is told by kinds, and is the same for whoever may ask."""
    return [get("/api/events", _events)]


async def _events(asked: Asked) -> StreamingResponse:
    return StreamingResponse(
        _told(await asked.coordinator(), asked.site.closing),
        media_type="text/event-stream",
        headers={"cache-control": "no-store", "x-accel-buffering": "no"},
    )


async def _told(coordinator: Coordinator, closing: asyncio.Event) -> AsyncIterator[str]:
    """Events of the HTML standard, 9.2: ``changed``, with the kinds as JSON."""
    yield ": listening\n\n"
    async with aclosing(coordinator.insights.changes()) as changes:
        end = asyncio.ensure_future(closing.wait())
        news = asyncio.ensure_future(anext(changes))
        try:
            while not end.done():
                await asyncio.wait(
                    [news, end], timeout=_QUIET_SECONDS, return_when=asyncio.FIRST_COMPLETED
                )
                if news.done():
                    kinds = sorted(kind.value for kind in news.result())
                    yield f"event: changed\ndata: {json.dumps({'kinds': kinds})}\n\n"
                    news = asyncio.ensure_future(anext(changes))
                else:
                    yield ": quiet\n\n"
        finally:
            for each in (news, end):
                each.cancel()
            await asyncio.gather(news, end, return_exceptions=True)
