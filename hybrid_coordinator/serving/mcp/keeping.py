"""Requests of the command line on keeping the home: backups."""

from __future__ import annotations

from pathlib import Path

import mcp_types as types
from pydantic import Field

from hybrid_coordinator.composition import Engines
from hybrid_coordinator.errors import InvalidArgumentError
from hybrid_coordinator.serving.mcp import results
from hybrid_coordinator.serving.mcp.requests import Context, Handler, Json
from hybrid_coordinator.serving.mcp.server import progress_of


class BackupParams(types.RequestParams):
    """``file`` is absolute; without it the backup goes into the home, of whose backups ``keep``
    stay."""

    file: str | None = None
    keep: int | None = Field(None, ge=1)


def keeping_methods(engines: Engines) -> tuple[tuple[Handler, type[types.RequestParams]], ...]:
    """The handlers, with what they take."""

    async def backup(context: Context, params: BackupParams) -> Json:
        file = None if params.file is None else Path(params.file)
        if file is not None and not file.is_absolute():
            raise InvalidArgumentError("file", "must be an absolute path")
        return results.plain(await engines.backup(file, params.keep, progress_of(context)))

    return ((backup, BackupParams),)
