"""Requests of the command line on coding sessions: importing those that are there already."""

from __future__ import annotations

from datetime import datetime

import mcp_types as types

from hybrid_coordinator.composition import Engines
from hybrid_coordinator.serving.mcp import results
from hybrid_coordinator.serving.mcp.requests import Context, Handler, Json
from hybrid_coordinator.serving.mcp.server import progress_of
from hybrid_coordinator.session import Session


class ImportParams(types.RequestParams):
    """``path`` is the directory of the session files; ``since`` leaves out what began before."""

    path: str
    since: datetime | None = None
    project: str | None = None


def session_methods(
    engines: Engines, session: Session
) -> tuple[tuple[Handler, type[types.RequestParams]], ...]:
    """The handlers, with what they take."""

    async def import_sessions(context: Context, params: ImportParams) -> Json:
        coordinator = await engines.get()
        report = await coordinator.import_sessions(
            session.resolve(params.path),
            since=params.since,
            project=params.project,
            progress=progress_of(context),
        )
        return results.plain(report)

    return ((import_sessions, ImportParams),)
