"""Dashboards that are open somewhere: each listens for changes and fetches the overview anew.

``python -m benchmarks.operations.watchers URL SECONDS NUMBER`` is so many of them, in a process of
their own as a browser is, and prints as JSON how many overviews they were sent, and how
often one was refused or cut off.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from dataclasses import asdict, dataclass

import httpx

_REST, _REST_SHARE = 1.0, 5.0
"""Seconds that a page rests after it has looked, or this many times as long as that took, as the
dashboard's own does."""
_RETRY = 1.0
_PATIENCE = 60.0


@dataclass
class Seen:
    """By all of them."""

    overviews: int = 0
    broken: int = 0


async def _watch(url: str, seen: Seen, until: float) -> None:
    """Watch until the monotonic moment ``until``; a broken stream is opened again."""
    async with httpx.AsyncClient(base_url=url, timeout=_PATIENCE, trust_env=False) as client:
        while time.monotonic() < until:
            try:
                await _listen(client, seen, until)
            except httpx.HTTPError:
                seen.broken += 1
                await asyncio.sleep(_RETRY)


async def _listen(client: httpx.AsyncClient, seen: Seen, until: float) -> None:
    await _fetch(client, seen)
    async with client.stream("GET", "/api/events") as stream:
        stream.raise_for_status()
        resting_until = 0.0
        async for line in stream.aiter_lines():
            now = time.monotonic()
            if now >= until:
                return
            if line.startswith("data:") and now >= resting_until:
                await _fetch(client, seen)
                ended = time.monotonic()
                resting_until = ended + max(_REST, _REST_SHARE * (ended - now))


async def _fetch(client: httpx.AsyncClient, seen: Seen) -> None:
    for answer in await asyncio.gather(
        client.get("/api/overview", params={"days": 30}), client.get("/api/uplift")
    ):
        answer.raise_for_status()
    seen.overviews += 1


async def _main(url: str, seconds: float, number: int) -> None:
    seen, until = Seen(), time.monotonic() + seconds
    await asyncio.gather(*(_watch(url, seen, until) for _ in range(number)))
    print(json.dumps(asdict(seen)))


if __name__ == "__main__":
    asyncio.run(_main(sys.argv[1], float(sys.argv[2]), int(sys.argv[3])))
