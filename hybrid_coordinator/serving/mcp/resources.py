"""MCP resources: the figures of `stats`, and knowledge entries by their ids."""

from __future__ import annotations

import json
import re
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import mcp_types as types
from mcp.shared.exceptions import MCPError
from pydantic import BaseModel

from hybrid_coordinator.coordinator import Coordinator
from hybrid_coordinator.domain.histories import KnowledgeHistory
from hybrid_coordinator.domain.items import GLOBAL_PROJECT
from hybrid_coordinator.errors import HybridError, InvalidArgumentError, NotFoundError
from hybrid_coordinator.serving.mcp import results
from hybrid_coordinator.serving.mcp.arguments import Name, validated
from hybrid_coordinator.session import Session

_JSON = "application/json"
_DAYS = 30

_PAGES = {
    "overview": "what was done, how it went, and what was saved",
    "routing": "where calls of models went, how each model did, and the money",
    "learning": "what was learned, what showing it changed, and what waits",
}

RESOURCES = types.ListResourcesResult(
    resources=[
        types.Resource(
            name=f"stats-{page}",
            uri=f"hybrid://stats/{page}",
            title=f"Figures: {page}",
            description=f"This project in the last {_DAYS} days: {about}.",
            mime_type=_JSON,
        )
        for page, about in _PAGES.items()
    ]
)

TEMPLATES = types.ListResourceTemplatesResult(
    resource_templates=[
        types.ResourceTemplate(
            name="stats",
            uri_template="hybrid://stats/{page}{?project,days}",
            description=f"Figures of another project or time; page is {', '.join(_PAGES)}.",
            mime_type=_JSON,
        ),
        types.ResourceTemplate(
            name="knowledge",
            uri_template="hybrid://knowledge/{id}",
            description="A knowledge entry: what it says, what it rests on, how it was used.",
            mime_type=_JSON,
        ),
    ]
)

_Page = Callable[[str | None, int], Awaitable[Any]]


async def read(coordinator: Coordinator, session: Session, uri: str) -> types.ReadResourceResult:
    """What is at ``uri``, for whoever ``session`` is.

    Raises:
        MCPError: there is nothing at it, or it is not theirs.
    """
    try:
        found = await _found(coordinator, session, uri)
    except HybridError as error:
        raise MCPError(code=types.INVALID_PARAMS, message=str(error)) from error
    text = json.dumps(found, ensure_ascii=False)
    return types.ReadResourceResult(
        contents=[types.TextResourceContents(uri=uri, mime_type=_JSON, text=text)]
    )


async def _found(coordinator: Coordinator, session: Session, uri: str) -> Any:  # noqa: ANN401 - JSON
    parts = urlsplit(uri)
    name = parts.path.removeprefix("/")
    if parts.scheme == "hybrid" and parts.netloc == "stats" and name in _PAGES:
        look = coordinator.insights
        pages: dict[str, _Page] = {
            "overview": look.overview,
            "routing": look.routing,
            "learning": look.learning,
        }
        project, days = _asked(parts.query)
        return results.plain(await pages[name](session.project_or(project), days))
    if parts.scheme == "hybrid" and parts.netloc == "knowledge" and name:
        history = await coordinator.memory.show(name)
        if not isinstance(history, KnowledgeHistory):
            raise NotFoundError(f"there is no knowledge entry {name}")
        if history.item.project != GLOBAL_PROJECT:
            session.identity.own(history.item.project)
        return results.plain(history)
    known = ", ".join(f"hybrid://stats/{page}" for page in _PAGES)
    raise InvalidArgumentError(
        "uri", f"there is no {uri}; there are {known}, hybrid://knowledge/ID"
    )


class _OfProject(BaseModel):
    """The part of a query that is any text."""

    project: Name | None = None


def _asked(query: str) -> tuple[str | None, int]:
    asked = dict(parse_qsl(query))
    unknown = ", ".join(asked.keys() - {"project", "days"})
    if unknown:
        raise InvalidArgumentError("uri", f"{unknown} is unknown; there are project, days")
    days = asked.get("days", str(_DAYS))
    if not re.fullmatch(r"[0-9]{1,4}", days):
        raise InvalidArgumentError("days", "must be a whole number")
    return validated(_OfProject, asked).project, int(days)
