"""Requests of the command line on models: ask one and watch it write, and where a prompt goes."""

from __future__ import annotations

from typing import Any

import mcp_types as types

from hybrid_coordinator.composition import Engines
from hybrid_coordinator.serving.mcp import results
from hybrid_coordinator.serving.mcp.pieces import pieces_to
from hybrid_coordinator.serving.mcp.requests import Context, Handler, Json
from hybrid_coordinator.serving.mcp.server import progress_of
from hybrid_coordinator.serving.mcp.tools import ask_local_llm
from hybrid_coordinator.session import Session


class AskParams(types.RequestParams):
    """``arguments`` are those of `ask_local_llm`; ``pieces`` asks for `hybrid/piece` meanwhile."""

    arguments: Json
    pieces: bool = False


class RouteParams(types.RequestParams):
    prompts: list[str | list[dict[str, Any]]]


class RouteHereParams(types.RequestParams):
    prompt: str


def model_methods(
    engines: Engines, session: Session
) -> tuple[tuple[Handler, type[types.RequestParams]], ...]:
    """The handlers, with what they take."""

    async def ask(context: Context, params: AskParams) -> Json:
        coordinator = await engines.get()
        async with pieces_to(context) as pieces:
            return await ask_local_llm(
                coordinator,
                session,
                params.arguments,
                progress_of(context),
                pieces if params.pieces else None,
            )

    async def route(_: Context, params: RouteParams) -> Json:
        coordinator = await engines.get()
        routes = await coordinator.route(params.prompts)
        return {
            "routes": [results.route(one) | {"score": round(one.score, 4)} for one in routes],
        }

    async def route_here(_: Context, params: RouteHereParams) -> Json:
        coordinator = await engines.get()
        (need,) = await coordinator.route([params.prompt])
        here = await coordinator.route_here(params.prompt)
        return results.explained(need) | {"here": results.explained(here)}

    return ((ask, AskParams), (route, RouteParams), (route_here, RouteHereParams))
