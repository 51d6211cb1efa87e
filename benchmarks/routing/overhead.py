"""What the router adds to a local call, against plain httpx in the same run."""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path
from typing import Literal

from benchmarks.routing.clients import Calls, Plain, Recorded, Router, Timed
from benchmarks.routing.loopback_server import loopback_server
from benchmarks.routing.tables import Table

ROUNDS = 300
_WARM_UP = 30
PROMPT = "Write a short note that says the build of the release branch is done and all tests pass."


def measure(_: Path) -> Table:
    """Milliseconds of each way, one after the other in each round."""
    with loopback_server() as url:
        found = asyncio.run(_timings(url, ROUNDS))
    total, first = _median(found[Plain.name], "total"), _median(found[Plain.name], "first")
    rows = []
    for name, timings in found.items():
        own_total, sent = _median(timings, "total"), _median(timings, "sent")
        own_first = _median(timings, "first")
        p95 = statistics.quantiles([each.total for each in timings], n=20)[-1]
        cpu = statistics.mean(each.cpu for each in timings)
        shown = (own_total, p95, own_total - total, cpu, sent, own_first, own_first - first)
        rows.append([name, *(f"{seconds * 1000:.2f}" for seconds in shown)])
    return Table(
        "Added to a local call",
        [
            "way",
            "total p50, ms",
            "p95",
            "added p50",
            "CPU, mean",
            "request at the server p50",
            "first token p50",
            "added p50",
        ],
        rows,
        f"{ROUNDS} calls each in turn, of a server on loopback that answers with 22 tokens at "
        "once. 'Request at the server': what passes before the model has the request, by a clock "
        "that both processes read. CPU time is the client's own, and depends least on "
        "what else the machine does.",
    )


async def _timings(url: str, rounds: int) -> dict[str, list[Timed]]:
    found: dict[str, list[Timed]] = {}
    kinds = (Plain, Calls, Router, Recorded)
    async with AsyncExitStack() as stack:
        ways = [await stack.enter_async_context(way.at(url)) for way in kinds]
        for number in range(_WARM_UP + rounds):
            prompt = f"{PROMPT} It is build {number}."
            for way in ways:
                began = time.thread_time()
                timed = await way.ask(prompt)
                timed = replace(timed, cpu=time.thread_time() - began)
                assert timed.text == prompt
                if number >= _WARM_UP:
                    found.setdefault(way.name, []).append(timed)
    return found


def _median(timings: Sequence[Timed], figure: Literal["sent", "first", "total"]) -> float:
    return statistics.median(getattr(each, figure) for each in timings)
