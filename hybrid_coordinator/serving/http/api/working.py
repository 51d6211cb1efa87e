"""Actions that take a while: their progress as lines of JSON, and their result as the last one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

from starlette.responses import StreamingResponse

from hybrid_coordinator.errors import HybridError
from hybrid_coordinator.serving.http.refusals import refused
from hybrid_coordinator.serving.http.requests import Asked, rendered

Progress = Callable[[float, float | None, str], Awaitable[None]]
"""As the coordinator tells it: (done, total or None, a few words)."""

Work = Callable[[Progress], Awaitable[object]]


def worked(asked: Asked, work: Work) -> StreamingResponse:
    """Do ``work``, and tell of it: lines ``{"done", "total", "words"}``, then ``{"result"}`` or
    ``{"error"}`` as in any answer. A client that goes away does not stop it."""
    lines: asyncio.Queue[bytes | None] = asyncio.Queue()

    async def told(done: float, total: float | None, words: str) -> None:
        lines.put_nowait(bytes(rendered({"done": done, "total": total, "words": words}).body))

    async def run() -> None:
        try:
            lines.put_nowait(bytes(rendered({"result": await work(told)}).body))
        except HybridError as error:
            lines.put_nowait(bytes(refused(error).body))
        finally:
            lines.put_nowait(None)

    # The loop alone would not keep it from being collected.
    works: set[asyncio.Task[None]] = asked.request.app.state.works
    task = asyncio.create_task(run())
    works.add(task)
    task.add_done_callback(works.discard)
    return StreamingResponse(
        _sent(lines),
        media_type="application/x-ndjson",
        headers={"cache-control": "no-store", "x-content-type-options": "nosniff"},
    )


async def _sent(lines: asyncio.Queue[bytes | None]) -> AsyncIterator[bytes]:
    while (line := await lines.get()) is not None:
        yield line + b"\n"
