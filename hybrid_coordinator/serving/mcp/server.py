"""The MCP server: the tool contract, bound to the session that a request is of."""

from __future__ import annotations

import asyncio
import json
import logging
import sys
import time
from collections.abc import Awaitable, Callable
from typing import Any, Protocol

import mcp_types as types
from mcp.server.context import ServerRequestContext
from mcp.server.lowlevel import Server
from mcp.shared.exceptions import MCPError

from hybrid_coordinator import __version__
from hybrid_coordinator.coordinator import Coordinator
from hybrid_coordinator.errors import HybridError
from hybrid_coordinator.serving.mcp.admission import admit
from hybrid_coordinator.serving.mcp.contract import INSTRUCTIONS, TOOLS
from hybrid_coordinator.serving.mcp.prompts import prompt, prompt_list
from hybrid_coordinator.serving.mcp.resources import RESOURCES, TEMPLATES, read
from hybrid_coordinator.serving.mcp.tools import HANDLERS
from hybrid_coordinator.session import Session

_log = logging.getLogger(__name__)

Context = ServerRequestContext[Any, Any]

_PROGRESS_SECONDS = 0.1
"""A bar does not get smoother than this, and each notification costs both ends a message."""


class RequestCounts(Protocol):
    """Counts calls of tools."""

    def request(self, tool: str, result: str, seconds: float) -> None:
        """One was called; ``result`` is "ok", "error" or "fault"."""
        ...


class CoordinatorSource(Protocol):
    """Where the coordinator comes from once its engines are up, and who counts the calls."""

    @property
    def recorder(self) -> RequestCounts: ...

    async def get(self) -> Coordinator:
        """The running coordinator; waits for it while it starts.

        Raises:
            HybridError: it cannot start; the next call tries again.
        """
        ...


TOOL_LIST = types.ListToolsResult(tools=[tool.as_tool() for tool in TOOLS.values()])


def build_server(
    source: CoordinatorSource, session_of: Callable[[Context], Session]
) -> Server[Any]:
    """An MCP server; ``session_of`` tells whose a request is. The handshake and the list need no
    engine."""

    async def list_tools(
        context: Context, _: types.PaginatedRequestParams | None
    ) -> types.ListToolsResult:
        has = session_of(context).identity.scope
        allowed = [tool for tool in TOOL_LIST.tools if has.includes(TOOLS[tool.name].scope)]
        return types.ListToolsResult(tools=allowed)

    async def call_tool(
        context: Context, call: types.CallToolRequestParams
    ) -> types.CallToolResult:
        handler = HANDLERS.get(call.name)
        if handler is None:
            raise MCPError(
                code=types.INVALID_PARAMS,
                message=f"unknown tool {call.name!r}; there are: {', '.join(HANDLERS)}",
            )
        started, outcome = time.perf_counter(), "fault"
        try:
            session, arguments = session_of(context), call.arguments or {}
            coordinator = await source.get()
            await admit(coordinator, session, call.name, arguments)
            with coordinator.traffic.request():
                result = await handler(coordinator, session, arguments, progress_of(context))
            outcome = "ok"
        except HybridError as error:
            # The protocol's own form of a raised tool error: the model reads it and can mend
            # its call (modelcontextprotocol.io, Tools, Error Handling).
            outcome = "error"
            return types.CallToolResult(
                content=[types.TextContent(type="text", text=str(error))], is_error=True
            )
        # A fault of ours, of any kind: the SDK would answer it with an empty message.
        except Exception as error:
            raise internal_fault(call.name) from error
        finally:
            source.recorder.request(call.name, outcome, time.perf_counter() - started)
        return types.CallToolResult(
            content=[types.TextContent(type="text", text=json.dumps(result, ensure_ascii=False))],
            structured_content=result,
        )

    async def list_prompts(
        _: Context, __: types.PaginatedRequestParams | None
    ) -> types.ListPromptsResult:
        return await prompt_list()

    async def get_prompt(
        context: Context, asked: types.GetPromptRequestParams
    ) -> types.GetPromptResult:
        peer = context.session.client_params
        client = "" if peer is None else peer.client_info.name
        return await prompt(asked.name, asked.arguments or {}, client=client)

    async def read_resource(
        context: Context, asked: types.ReadResourceRequestParams
    ) -> types.ReadResourceResult:
        try:
            return await read(await source.get(), session_of(context), asked.uri)
        except HybridError as error:
            raise MCPError(code=types.INTERNAL_ERROR, message=str(error)) from error

    return Server(
        "hybrid-coordinator",
        version=__version__,
        instructions=INSTRUCTIONS,
        on_list_tools=list_tools,
        on_call_tool=call_tool,
        on_list_prompts=list_prompts,
        on_get_prompt=get_prompt,
        on_list_resources=_list_resources,
        on_list_resource_templates=_list_resource_templates,
        on_read_resource=read_resource,
    )


async def _list_resources(
    _: Context, __: types.PaginatedRequestParams | None
) -> types.ListResourcesResult:
    return RESOURCES


async def _list_resource_templates(
    _: Context, __: types.PaginatedRequestParams | None
) -> types.ListResourceTemplatesResult:
    return TEMPLATES


def internal_fault(what: str) -> MCPError:
    """Log the exception being handled, and what to tell the client about it."""
    _log.exception("%s failed", what)
    kind = type(sys.exception()).__name__
    return MCPError(
        code=types.INTERNAL_ERROR,
        message=f"{what} failed inside the coordinator ({kind}); its log has the details: "
        "`hybrid-coordinator doctor` names the file",
    )


def progress_of(context: Context) -> Callable[[float, float | None, str], Awaitable[None]]:
    """Progress notifications for a request, thinned out. Free where the client asked for none."""
    last = 0.0

    async def report(done: float, total: float | None, message: str) -> None:
        nonlocal last
        now = time.monotonic()
        if now - last >= _PROGRESS_SECONDS or done == total:
            last = now
            await context.session.report_progress(done, total, message)
        else:
            await asyncio.sleep(0)

    return report
