"""Thirty rounds of deltas through the store: what was not deprecated is there to the last byte."""

from __future__ import annotations

import asyncio
import random
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.routing.tables import Table
from hybrid_coordinator.domain.items import CollectionName
from hybrid_coordinator.domain.knowledge import Delta, NewKnowledge, Origin
from hybrid_coordinator.storage.postgres.database import Database
from hybrid_coordinator.storage.postgres.embedded import EmbeddedPostgres
from hybrid_coordinator.storage.postgres.knowledge import KnowledgeRecords
from hybrid_coordinator.storage.postgres.migrate import migrate

_ROUNDS = 30
_ADDED, _UPDATED, _MERGED = 8, 6, 4
"""Deltas of a round; one entry is deprecated in each."""

_PIECES = (
    "plain words",
    "`code`",
    "Zeilen\n\tund Absätze",
    "数据库",
    "“quotes”",
    "trailing  ",
    "🙂",
)
_TIMEOUT = 30.0


@dataclass
class Book:
    """What the entries must hold, by id, and which are out of use; both as of the last delta."""

    kept: dict[str, str] = field(default_factory=dict)
    titles: dict[str, str] = field(default_factory=dict)
    gone: set[str] = field(default_factory=set)


def measure(_: Path | None) -> Table:
    """How much is left in the end; needs no data."""
    rows = asyncio.run(_measured())
    header = ["entries", "after 30 rounds"]
    note = (
        f"{_ROUNDS} rounds of {_ADDED} ADD, {_UPDATED} UPDATE, {_MERGED} MERGE and one DEPRECATE, "
        "in a random order, through the store of a real Postgres. A playbook rewritten as a whole "
        "as often keeps 3 to 8 of 38 to 64 headings."
    )
    return Table("Does knowledge collapse?", header, rows, note)


async def _measured() -> list[list[str]]:
    with tempfile.TemporaryDirectory() as folder:
        server = await EmbeddedPostgres.start(Path(folder) / "postgres")
        try:
            database = await Database.connect(server.dsn, timeout=_TIMEOUT)
            try:
                await migrate(database)
                return await _rounds(database)
            finally:
                await database.close()
        finally:
            await server.stop()


async def _rounds(database: Database) -> list[list[str]]:
    records, book, rng = KnowledgeRecords(database), Book(), random.Random(7)
    for turn in range(_ROUNDS):
        deltas = ["add"] * _ADDED
        if turn:
            deltas += ["update"] * _UPDATED + ["merge"] * _MERGED + ["deprecate"]
            rng.shuffle(deltas)
        for place, delta in enumerate(deltas):
            await _apply(delta, f"round {turn}, entry {place}", records, book, rng)
    in_use = {item.id: item for item in await records.page(None, 10 * _ROUNDS * _ADDED)}
    exact = sum(key in in_use and in_use[key].content == text for key, text in book.kept.items())
    stones = await records.get_many(sorted(book.gone))
    deltas = await database.fetch(
        "SELECT delta, count(*) AS times FROM knowledge_items GROUP BY delta ORDER BY delta"
    )
    return [
        ["added", str(len(book.kept) + len(book.gone))],
        ["deltas", ", ".join(f"{row['times']} {row['delta']}" for row in deltas)],
        ["not deprecated", str(len(book.kept))],
        ["of those, the same to the last byte", str(exact)],
        ["in use beside them", str(len(in_use.keys() - book.kept.keys()))],
        ["deprecated, kept as tombstones", str(sum(item.deprecated for item in stones))],
    ]


async def _apply(
    delta: str, name: str, records: KnowledgeRecords, book: Book, rng: random.Random
) -> None:
    """One delta, and what it must come to."""
    text = " ".join(rng.choices(_PIECES, k=rng.randint(1, 40)))
    key = rng.choice(sorted(book.kept)) if delta != "add" else ""
    if delta == "add":
        key, _ = await records.store(_entry(name, text), origin=Origin.PATTERN)
        book.kept[key], book.titles[key] = text, name
    elif delta == "update":
        item = await records.change(key, content=text, reason=name)
        assert item.delta is Delta.UPDATE
        book.kept[key] = text
    elif delta == "merge":
        # The same entry met again: what is new of it joins its fields, its text stays.
        same = _entry(book.titles[key], book.kept[key], related=name)
        await records.store(same, origin=Origin.PATTERN)
    else:
        await records.deprecate(key, name)
        book.gone.add(key)
        del book.kept[key]


def _entry(title: str, content: str, related: str = "") -> NewKnowledge:
    fields = {"related_skills": related} if related else {}
    return NewKnowledge(CollectionName.SKILLS_PATTERNS, "bench", title, content, fields)
