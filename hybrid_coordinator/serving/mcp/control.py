"""Requests beyond the tools, for the command line: status, stop, health, upkeep."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any, Literal, Protocol

import mcp_types as types
from mcp.server.lowlevel import Server
from mcp.shared.exceptions import MCPError
from pydantic import Field

from hybrid_coordinator import __version__
from hybrid_coordinator.composition import Engines
from hybrid_coordinator.errors import HybridError
from hybrid_coordinator.serving.mcp import results
from hybrid_coordinator.serving.mcp.access import Dashboards, access_methods
from hybrid_coordinator.serving.mcp.datasets import dataset_methods
from hybrid_coordinator.serving.mcp.jobs import job_methods
from hybrid_coordinator.serving.mcp.keeping import keeping_methods
from hybrid_coordinator.serving.mcp.memory import memory_methods
from hybrid_coordinator.serving.mcp.models import model_methods
from hybrid_coordinator.serving.mcp.requests import Context, Handler, Json
from hybrid_coordinator.serving.mcp.server import internal_fault, progress_of
from hybrid_coordinator.serving.mcp.sessions import session_methods
from hybrid_coordinator.serving.mcp.sharing import sharing_methods
from hybrid_coordinator.serving.mcp.skills import skill_methods
from hybrid_coordinator.serving.mcp.usage import MAX_DAYS, usage_methods
from hybrid_coordinator.session import Session

_APPLICATION_ERROR = -32000


class Owner(Dashboards, Protocol):
    """The process that serves."""

    @property
    def connections(self) -> int: ...

    @property
    def urls(self) -> list[str]: ...

    def stop(self) -> None: ...


class StatsParams(types.RequestParams):
    """``days`` bounds the figures on models."""

    project: str | None = None
    days: int = Field(30, ge=1, le=MAX_DAYS)


class UnwatchParams(types.RequestParams):
    path: str
    project: str | None = None


class ExportParams(types.RequestParams):
    kind: Literal["interactions", "knowledge"]
    after: str | None = None


def add_control_methods(
    server: Server[Any], owner: Owner, engines: Engines, session: Session
) -> None:
    """Teach ``server`` the ``hybrid/...`` requests."""

    async def status(_: Context, __: types.RequestParams) -> Json:
        captured = await engines.captured()
        return {
            "version": __version__,
            "project": session.project,
            "connections": owner.connections,
            "http": owner.urls,
            "engines": engines.state(),
            "settings": engines.settings_notice() or "as in the file",
            "rebuild": _rebuild(engines),
            "capture": captured and results.plain(captured) | {"words": captured.words},
        }

    async def stop(_: Context, __: types.RequestParams) -> Json:
        owner.stop()
        return {}

    async def health(_: Context, __: types.RequestParams) -> Json:
        return {"parts": [asdict(part) for part in await engines.health()]}

    async def stats(_: Context, params: StatsParams) -> Json:
        return await _stats(engines, params)

    async def collections(_: Context, __: types.RequestParams) -> Json:
        return await _collections(engines)

    async def reindex(context: Context, _: types.RequestParams) -> Json:
        waited = _rebuild(engines) is not None
        running = await engines.running()
        await running.rebuild(progress_of(context))
        return await _collections(engines) | {"was_under_way": waited}

    async def unwatch(_: Context, params: UnwatchParams) -> Json:
        coordinator = await engines.get()
        project = params.project or session.project
        path = session.resolve(params.path)
        return {"was_watched": await coordinator.unwatch(path, project=project)}

    async def export(_: Context, params: ExportParams) -> Json:
        coordinator = await engines.get()
        rows, after = await coordinator.export(params.kind, params.after)
        return {"rows": [results.record(row) for row in rows], "after": after}

    methods: tuple[tuple[Handler, type[types.RequestParams]], ...] = (
        (status, types.RequestParams),
        (stop, types.RequestParams),
        (health, types.RequestParams),
        (stats, StatsParams),
        *access_methods(owner, engines),
        *usage_methods(engines),
        *model_methods(engines, session),
        *session_methods(engines, session),
        *job_methods(engines),
        *keeping_methods(engines),
        *skill_methods(engines),
        *memory_methods(engines),
        *sharing_methods(engines, session),
        *dataset_methods(engines, session),
        (collections, types.RequestParams),
        (reindex, types.RequestParams),
        (unwatch, UnwatchParams),
        (export, ExportParams),
    )
    for handler, params in methods:
        server.add_request_handler(f"hybrid/{handler.__name__}", params, _answering(handler))


async def _stats(engines: Engines, params: StatsParams) -> Json:
    coordinator = await engines.get()
    insights = coordinator.insights
    totals = await insights.totals(params.project)
    usage = await insights.routing(params.project, params.days)
    jobs = await coordinator.learning.jobs.counts(params.project)
    return asdict(totals) | {
        "jobs": asdict(jobs),
        "learning": results.plain(await insights.lessons(params.project)),
        "skills": await coordinator.learning.skills.counts(params.project),
        "usage": results.plain(usage),
        "rebuild": _rebuild(engines),
        "disk": results.plain(await insights.disk()),
    }


def _rebuild(engines: Engines) -> Json | None:
    state = engines.rebuild()
    return None if state is None else asdict(state) | {"words": state.words}


async def _collections(engines: Engines) -> Json:
    running = await engines.running()
    return {
        "collections": [asdict(one) for one in await running.collections()],
        "rebuild": _rebuild(engines),
    }


def _answering(handler: Handler) -> Handler:
    async def answer(context: Context, params: Any) -> Json:  # noqa: ANN401 - the SDK erases it
        try:
            return await handler(context, params)
        except HybridError as error:
            raise MCPError(code=_APPLICATION_ERROR, message=str(error)) from error
        # A fault of ours, of any kind: the SDK would answer it with an empty message.
        except Exception as error:
            raise internal_fault(handler.__name__) from error

    return answer
