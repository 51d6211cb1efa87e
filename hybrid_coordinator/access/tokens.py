"""Tokens: made, told apart by their digests, and revoked."""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from hybrid_coordinator.domain.access import AccessToken, Identity, Scope
from hybrid_coordinator.errors import InvalidArgumentError
from hybrid_coordinator.storage.postgres.access import TokenRecords

PREFIX = "hc_"
"""What tokens begin with, so that scanners of repositories and logs know one."""

_BYTES = 32
_COOKIE_LIFE = timedelta(hours=12)
_USER = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,63}")
_LONGEST_DAYS = 3660


class Tokens:
    """Every check asks the record, so that what one coordinator revokes holds at none."""

    def __init__(self, records: TokenRecords) -> None:
        self._records = records

    async def create(
        self,
        name: str,
        *,
        user: str,
        scope: Scope,
        projects: Sequence[str] | None = None,
        days: int | None = None,
    ) -> tuple[AccessToken, str]:
        """A new token and its secret, which is nowhere afterwards. It holds for ``days`` days, and
        for ``projects`` only, where these are given.

        Raises:
            InvalidArgumentError: a value is off.
        """
        if not name.strip() or len(name) > 200 or not name.isprintable():
            raise InvalidArgumentError("name", "say in at most 200 characters what it is for")
        if not _USER.fullmatch(user):
            raise InvalidArgumentError(
                "user", f"{user!r} is no user; 1 to 64 letters, digits and . _ @ -, as alice@team"
            )
        if projects is not None and not all(each.strip() for each in projects):
            raise InvalidArgumentError("project", "is empty; name a project, or none for all")
        if days is not None and not 1 <= days <= _LONGEST_DAYS:
            raise InvalidArgumentError("days", f"must be 1 to {_LONGEST_DAYS}")
        expires = None if days is None else datetime.now(UTC) + timedelta(days=days)
        secret = PREFIX + secrets.token_urlsafe(_BYTES)
        named = None if projects is None else sorted(set(projects))
        token = await self._records.create(
            _digest(secret), name.strip(), user, scope, named or None, expires
        )
        return token, secret

    async def all(self) -> list[AccessToken]:
        """Every token that there ever was, oldest first."""
        return await self._records.all()

    async def revoke(self, token_id: str) -> AccessToken:
        """Have a token hold no longer, at any coordinator of this record.

        Raises:
            NotFoundError: there is none of this id.
        """
        return await self._records.revoke(token_id)

    async def holder(self, secret: str) -> Identity | None:
        """Who holds this token; None where it does not hold."""
        if not secret.startswith(PREFIX):
            return None
        return await self._records.holder(_digest(secret))

    async def open_browser(self, identity: Identity) -> tuple[str, timedelta]:
        """A cookie that stands for the token of ``identity`` in a browser, and for how long."""
        assert identity.token_id is not None
        cookie = secrets.token_urlsafe(_BYTES)
        await self._records.open_browser(_digest(cookie), identity.token_id, _COOKIE_LIFE)
        return cookie, _COOKIE_LIFE

    async def browser(self, cookie: str) -> Identity | None:
        """Whom a cookie stands for; None where it stands for nobody."""
        return await self._records.browser(_digest(cookie))

    async def close_browser(self, cookie: str) -> None:
        """Have a cookie stand for nobody."""
        await self._records.close_browser(_digest(cookie))

    async def hidden(self, ids: Sequence[str], identity: Identity) -> list[str]:
        """Which of these interactions and entries ``identity`` may not see."""
        return await self._records.hidden(ids, identity)


def _digest(secret: str) -> bytes:
    return hashlib.sha256(secret.encode("utf-8", "surrogateescape")).digest()
