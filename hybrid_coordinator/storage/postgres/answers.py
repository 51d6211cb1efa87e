"""Recorded answers: found by key or by kinship, kept within a bound, the least used go first."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Sequence
from dataclasses import dataclass

from hybrid_coordinator.domain.knowledge import JsonValue
from hybrid_coordinator.storage.postgres.database import Database
from hybrid_coordinator.storage.postgres.queries import load_queries

_ROW_BYTES = 200
"""What a row takes beside its texts and vector: two keys, times, the places in four indexes."""


@dataclass(frozen=True, slots=True)
class StoredAnswer:
    """What was kept, and when."""

    answer: JsonValue
    created_at: dt.datetime


@dataclass(frozen=True, slots=True)
class Kin:
    """A kept request that differs from another by its wording at most."""

    key: bytes
    prompt: str
    vector: Sequence[float]


@dataclass(frozen=True, slots=True)
class NewAnswer:
    """An answer to keep. ``family`` is shared by requests that differ by their wording at most;
    ``vector`` is the prompt's, None where nobody will look for it by meaning."""

    key: bytes
    family: bytes
    prompt: str
    vector: Sequence[float] | None
    answer: JsonValue

    @property
    def size(self) -> int:
        """Bytes that count against the bound."""
        texts = len(self.prompt.encode()) + len(json.dumps(self.answer).encode())
        return _ROW_BYTES + texts + 4 * len(self.vector or ())


@dataclass(frozen=True, slots=True)
class _Queries:
    take: str
    family: str
    lock: str
    put: str
    expire: str
    shrink: str
    remove: str
    totals: str


class Answers:
    """The kept answers of all projects."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._queries = load_queries("answers", _Queries)

    async def take(self, key: bytes, *, newer_than: dt.datetime) -> StoredAnswer | None:
        """The answer of that key, which counts as used now; None where there is none so new."""
        rows = await self._database.fetch(self._queries.take, key, newer_than)
        return StoredAnswer(rows[0]["answer"], rows[0]["created_at"]) if rows else None

    async def family(self, family: bytes, *, newer_than: dt.datetime, limit: int) -> list[Kin]:
        """Kept requests of a family that have a vector, the newest first."""
        rows = await self._database.fetch(self._queries.family, family, newer_than, limit)
        return [Kin(row["key"], row["prompt"], row["vector"]) for row in rows]

    async def put(self, new: NewAnswer, *, max_bytes: int, newer_than: dt.datetime) -> bool:
        """Keep an answer in place of an older one of its key, drop those that are not
        ``newer_than``, and of the others the least recently used beyond ``max_bytes``. False
        where it is too large by itself."""
        if new.size > max_bytes:
            return False
        async with self._database.transaction() as session:
            await session.execute(self._queries.lock)
            await session.execute(self._queries.expire, newer_than)
            await session.execute(
                self._queries.put,
                new.key,
                new.family,
                new.prompt,
                None if new.vector is None else list(new.vector),
                new.answer,
                new.size,
            )
            await session.execute(self._queries.shrink, max_bytes)
        return True

    async def remove(self, key: bytes) -> None:
        """Forget an answer."""
        await self._database.execute(self._queries.remove, key)

    async def totals(self) -> tuple[int, int]:
        """How many answers there are, and their bytes."""
        (row,) = await self._database.fetch(self._queries.totals)
        return row["answers"], row["bytes"]
