"""Whether luck with easy questions is taken for the merit of items, and merit for merit."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from statistics import fmean

from benchmarks.learning.desk import Desk, desk, use
from benchmarks.routing.tables import Table

_USES = 300
_SHARE = 0.25
"""Of calls that hold an item back: more than by default, so that 300 uses say as much as a
thousand."""
_EASY = "How should the nightly import of invoices be retried?"
_HARD = "How should concurrent writes of the warehouse stock be reconciled?"
_TITLES = {
    _EASY: "Retried nightly import of invoices",
    _HARD: "Concurrent writes of the warehouse stock",
}
_CHANCES = {_EASY: 0.85, _HARD: 0.2}

Chance = Callable[[str, int], float]
"""Of success, from the question and how many items were shown for it."""


def measure(_: Path | None) -> Table:
    """What is said of items where outcomes depend on the question only, and where on the items."""
    worlds: dict[str, tuple[int, Chance]] = {
        "the question only": (3, lambda question, _: _CHANCES[question]),
        "the item": (1, lambda _, shown: 0.8 if shown else 0.25),
    }
    with desk(seed=7, withhold_share=_SHARE) as made:
        rows = [[name, *_row(made, name, *world)] for name, world in worlds.items()]
    note = (
        f"{_USES} uses over MCP, half of them of an easy question and half of a hard one, with "
        f"entries that bear on one each; an item is held back in {_SHARE:.0%} of the calls. The "
        "rates of success are those of the entries of either question, which a ranking by rates "
        "would take for their merit. Goal: no uplift is identified where outcomes depend on the "
        "question only."
    )
    header = ["outcomes depend on", "rates of entries, easy and hard", "uplift", "identified"]
    return Table("The confound test", header, rows, note)


def _row(made: Desk, name: str, entries: int, chance: Chance) -> list[str]:
    draws = random.Random(11)
    project = name.replace(" ", "-")
    with made.agent() as agent:
        for title in _TITLES.values():
            for number in range(entries):
                entry = {
                    "project": project,
                    "collection": "skills-patterns",
                    "title": f"{title}, way {number}",
                    "content": f"{title}: {_ADVICE[number]}.",
                }
                agent.tool("store_knowledge", entry)
        for _ in range(_USES):
            question = draws.choice(list(_TITLES))
            asked = {"query": question, "project": project, "collections": ["skills-patterns"]}
            found = agent.tool("augment_query", asked)
            ids = [one["id"] for one in found["skills_patterns"]]
            outcome = "success" if draws.random() < chance(question, len(ids)) else "failure"
            use(agent, project, question, ids, outcome)
        rates = []
        for question in _TITLES:
            search = {"query": question, "project": project, "collection": "skills-patterns"}
            found = agent.tool("search_knowledge", {**search, "limit": entries})
            rates.append(fmean(one["success_rate"] for one in found["items"]))
        uplift = agent.request("hybrid/stats", {"project": project})["learning"]["uplift"]
    return [
        f"{rates[0]:.2f}, {rates[1]:.2f}",
        uplift["words"],
        "yes" if uplift["identifiable"] else "no",
    ]


_ADVICE = (
    "double the delay each time and give up in the morning",
    "ask the supplier for a status page before anything else",
    "hold a lock, since two schedulers have raced",
)
