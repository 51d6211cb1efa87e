"""What the router adds to a local call, against plain httpx in the same run."""

from __future__ import annotations

import asyncio
import statistics
from collections.abc import Sequence
from contextlib import AsyncExitStack
from pathlib import Path

from benchmarks.routing.clients import Calls, Plain, Router, Timed
from benchmarks.routing.loopback_server import loopback_server
from benchmarks.routing.tables import Table

ROUNDS = 300
_WARM_UP = 30
PROMPT = "Write a short note that says the build of the release branch is done and all tests pass."


def measure(_: Path) -> Table:
    """Milliseconds of each way, one after the other in each round."""
    with loopback_server() as url:
        found = asyncio.run(_timings(url, ROUNDS))
    plain = found[Plain.name]
    rows = [[name, *_cells(timings, plain)] for name, timings in found.items()]
    return Table(
        "Added to a local call",
        [
            "way",
            "total p50, ms",
            "p95",
            "added p50",
            "request at the server p50",
            "first token p50",
            "added p50",
        ],
        rows,
        f"{ROUNDS} calls each in turn, of a server on loopback that answers with 18 tokens at "
        "once. 'Request at the server': what passes before the model has the request, by a clock "
        "that both processes read. The router returns the checked answer; its first token takes "
        "that time and then the way of one call.",
    )


async def _timings(url: str, rounds: int) -> dict[str, list[Timed]]:
    found: dict[str, list[Timed]] = {}
    async with AsyncExitStack() as stack:
        ways = [await stack.enter_async_context(way.at(url)) for way in (Plain, Calls, Router)]
        for number in range(_WARM_UP + rounds):
            for way in ways:
                timed = await way.ask(PROMPT)
                assert timed.text == PROMPT
                if number >= _WARM_UP:
                    found.setdefault(way.name, []).append(timed)
    return found


def _cells(timings: Sequence[Timed], plain: Sequence[Timed]) -> list[str]:
    totals = [each.total for each in timings]
    base = statistics.median(each.total for each in plain)
    cells = [
        _ms(statistics.median(totals)),
        _ms(statistics.quantiles(totals, n=20)[-1]),
        _ms(statistics.median(totals) - base),
        _ms(statistics.median(each.sent for each in timings)),
    ]
    firsts = [each.first for each in timings if each.first is not None]
    if not firsts:
        return [*cells, "", ""]
    of_plain = statistics.median(each.first for each in plain if each.first is not None)
    first = statistics.median(firsts)
    return [*cells, _ms(first), _ms(first - of_plain)]


def _ms(seconds: float) -> str:
    return f"{seconds * 1000:.2f}"
