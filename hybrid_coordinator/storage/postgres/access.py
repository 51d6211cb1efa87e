"""Tokens by their digests, and the browser sessions that were opened with one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from hybrid_coordinator.domain.access import AccessToken, Identity, Scope
from hybrid_coordinator.domain.items import GLOBAL_PROJECT
from hybrid_coordinator.errors import NotFoundError
from hybrid_coordinator.storage.postgres.database import Database, Row
from hybrid_coordinator.storage.postgres.ids import new_id, parse_id, parse_ids
from hybrid_coordinator.storage.postgres.queries import load_queries


@dataclass(frozen=True, slots=True)
class _Queries:
    create: str
    all: str
    revoke: str
    holder: str
    open_browser: str
    browser: str
    close_browser: str
    hidden: str


class TokenRecords:
    """Tokens. Digests are SHA-256, 32 bytes; the secrets themselves are nowhere."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._queries = load_queries("access", _Queries)

    async def create(
        self,
        digest: bytes,
        name: str,
        user: str,
        scope: Scope,
        projects: Sequence[str] | None,
        expires_at: datetime | None,
    ) -> AccessToken:
        """Keep a new token."""
        (row,) = await self._database.fetch(
            self._queries.create,
            new_id(),
            digest,
            name,
            user,
            scope.value,
            None if projects is None else list(projects),
            expires_at,
        )
        return _token(row)

    async def all(self) -> list[AccessToken]:
        """Every token that there ever was, oldest first."""
        return [_token(row) for row in await self._database.fetch(self._queries.all)]

    async def revoke(self, token_id: str) -> AccessToken:
        """Have a token hold no longer, for whichever coordinator is asked next.

        Raises:
            NotFoundError: there is none of this id.
        """
        rows = await self._database.fetch(self._queries.revoke, parse_id("id", token_id))
        if not rows:
            raise NotFoundError(f"there is no token {token_id}; `hybrid-coordinator tokens` lists")
        return _token(rows[0])

    async def holder(self, digest: bytes) -> Identity | None:
        """Who holds the token of this digest; None where it does not hold, or not any more."""
        return _identity(await self._database.fetch(self._queries.holder, digest))

    async def open_browser(self, digest: bytes, token_id: str, life: timedelta) -> None:
        """Have the cookie of this digest stand for a token, for a while."""
        identifier = parse_id("token_id", token_id)
        await self._database.execute(self._queries.open_browser, digest, identifier, life)

    async def browser(self, digest: bytes) -> Identity | None:
        """Who holds the token that a cookie stands for; None where it stands for none."""
        return _identity(await self._database.fetch(self._queries.browser, digest))

    async def close_browser(self, digest: bytes) -> None:
        """Have a cookie stand for nothing."""
        await self._database.execute(self._queries.close_browser, digest)

    async def hidden(self, ids: Sequence[str], identity: Identity) -> list[str]:
        """Which of these interactions and entries ``identity`` may not see."""
        projects = None if identity.projects is None else sorted(identity.projects)
        rows = await self._database.fetch(
            self._queries.hidden, parse_ids("id", ids), identity.user, projects, GLOBAL_PROJECT
        )
        return [str(row["id"]) for row in rows]


def _token(row: Row) -> AccessToken:
    return AccessToken(
        id=str(row["id"]),
        name=row["name"],
        user=row["user_name"],
        scope=Scope(row["scope"]),
        projects=None if row["projects"] is None else tuple(row["projects"]),
        created_at=row["created_at"],
        expires_at=row["expires_at"],
        revoked_at=row["revoked_at"],
        used_at=row["used_at"],
    )


def _identity(rows: Sequence[Row]) -> Identity | None:
    if not rows:
        return None
    (row,) = rows
    projects = None if row["projects"] is None else frozenset(row["projects"])
    return Identity(row["user_name"], Scope(row["scope"]), projects, str(row["id"]))
