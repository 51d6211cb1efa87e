"""MCP at /mcp: streamable HTTP, as agents on other machines speak it.

The SDK keeps the sessions: who opened one is the only one to use it, those that nobody uses end,
and there is a bound to how many there are. We keep one token from having all of them.
"""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from mcp.server.auth.middleware.bearer_auth import AuthenticatedUser
from mcp.server.auth.provider import AccessToken
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from mcp.shared.inbound import MCP_PROTOCOL_VERSION_HEADER
from mcp_types.version import HANDSHAKE_PROTOCOL_VERSIONS
from starlette.applications import Starlette
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.routing import Route
from starlette.types import Message, Receive, Scope, Send

from hybrid_coordinator.domain.access import OWNER, Identity
from hybrid_coordinator.errors import TooManyRequestsError
from hybrid_coordinator.serving.http.bodies import MAX_BODY_BYTES
from hybrid_coordinator.serving.http.identifying import address, deed
from hybrid_coordinator.serving.http.open_sessions import OpenSessions
from hybrid_coordinator.serving.http.refusals import refusal, refused
from hybrid_coordinator.serving.http.site import Site
from hybrid_coordinator.serving.mcp.server import Context, build_server
from hybrid_coordinator.session import Session

PROJECT_HEADER = "x-hybrid-project"

_SESSION_HEADER = "mcp-session-id"
_MOST_SESSIONS = 1000
_MOST_OF_A_TOKEN = 100
_LONGEST_PROJECT = 200


class Agents:
    """The MCP face of one listener."""

    def __init__(self, site: Site) -> None:
        self._manager = StreamableHTTPSessionManager(
            build_server(site.engines, _session),
            session_idle_timeout=site.patience.session,
            max_sessions=_MOST_SESSIONS,
            max_request_body_size=MAX_BODY_BYTES,
        )
        self.route = Route("/mcp", _Endpoint(self._manager, site))

    @asynccontextmanager
    async def lifespan(self, _: Starlette) -> AsyncIterator[None]:
        """While it runs, agents are served."""
        async with self._manager.run():
            yield


class _Endpoint:
    """The manager, told who asks, and asked for no more sessions than a token may have."""

    def __init__(self, manager: StreamableHTTPSessionManager, site: Site) -> None:
        self._manager = manager
        self._site = site
        self._open = OpenSessions(_MOST_OF_A_TOKEN, site.patience.session)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        project = _project(Request(scope))
        if project is not None and (len(project) > _LONGEST_PROJECT or not project.isprintable()):
            words = f"must be at most {_LONGEST_PROJECT} characters on one line"
            await refusal(400, words, PROJECT_HEADER)(scope, receive, send)
            return
        identity: Identity = scope["state"]["identity"]
        # What a session belongs to; nothing else of it is looked at.
        owner = AccessToken(token="", client_id=identity.token_id or OWNER, scopes=[])
        scope = {**scope, "user": AuthenticatedUser(owner)}
        if identity.token_id is None or not _has_sessions(scope):
            await self._manager.asgi_app(scope, receive, send)
        else:
            await self._counted(identity, identity.token_id, scope, receive, send)

    async def _counted(
        self, identity: Identity, token_id: str, scope: Scope, receive: Receive, send: Send
    ) -> None:
        request = Request(scope)
        try:
            use = self._open.begin(token_id, request.headers.get(_SESSION_HEADER))
        except TooManyRequestsError as error:
            audit = (await self._site.engines.get()).access.audit
            await audit.refuse(deed(request, identity), str(error))
            await refused(error)(scope, receive, send)
            return

        async def watch(message: Message) -> None:
            if message["type"] == "http.response.start":
                status, opened = message["status"], Headers(scope=message).get(_SESSION_HEADER)
                if status < 400 and opened is not None:
                    use.opened(opened)
                if status == 404 or (status < 400 and request.method == "DELETE"):
                    use.ended()
            await send(message)

        try:
            await self._manager.asgi_app(scope, receive, watch)
        finally:
            use.over()


def _has_sessions(scope: Scope) -> bool:
    """Whether a request is of the protocol's versions that have sessions, as the manager tells."""
    version = Headers(scope=scope).get(MCP_PROTOCOL_VERSION_HEADER)
    return version is None or version in HANDSHAKE_PROTOCOL_VERSIONS


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
