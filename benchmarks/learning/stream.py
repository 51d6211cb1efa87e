"""A stream of uses through the tools: items with hidden effects, outcomes drawn from them."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from math import sqrt
from pathlib import Path
from statistics import fmean, stdev

from benchmarks.learning.desk import ENGINES, Desk, desk, use
from benchmarks.routing.tables import Table
from hybrid_coordinator.serving.client import Client

QUESTION = "How should the nightly import of invoices be retried?"
_WAYS = (
    "double the delay each time, with jitter, and give up in the morning",
    "put what failed on a queue that another worker empties",
    "start from the last checkpoint instead of the first row",
    "ask the supplier's server for its status page beforehand",
    "split the file so that one broken record spoils no other",
    "hold a lock, since two schedulers have raced before",
    "raise the timeout of the connection to ten minutes",
    "validate the schema and refuse early with a clear mail",
    "run it against the replica to spare customers the load",
    "keep a ledger of hashes, which makes repetition harmless",
)
EFFECTS = (0.45, 0.55, 0.5, 0.97, 0.87, 0.77, 0.66, 0.24, 0.13, 0.03)
"""Success with each item, in the order of their relevance; an answer with several succeeds as
often as they do on average. The first three are what relevance alone shows: .50. The best three
make .87."""
USES, LAST = 300, 50
_BAD_AT, _BAD = 150, 0.05
"""From which use on the best item is bad, and its effect then."""
_SEEDS = {"embedded": 6, "external": 3}
_SIMULATED = 200

Ranker = Callable[[random.Random, list[float], list[float]], list[int]]
"""From successes and failures of each item, the three to show."""


class World:
    """What items really do."""

    def __init__(self, ids: Sequence[str], seed: int, *, turns: bool) -> None:
        """``ids`` in the order of their relevance."""
        rest = list(EFFECTS[3:])
        random.Random(seed).shuffle(rest)
        self.effects = dict(zip(ids, (*EFFECTS[:3], *rest), strict=True))
        self._turns = turns

    def chance(self, shown: Sequence[str], number: int) -> float:
        """Of success with these items at a use. Nothing shown is as good as the average item."""
        if self._turns and number == _BAD_AT:
            best = max(self.effects, key=self.effects.__getitem__)
            self.effects[best] = _BAD
        return fmean(self.effects[one] for one in shown) if shown else fmean(EFFECTS)


def measure(_: Path | None) -> Table:
    """Every arm, on both engines of the record."""
    rows = []
    for name, learning in (
        ("**ours**", {"rank_by_outcomes": True}),
        ("similarity only (`rank_by_outcomes: false`)", {"rank_by_outcomes": False}),
    ):
        cells = []
        for engine in ENGINES:
            with desk(engine, seed=1, **learning) as made:
                # Relevance alone shows the same three every time.
                seeds = range(_SEEDS[engine] if learning["rank_by_outcomes"] else 1)
                cells += [_streams(made, seeds, turns) for turns in (False, True)]
        rows.append([name, *cells])
    rows += [
        ["rate of success, simulated", *_simulated(_by_rate) * 2],
        ["Wilson's lower bound, simulated", *_simulated(_by_wilson) * 2],
        ["oracle", *_simulated(None) * 2],
    ]
    rows.append(_empty())
    header = [f"{engine}: {what}" for engine in ENGINES for what in ("steady", "one goes bad")]
    note = (
        f"The chance of success over the last {LAST} of {USES} uses, mean of "
        f"{_SEEDS['embedded']} and {_SEEDS['external']} streams with its standard error. Ten items "
        "bear on the question equally, three are shown; each use is `augment_query`, "
        "`track_interaction`, `update_outcome`, over MCP. The best item "
        f"goes bad at use {_BAD_AT}. Goals: .80 steady, .58 with an item that goes bad. What is "
        f"simulated is so over the same items, {_SIMULATED} times."
    )
    return Table("Learning which items help", ["arm", *header], rows, note)


def _streams(made: Desk, seeds: Sequence[int], turns: bool) -> str:
    with ThreadPoolExecutor(2) as pool:
        every = list(pool.map(lambda seed: run(made, seed, turns), seeds))
    return _cell([fmean(chances[-LAST:]) for chances in every])


def _cell(means: Sequence[float]) -> str:
    error = f" ± {stdev(means) / sqrt(len(means)):.2f}" if len(means) > 1 else ""
    return f"{fmean(means):.2f}{error}"


def run(made: Desk, seed: int, turns: bool, uses: int = USES) -> list[float]:
    """The chance of success of each use of a stream."""
    project = f"stream-{seed}-{turns}"
    draws = random.Random(1000 + seed)
    with made.agent() as agent:
        for way in _WAYS:
            store(agent, project, way)
        search = {"query": QUESTION, "project": project, "limit": 10}
        found = agent.tool("search_knowledge", search)
        first = _shown(agent, project)
        ranked = [*first, *(one["id"] for one in found["items"] if one["id"] not in first)]
        world = World(ranked, seed, turns=turns)
        chances = []
        for number in range(uses):
            shown = _shown(agent, project)
            chances.append(world.chance(shown, number))
            outcome = "success" if draws.random() < chances[-1] else "failure"
            use(agent, project, QUESTION, shown, outcome)
    return chances


def store(agent: Client, project: str, way: str) -> str:
    """Keep one way to do it; all of them bear on the question alike."""
    entry = {
        "project": project,
        "collection": "skills-patterns",
        "title": f"Retried nightly import of invoices: {way.split(',')[0]}",
        "content": f"The nightly import of invoices should be retried so: {way}.",
    }
    stored = agent.tool("store_knowledge", entry)
    return str(stored["id"])


def _shown(agent: Client, project: str) -> list[str]:
    found = agent.tool("augment_query", {"query": QUESTION, "project": project})
    return [one["id"] for one in found["skills_patterns"]]


def _empty() -> list[str]:
    """The same prompt with nothing in the memory: nothing is shown, so its success is the chance
    that the world gives to that, and no uses are run."""
    cells = []
    for engine in ENGINES:
        with desk(engine) as made, made.agent() as agent:
            assert _shown(agent, "empty") == []
            cells += [f"{World(range(10), 0, turns=False).chance([], 0):.2f}"] * 2
    return ["nothing shown (expected, not run)", *cells]


def _simulated(rank: Ranker | None) -> list[str]:
    return [
        _cell([_simulate(rank, seed, turns) for seed in range(_SIMULATED)])
        for turns in (False, True)
    ]


def _simulate(rank: Ranker | None, seed: int, turns: bool) -> float:
    world = World([str(n) for n in range(10)], seed, turns=turns)
    draws = random.Random(1000 + seed)
    good, bad = [0.0] * 10, [0.0] * 10
    chances = []
    for number in range(USES):
        if rank is None:
            world.chance([], number)
            places = sorted(range(10), key=lambda n: -world.effects[str(n)])[:3]
        else:
            places = rank(draws, good, bad)
        chances.append(world.chance([str(n) for n in places], number))
        counts = good if draws.random() < chances[-1] else bad
        for place in places:
            counts[place] += 1
    return fmean(chances[-LAST:])


def _by_rate(_: random.Random, good: list[float], bad: list[float]) -> list[int]:
    """By the share of successes; what was never shown counts as a half."""
    rates = [(g + 0.5) / (g + b + 1) for g, b in zip(good, bad, strict=True)]
    return sorted(range(10), key=lambda place: (-rates[place], place))[:3]


def _by_wilson(_: random.Random, good: list[float], bad: list[float]) -> list[int]:
    from hybrid_coordinator.learning.uplift import wilson

    lows = [wilson(g, g + b)[0] for g, b in zip(good, bad, strict=True)]
    return sorted(range(10), key=lambda place: (-lows[place], place))[:3]
