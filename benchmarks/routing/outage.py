"""Ten requests while the first model server fails: how often it is hit, and what that costs."""

from __future__ import annotations

import asyncio
import statistics
from pathlib import Path

import httpx

from benchmarks.routing.clients import Router, Timed
from benchmarks.routing.loopback_server import loopback_server
from benchmarks.routing.overhead import PROMPT
from benchmarks.routing.tables import Table

REQUESTS = 10
_FAULTS = {
    "error": "answers every chat with HTTP 500, its health is good",
    "cut": "cuts every chat off, its health is good",
}


def measure(_: Path) -> Table:
    """Hits on the failing server, and seconds added to each request on average."""
    rows = [["litellm's Router, by default (published measurement)", "", "30", "4.8 s", ""]]
    with loopback_server() as healthy:
        base = asyncio.run(_asked(healthy))[0]
        for fault, words in _FAULTS.items():
            with loopback_server(fault) as broken:
                timings, hits = asyncio.run(_asked(broken, healthy))
            added = statistics.mean(timings) - statistics.mean(base)
            slowest = max(timings) - statistics.mean(base)
            rows.append(["**ours**", words, str(hits), f"{added:.3f} s", f"{slowest:.3f} s"])
    return Table(
        f"An outage of the first server, {REQUESTS} requests",
        ["router", "the first server", "hits on it", "added, mean", "added, most"],
        rows,
        "Each request is answered by the second server. A server that is not there at all is told "
        "by its probe, and is not hit.",
    )


async def _asked(*urls: str) -> tuple[list[float], int]:
    """Seconds of each request, and how often the first server was hit."""
    timings: list[Timed] = []
    async with Router.at(*urls) as router:
        await router.models.survey()
        for _ in range(REQUESTS):
            timings.append(await router.ask(PROMPT))  # noqa: PERF401 - one after the other
    assert all(timed.text == PROMPT for timed in timings)
    async with httpx.AsyncClient(trust_env=False) as http:
        hits = int((await http.get(f"{urls[0]}/hits")).text)
    return [timed.total for timed in timings], hits
