"""Request of the command line for a dataset of one project, for which the tool has no argument."""

from __future__ import annotations

import mcp_types as types
from pydantic import JsonValue

from hybrid_coordinator.composition import Engines
from hybrid_coordinator.serving.mcp.arguments import Name
from hybrid_coordinator.serving.mcp.requests import Context, Handler, Json
from hybrid_coordinator.serving.mcp.server import progress_of
from hybrid_coordinator.serving.mcp.tools import generate_training_data
from hybrid_coordinator.session import Session


class DatasetParams(types.RequestParams):
    """The arguments of the tool; ``project`` None stands for all projects."""

    arguments: dict[str, JsonValue]
    project: Name | None = None


def dataset_methods(
    engines: Engines, session: Session
) -> tuple[tuple[Handler, type[types.RequestParams]], ...]:
    """The handler, with what it takes."""

    async def export_training(context: Context, params: DatasetParams) -> Json:
        return await generate_training_data(
            await engines.get(),
            session,
            params.arguments,
            progress_of(context),
            project=params.project,
        )

    return ((export_training, DatasetParams),)
