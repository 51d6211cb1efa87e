"""A hundred streams at once through the router: none lost, none mixed up."""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks.routing.clients import Calls, Plain, Router, Timed
from benchmarks.routing.loopback_server import loopback_server
from benchmarks.routing.tables import Table

STREAMS = 100
_ROUNDS = 5
_WORDS = 60


def measure(_: Path) -> Table:
    """Answers that are their request's own, of all; and how long it took."""
    rows = []
    with loopback_server() as url:
        for way in (Plain, Calls, Router):
            own, seconds, slowest = asyncio.run(_held(way, url))
            rows.append(
                [
                    way.name,
                    f"{own} of {STREAMS * _ROUNDS}",
                    f"{statistics.median(seconds):.2f}",
                    f"{slowest:.2f}",
                ]
            )
    return Table(
        f"{STREAMS} streams at once",
        ["way", "answers that are their own", "s for all, median", "slowest answer, s"],
        rows,
        f"{_ROUNDS} rounds of {STREAMS} requests at the same moment, {_WORDS} tokens each, every "
        "token unlike those of the others; the server says it takes them all at once.",
    )


async def _held(way: type[Plain | Calls | Router], url: str) -> tuple[int, list[float], float]:
    own, seconds, slowest = 0, [], 0.0
    async with way.at(url) as client:
        await client.ask("warm up")
        for number in range(_ROUNDS):
            prompts = [
                " ".join(f"r{number}s{stream}w{word}" for word in range(_WORDS))
                for stream in range(STREAMS)
            ]
            began = time.perf_counter()
            answers: Sequence[Timed] = await asyncio.gather(*map(client.ask, prompts))
            seconds.append(time.perf_counter() - began)
            slowest = max(slowest, *(answer.total for answer in answers))
            own += sum(
                answer.text == prompt for answer, prompt in zip(answers, prompts, strict=True)
            )
    return own, seconds, slowest
