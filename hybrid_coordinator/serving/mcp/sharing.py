"""Requests of the command line on knowledge for other machines, and from them."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import mcp_types as types
from pydantic import Field

from hybrid_coordinator.composition import Engines
from hybrid_coordinator.domain.items import CollectionName
from hybrid_coordinator.domain.sharing import Scope
from hybrid_coordinator.serving.mcp import results
from hybrid_coordinator.serving.mcp.requests import Context, Handler, Json
from hybrid_coordinator.session import Session

_MOST_LINES = 1000


class ShareParams(types.RequestParams):
    """``after`` is as the page before gave it."""

    project: str | None = None
    collection: CollectionName | None = None
    since: datetime | None = None
    after: str | None = None


class TakeInParams(types.RequestParams):
    """``lines`` with their numbers."""

    lines: Annotated[list[tuple[int, str]], Field(max_length=_MOST_LINES)]
    project: Annotated[str, Field(min_length=1, max_length=200)] | None = None
    dry_run: bool = False


def sharing_methods(
    engines: Engines, session: Session
) -> tuple[tuple[Handler, type[types.RequestParams]], ...]:
    """The handlers, with what they take."""

    async def export_knowledge(_: Context, params: ShareParams) -> Json:
        coordinator = await engines.get()
        rows, after = await coordinator.export_knowledge(
            Scope(params.project, params.collection, params.since), params.after
        )
        return {"rows": rows, "after": after}

    async def import_knowledge(_: Context, params: TakeInParams) -> Json:
        coordinator = await engines.get()
        report = await coordinator.import_knowledge(
            params.lines, project=params.project, here=session.project, dry_run=params.dry_run
        )
        return results.plain(report)

    return ((export_knowledge, ShareParams), (import_knowledge, TakeInParams))
