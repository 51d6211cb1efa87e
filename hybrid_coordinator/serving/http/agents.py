"""MCP at /mcp: streamable HTTP, as agents on other machines speak it.

The SDK keeps the sessions: who opened one is the only one to use it, those that nobody uses end,
and there is a bound to how many there are.
"""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from mcp.server.auth.middleware.bearer_auth import AuthenticatedUser
from mcp.server.auth.provider import AccessToken
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from hybrid_coordinator.domain.access import OWNER, Identity
from hybrid_coordinator.serving.http.bodies import MAX_BODY_BYTES
from hybrid_coordinator.serving.http.identifying import address
from hybrid_coordinator.serving.http.refusals import refusal
from hybrid_coordinator.serving.http.site import Site
from hybrid_coordinator.serving.mcp.server import Context, build_server
from hybrid_coordinator.session import Session

PROJECT_HEADER = "x-hybrid-project"

_SESSION_HEADER = "mcp-session-id"
_IDLE_SECONDS = 1800.0
_MOST_SESSIONS = 1000
_LONGEST_PROJECT = 200


class Agents:
    """The MCP face of one listener."""

    def __init__(self, site: Site) -> None:
        self._manager = StreamableHTTPSessionManager(
            build_server(site.engines, _session),
            session_idle_timeout=_IDLE_SECONDS,
            max_sessions=_MOST_SESSIONS,
            max_request_body_size=MAX_BODY_BYTES,
        )
        self.route = Route("/mcp", _Endpoint(self._manager))

    @asynccontextmanager
    async def lifespan(self, _: Starlette) -> AsyncIterator[None]:
        """While it runs, agents are served."""
        async with self._manager.run():
            yield


class _Endpoint:
    """The manager, told who asks."""

    def __init__(self, manager: StreamableHTTPSessionManager) -> None:
        self._manager = manager

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        project = _project(Request(scope))
        if project is not None and (len(project) > _LONGEST_PROJECT or not project.isprintable()):
            words = f"must be at most {_LONGEST_PROJECT} characters on one line"
            await refusal(400, words, PROJECT_HEADER)(scope, receive, send)
            return
        identity: Identity = scope["state"]["identity"]
        # What a session belongs to; nothing else of it is looked at.
        owner = AccessToken(token="", client_id=identity.token_id or OWNER, scopes=[])
        await self._manager.asgi_app({**scope, "user": AuthenticatedUser(owner)}, receive, send)


def _session(context: Context) -> Session:
    """Whose a request is: the token's, for the project that the client names in a header."""
    request = context.request
    assert isinstance(request, Request)
    identity: Identity = request.state.identity
    project = _project(request)
    known = request.headers.get(_SESSION_HEADER)
    if known is None:  # a client of the protocol that has no sessions any more
        known = uuid.uuid5(uuid.NAMESPACE_OID, f"{identity.token_id} {project}").hex
    return Session(known, project, identity=identity, place=address(request))


def _project(request: Request) -> str | None:
    return request.headers.get(PROJECT_HEADER) or request.query_params.get("project") or None
