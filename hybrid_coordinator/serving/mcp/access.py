"""Requests of the command line on who reaches the coordinator, and how."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Protocol

import mcp_types as types
from pydantic import Field

from hybrid_coordinator.composition import Engines
from hybrid_coordinator.domain.access import OWNER, Deed, Scope
from hybrid_coordinator.serving.mcp import results
from hybrid_coordinator.serving.mcp.requests import Context, Handler, Json

_SOCKET = "this machine"


class Dashboards(Protocol):
    """What opens the dashboard."""

    async def dashboard(self) -> str: ...


class CreateTokenParams(types.RequestParams):
    name: str
    user: str
    scope: Scope
    projects: Annotated[list[str], Field(min_length=1)] | None = None
    days: int | None = None


class TokenParams(types.RequestParams):
    id: str


class AuditParams(types.RequestParams):
    """``before`` is the id of the entry that the page before ended with."""

    user: str | None = None
    allowed: bool | None = None
    since: datetime | None = None
    before: int | None = None
    limit: int = Field(100, ge=1, le=1000)


def access_methods(
    owner: Dashboards, engines: Engines
) -> tuple[tuple[Handler, type[types.RequestParams]], ...]:
    """The handlers, with what they take."""

    async def dashboard(_: Context, __: types.RequestParams) -> Json:
        return {"url": await owner.dashboard()}

    async def create_token(_: Context, params: CreateTokenParams) -> Json:
        access = (await engines.get()).access
        await access.audit.allow(Deed("tokens create", params.user, _SOCKET, OWNER))
        token, secret = await access.tokens.create(
            params.name,
            user=params.user,
            scope=params.scope,
            projects=params.projects,
            days=params.days,
        )
        return results.plain(token) | {"secret": secret}

    async def tokens(_: Context, __: types.RequestParams) -> Json:
        access = (await engines.get()).access
        return {"tokens": [results.plain(each) for each in await access.tokens.all()]}

    async def revoke_token(_: Context, params: TokenParams) -> Json:
        access = (await engines.get()).access
        await access.audit.allow(Deed("tokens revoke", params.id, _SOCKET, OWNER))
        return results.plain(await access.tokens.revoke(params.id))

    async def audit(_: Context, params: AuditParams) -> Json:
        access = (await engines.get()).access
        rows = await access.audit.page(
            user=params.user,
            allowed=params.allowed,
            since=params.since,
            before=params.before,
            limit=params.limit,
        )
        return {"entries": [results.audit_entry(row) for row in rows]}

    return (
        (dashboard, types.RequestParams),
        (create_token, CreateTokenParams),
        (tokens, types.RequestParams),
        (revoke_token, TokenParams),
        (audit, AuditParams),
    )
