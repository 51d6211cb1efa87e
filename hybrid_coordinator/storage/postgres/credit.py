"""What the ledger says of items: uses by chance, entries with outcomes, and counts made anew."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from hybrid_coordinator.domain.credit import Arm, Doubt, Record, Stratum, UsedEntry
from hybrid_coordinator.domain.items import CollectionName
from hybrid_coordinator.domain.knowledge import Origin
from hybrid_coordinator.storage.postgres.database import Database, Row
from hybrid_coordinator.storage.postgres.ids import parse_ids
from hybrid_coordinator.storage.postgres.queries import load_queries

_LATEST = 15_000
"""Exposures that are looked at for what showing changed altogether: some 5,000 interactions, so
that it takes no longer with more of them."""

_RETIRED = 20


@dataclass(frozen=True, slots=True)
class _Queries:
    rebuild: str
    calls: str
    of_items: str
    entries: str
    retired: str


class Credit:
    """Reads what is put down to items."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._queries = load_queries("credit", _Queries)

    async def rebuild(self) -> None:
        """Count uses and outcomes of every item anew from the ledger."""
        await self._database.execute(self._queries.rebuild)

    async def calls(self, project: str | None) -> list[Stratum]:
        """Known outcomes of the latest interactions in which an item may have been held back."""
        return _strata(await self._database.fetch(self._queries.calls, project, _LATEST))

    async def of_items(self, item_ids: Sequence[str]) -> dict[str, list[Stratum]]:
        """Known outcomes of the interactions in which chance showed each item or held it back;
        items of which there are none are left out."""
        rows = await self._database.fetch(self._queries.of_items, parse_ids("item_ids", item_ids))
        of_item: dict[str, list[Row]] = {}
        for row in rows:
            of_item.setdefault(str(row["item_id"]), []).append(row)
        return {item: _strata(its_rows) for item, its_rows in of_item.items()}

    async def entries(self, project: str | None) -> list[UsedEntry]:
        """Entries in use that have known outcomes, in id order."""
        rows = await self._database.fetch(self._queries.entries, project)
        return [
            UsedEntry(
                str(row["id"]),
                CollectionName(row["collection"]),
                row["project"],
                row["title"],
                Origin(row["origin"]),
                known=Record(row["successes"], row["failures"]),
                late=Record(row["gained_lately"], row["lost_lately"]),
                credit=Record(row["gained"], row["lost"]),
                peers=Record(max(0.0, row["peers_gained"]), max(0.0, row["peers_lost"])),
            )
            for row in rows
        ]

    async def retired(self, project: str | None, because: str) -> list[Doubt]:
        """The latest entries that are out of use for a reason that begins with ``because``."""
        rows = await self._database.fetch(self._queries.retired, project, because, _RETIRED)
        return [
            Doubt(
                str(row["id"]),
                CollectionName(row["collection"]),
                row["project"],
                row["title"],
                row["reason"],
                retired=True,
            )
            for row in rows
        ]


def _strata(rows: Iterable[Row]) -> list[Stratum]:
    arms: dict[object, dict[bool, Arm]] = {}
    for row in rows:
        arm = Arm(row["interactions"], row["weight"], row["success"])
        arms.setdefault(row["stratum"], {})[row["withheld"]] = arm
    return [Stratum(both.get(False, Arm()), both.get(True, Arm())) for both in arms.values()]
