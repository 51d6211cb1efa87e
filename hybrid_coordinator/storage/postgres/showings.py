"""What was shown as context, kept until it is told what came of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from hybrid_coordinator.domain.access import OWNER
from hybrid_coordinator.domain.showings import Showing, ShownItem
from hybrid_coordinator.storage.postgres.database import Database, Row
from hybrid_coordinator.storage.postgres.ids import id_at, new_id, parse_id, parse_ids
from hybrid_coordinator.storage.postgres.queries import load_queries

_A_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class _Queries:
    add: str
    get: str
    of_items: str
    of_nothing: str
    delete_older: str


class Showings:
    """Contexts that were shown. Ids are UUID strings. Each is its user's, whom it was shown to:
    what another user does is never put down to it."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._queries = load_queries("showings", _Queries)

    async def add(
        self,
        project: str,
        session_id: str | None,
        items: Sequence[ShownItem],
        *,
        user: str = OWNER,
    ) -> str:
        """Note what was shown; returns the showing's id. A crash may lose the last moment's."""
        showing_id = new_id()
        await self._database.execute(
            self._queries.add,
            showing_id,
            project,
            session_id,
            [parse_id("item_id", item.item_id) for item in items],
            [item.rank for item in items],
            [item.title for item in items],
            [item.source for item in items],
            [item.score for item in items],
            [item.propensity for item in items],
            [item.withheld for item in items],
            user,
        )
        return str(showing_id)

    async def get(self, showing_id: str, *, user: str = OWNER) -> Showing | None:
        """The showing of this id; None if it was never noted for ``user``, or is too long ago."""
        wanted = parse_id("showing_id", showing_id)
        return _showing(await self._database.fetch(self._queries.get, wanted, user))

    async def of_items(
        self,
        project: str,
        sessions: Sequence[str],
        items: Sequence[str],
        *,
        user: str = OWNER,
    ) -> Showing | None:
        """The showing of the last day to ``user`` in ``project`` that ``items`` were named from:
        one to these sessions before others, one that nothing came of yet before others, the one
        that has most of the items, the latest. None where none has any of them."""
        rows = await self._database.fetch(
            self._queries.of_items,
            project,
            list(sessions),
            parse_ids("context_ids", items),
            id_at(datetime.now(UTC) - _A_DAY),
            user,
        )
        return _showing(rows)

    async def of_nothing(
        self, project: str, sessions: Sequence[str], *, user: str = OWNER
    ) -> Showing | None:
        """What was last shown to these sessions of ``user`` in ``project``, if that was nothing
        since all of it was held back, and nothing came of it yet."""
        return _showing(
            await self._database.fetch(self._queries.of_nothing, project, list(sessions), user)
        )

    async def delete_older(self, age: timedelta) -> None:
        """Forget what was shown longer ago."""
        await self._database.execute(self._queries.delete_older, age)


def _showing(rows: Sequence[Row]) -> Showing | None:
    if not rows:
        return None
    items = tuple(
        ShownItem(
            str(row["item_id"]),
            row["rank"],
            row["title"],
            row["source"],
            row["score"],
            row["propensity"],
            row["withheld"],
        )
        for row in rows
    )
    first = rows[0]
    return Showing(str(first["showing_id"]), items, first["interaction_id"] is not None)
