"""Requests of the command line on who reaches the coordinator, and how."""

from __future__ import annotations

from typing import Protocol

import mcp_types as types

from hybrid_coordinator.serving.mcp.requests import Context, Handler, Json


class Dashboards(Protocol):
    """What opens the dashboard."""

    async def dashboard(self) -> str: ...


def access_methods(owner: Dashboards) -> tuple[tuple[Handler, type[types.RequestParams]], ...]:
    """The handlers, with what they take."""

    async def dashboard(_: Context, __: types.RequestParams) -> Json:
        return {"url": await owner.dashboard()}

    return ((dashboard, types.RequestParams),)
