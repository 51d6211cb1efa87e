"""The body of a request, whole before anybody looks at it: bounded in size and in time."""

from __future__ import annotations

import asyncio

from starlette.requests import Request
from starlette.types import Message, Receive

from hybrid_coordinator.serving.http.refusals import RefusedError

MAX_BODY_BYTES = 8 * 1024 * 1024
"""Two texts of a million characters, as a tool takes them; it then says which field is too long."""


async def whole_body(request: Request, receive: Receive, seconds: float, most: int) -> Receive:
    """What gives the body of ``request``, at most ``most`` bytes, in one piece, once it is there,
    and then what ``receive`` gives.

    Raises:
        RefusedError: it is too large, or does not come.
    """
    declared = request.headers.get("content-length", "0")
    if declared.isdecimal() and int(declared) > most:
        raise _too_large(most)
    body = bytearray()
    try:
        async with asyncio.timeout(seconds):
            while True:
                message = await receive()
                if message["type"] != "http.request":
                    break  # the client is gone; whoever reads on is told so
                body += message.get("body", b"")
                if len(body) > most:
                    raise _too_large(most)
                if not message.get("more_body", False):
                    break
    except TimeoutError as error:
        words = f"the body did not come within {seconds:g} s"
        raise RefusedError(408, words, close=True) from error
    first: Message | None = {"type": "http.request", "body": bytes(body), "more_body": False}

    async def replay() -> Message:
        nonlocal first
        if first is None:
            return await receive()
        given, first = first, None
        return given

    return replay


def _too_large(most: int) -> RefusedError:
    return RefusedError(413, f"the body is over {most:,} bytes", close=True)
