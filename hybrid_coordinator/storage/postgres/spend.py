"""Money in the record: what remote calls cost, and what is set aside for those under way."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from hybrid_coordinator.storage.postgres.database import Database
from hybrid_coordinator.storage.postgres.queries import load_queries


@dataclass(frozen=True, slots=True)
class DaySpend:
    """What a model cost on a day, in UTC. ``reserved_usd`` is for calls under way, and for calls
    of processes that were killed: nobody knows what those came to."""

    day: dt.date
    model: str
    calls: int
    spent_usd: float
    reserved_usd: float


@dataclass(frozen=True, slots=True)
class _Queries:
    lock: str
    reserve: str
    settle: str
    release: str
    spent: str
    by_day_and_model: str


class Spend:
    """The ledger of remote calls. The database arbitrates between processes."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._queries = load_queries("spend", _Queries)

    async def reserve(
        self, day: dt.date, model: str, amount_usd: float, budget_usd: float
    ) -> int | None:
        """Set money aside, and return its number; None where the day's budget does not hold it,
        whoever else sets money aside in the same moment."""
        async with self._database.transaction() as session:
            await session.execute(self._queries.lock)
            number: int | None = await session.fetch_value(
                self._queries.reserve, day, model, amount_usd, budget_usd
            )
        return number

    async def settle(self, number: int, amount_usd: float) -> None:
        """Put what the call cost in place of what was set aside. Only the first time counts."""
        await self._database.execute(self._queries.settle, number, amount_usd)

    async def release(self, number: int) -> None:
        """Give back what was set aside; a settled amount stays."""
        await self._database.execute(self._queries.release, number)

    async def spent(self, day: dt.date) -> float:
        """USD spent and set aside on a day."""
        total: float = await self._database.fetch_value(self._queries.spent, day)
        return total

    async def by_day_and_model(self, since: dt.date) -> list[DaySpend]:
        """The figures from that day on, newest first."""
        rows = await self._database.fetch(self._queries.by_day_and_model, since)
        return [DaySpend(**row) for row in rows]
