"""The index is the ledger replayed: made anew from rows, it is what grew with them."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path

import pytest

from hybrid_coordinator.domain.interactions import (
    AgentType,
    Exposure,
    NewInteraction,
    Outcome,
    OutcomeKind,
    OutcomeSource,
)
from hybrid_coordinator.domain.items import CollectionName
from hybrid_coordinator.domain.knowledge import JsonValue, NewKnowledge, Origin
from hybrid_coordinator.knowledge.embedding.protocol import Vector
from hybrid_coordinator.knowledge.embedding.static import StaticEmbedder
from hybrid_coordinator.storage.postgres.credit import Credit
from hybrid_coordinator.storage.postgres.database import Database
from hybrid_coordinator.storage.vectors.bm25 import Bm25Encoder
from tests.support.memory import PATIENCE, PROJECT, Memory, projecting

Points = dict[str, dict[str, JsonValue]]
Scores = dict[str, float]
SKILLS = CollectionName.SKILLS_PATTERNS
PROBE = "rename the invoice column after a failed migration"


async def live(parts: Memory) -> None:
    """Some weeks of a project: outcomes that change, entries that change and are retired, and the
    index follows bit by bit."""
    draws = random.Random(4)
    stored: list[str] = []
    for number in range(30):
        entry = await parts.learn(f"Lesson {number % 9}", f"Rename the column {number} with care.")
        shown = [Exposure(entry, 1, 0.5, 0.9, cited=number % 3 == 0)]
        new = NewInteraction(PROJECT, f"Invoice {number}", "done", AgentType.LOCAL, "m")
        stored.append(await parts.interactions.add(new, None, shown))
        outcome = Outcome(draws.choice(list(OutcomeKind)), draws.choice([-1, 0, 1]))
        if number % 4 == 0:
            outcome = replace(outcome, source=OutcomeSource.INFERRED, confidence=0.6)
        value = draws.random()
        await parts.interactions.set_outcome(draws.choice(stored), outcome, value, {})
        if number % 10 == 5:
            await parts.knowledge.change(entry, content="Another way.", reason="It was better.")
        if number % 10 == 9:
            await parts.knowledge.deprecate(entry, "It failed.")
            await parts.knowledge.store(
                NewKnowledge(SKILLS, PROJECT, f"Lesson {number % 9}", "Learned anew."),
                origin=Origin.PATTERN,
            )
        if draws.random() < 0.5:
            parts.projector.wake()
            await parts.projector.drain(PATIENCE)


async def similarities(parts: Memory, name: str, ids: list[str], dense: Vector) -> Scores:
    found = await parts.index.similarities(name, ids, dense) if ids else {}
    return {key: round(value, 4) for key, value in found.items()}


async def points(parts: Memory) -> dict[str, tuple[Points, Scores, set[str]]]:
    """Everything that the index holds: payloads, and what its vectors say of a probe."""
    await parts.find(PROBE)  # by the generation that serves
    (dense,) = await StaticEmbedder().embed([PROBE])
    sparse = Bm25Encoder().query(PROBE)
    found = {}
    for name in CollectionName:
        every, _ = await parts.index.scroll(name, where={}, limit=10_000)
        ids = sorted(point.id for point in every)
        hits = await parts.index.matching(name, sparse, where={}, limit=1000)
        found[name] = (
            {point.id: dict(point.payload) for point in every},
            await similarities(parts, name, ids, dense),
            {hit.id for hit in hits},  # scores count words of points that were deleted, too
        )
    return found


async def test_a_reindex_of_the_rows_gives_the_index_that_grew(
    database: Database, tmp_path: Path
) -> None:
    async with projecting(database, tmp_path / "index") as parts:
        await live(parts)
        grown = await points(parts)
        await parts.rebuilder.rebuild(ignore)
        assert await points(parts) == grown
    payloads, near, hits = grown[SKILLS]
    assert len(payloads) == len(near) > 0
    assert hits
    # And from nothing but the record, its counts included.
    ledger = "SELECT * FROM item_stats ORDER BY item_id"
    counted = [tuple(row.values()) for row in await database.fetch(ledger)]
    await database.execute("TRUNCATE item_stats")
    await Credit(database).rebuild()
    again = [tuple(row.values()) for row in await database.fetch(ledger)]
    assert [row[0] for row in again] == [row[0] for row in counted]
    for one, other in zip(again, counted, strict=True):
        assert one[1:] == pytest.approx(other[1:], rel=1e-9, abs=1e-9)
    async with projecting(database, tmp_path / "lost") as parts:
        parts.projector.wake()
        assert await points(parts) == grown


async def ignore(_: float, __: float | None, ___: str) -> None:
    """Progress."""
