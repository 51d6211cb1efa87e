"""Models: endpoints and how they do, and a prompt to try, answered as it is written."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from dataclasses import asdict

from pydantic import Field
from starlette.responses import StreamingResponse
from starlette.routing import BaseRoute

from hybrid_coordinator.coordinator import AskOptions, Coordinator
from hybrid_coordinator.domain.access import Identity
from hybrid_coordinator.domain.ask import NamedModel
from hybrid_coordinator.domain.reply import AnswerPiece
from hybrid_coordinator.errors import HybridError, InvalidArgumentError
from hybrid_coordinator.serving.http.api.figures import Span
from hybrid_coordinator.serving.http.requests import Asked, get, post
from hybrid_coordinator.serving.mcp import results
from hybrid_coordinator.serving.mcp.arguments import AnyText, Arguments, Name, Text
from hybrid_coordinator.serving.mcp.requests import Json
from hybrid_coordinator.session import Session

_UNASSIGNED = "dashboard"
"""The project of prompts that are tried without naming one."""

_LINES = "application/x-ndjson"


class TrialModel(Arguments):
    """A model by its name at the URL of its endpoint, as `/api/models` has both."""

    name: Name
    endpoint: Name


class Trial(Arguments):
    """What is asked, and how. ``prefer_local`` false allows a remote model from the start; ``only``
    has one model asked and no other."""

    prompt: Text
    system: AnyText | None = None
    max_tokens: int = Field(1024, ge=1, le=200_000)
    temperature: float = Field(0.2, ge=0, le=2)
    use_context: bool = False
    quality_critical: bool = False
    prefer_local: bool = True
    project: Name | None = None
    only: TrialModel | None = None


def routes() -> Sequence[BaseRoute]:
    """What they are, and a prompt for them."""
    return [get("/api/models", _models), post("/api/ask", _ask)]


async def _models(asked: Asked) -> object:
    span = asked.query(Span)
    coordinator = await asked.coordinator()
    return await coordinator.insights.models(asked.project(span.project), span.days)


async def _ask(asked: Asked) -> StreamingResponse:
    trial = await asked.body(Trial)
    project = asked.project(trial.project) or _UNASSIGNED
    if trial.use_context and project == _UNASSIGNED:
        raise InvalidArgumentError("use_context", "needs a project to take context from")
    coordinator = await asked.coordinator()
    return StreamingResponse(
        _lines(coordinator, trial, project, asked.identity),
        media_type=_LINES,
        headers={"cache-control": "no-store"},
    )


async def _lines(
    coordinator: Coordinator, trial: Trial, project: str, identity: Identity
) -> AsyncIterator[str]:
    """One JSON object a line: ``piece`` and ``waiting`` while it goes on, then ``reply`` or
    ``error``. Who leaves before the end breaks it off."""
    news: asyncio.Queue[Json | None] = asyncio.Queue()

    async def progress(_: float, __: float | None, words: str) -> None:
        news.put_nowait({"waiting": words})

    def piece(written: AnswerPiece) -> None:
        news.put_nowait({"piece": asdict(written)})

    only = None if trial.only is None else NamedModel(trial.only.name, trial.only.endpoint)
    answering = asyncio.create_task(
        coordinator.ask(
            AskOptions(**trial.model_dump(exclude={"project", "only"}), only=only),
            session=Session("dashboard", project, identity=identity),
            project=project,
            progress=progress,
            pieces=piece,
        )
    )
    answering.add_done_callback(lambda _: news.put_nowait(None))
    try:
        while (line := await news.get()) is not None:
            yield _line(line)
        try:
            reply, interaction_id = await answering
        except HybridError as error:
            yield _line({"error": {"message": str(error)}})
        else:
            yield _line({"reply": results.reply(reply, interaction_id)})
    finally:
        answering.cancel()


def _line(value: Json) -> str:
    return json.dumps(value) + "\n"
