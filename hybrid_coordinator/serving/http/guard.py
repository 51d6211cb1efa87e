"""What stands before every route: where a request may come from, who asks, and how much of it."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping

from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from hybrid_coordinator.errors import HybridError, NotAuthenticatedError
from hybrid_coordinator.serving.http.bodies import MAX_BODY_BYTES, whole_body
from hybrid_coordinator.serving.http.identifying import Holds, identify
from hybrid_coordinator.serving.http.origins import check_host, check_origin
from hybrid_coordinator.serving.http.refusals import RefusedError, refused
from hybrid_coordinator.serving.http.site import Site

LOGIN = "/login"

OPEN = frozenset({"/healthz", "/readyz", "/favicon.ico", LOGIN, "/login.css"})
"""Paths that tell a stranger nothing."""

_SECRET = re.compile(r"hc_[A-Za-z0-9_-]{43}")
"""A whole token: names in code begin like one, too."""

_MOST_STRANGERS_BYTES = 4096
"""Of a body that is read before it is known who sends it: a form with a token."""

_MOST_HEAD_BYTES = 32 * 1024
_HOLDS_SECONDS = 10.0
"""How long a stream goes on before it is asked again whether its token still holds."""

_HEADERS: Mapping[str, str] = {
    "content-security-policy": "default-src 'self'; base-uri 'none'; form-action 'self'; "
    "frame-ancestors 'none'; object-src 'none'",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    # With "no-referrer" a browser hides the origin of a form, and signing in would be refused.
    "referrer-policy": "same-origin",
    "x-content-type-options": "nosniff",
}
"""What every response says to browsers (OWASP Secure Headers)."""


class Guard:
    """ASGI middleware; ``scope["state"]["identity"]`` is who asks."""

    def __init__(self, app: ASGIApp, site: Site) -> None:
        self.app = app
        self._site = site

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        request, holds = Request(scope), None
        try:
            self._check_place(request)
            # As the routes take it; request.url leaves line breaks out, and takes in the Host.
            is_open = request.scope["path"] in OPEN
            if not is_open:
                identity, holds = await identify(request, self._site)
                scope.setdefault("state", {})["identity"] = identity
            if request.method not in ("GET", "HEAD"):
                most = _MOST_STRANGERS_BYTES if is_open else MAX_BODY_BYTES
                receive = await whole_body(request, receive, self._site.patience.body, most)
        except HybridError as error:
            await _refusal(request, error)(scope, receive, guarded(send, None))
            return
        await self.app(scope, receive, guarded(send, holds))

    def _check_place(self, request: Request) -> None:
        if sum(len(name) + len(value) for name, value in request.headers.raw) > _MOST_HEAD_BYTES:
            raise RefusedError(431, f"the headers are over {_MOST_HEAD_BYTES:,} bytes", close=True)
        if self._site.trusted:
            check_host(request)
        check_origin(request)
        target = f"{request.scope['path']} {request.url.query}"
        if _SECRET.search(target) is not None:
            raise RefusedError(
                400,
                "a token in an address ends up in logs and histories: send it as a header, and "
                "revoke this one if it was one",
            )


def _refusal(request: Request, error: HybridError) -> Response:
    shows_pages = "text/html" in request.headers.get("accept", "")
    if isinstance(error, NotAuthenticatedError) and request.method == "GET" and shows_pages:
        return RedirectResponse(LOGIN, 303)
    return refused(error)


def guarded(send: Send, holds: Holds | None, clock: Callable[[], float] = time.monotonic) -> Send:
    """``send`` with our headers. A stream whose token does not hold any more is ended."""
    checked, over = clock(), False

    async def send_on(message: Message) -> None:
        nonlocal checked, over
        if over:
            return
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in _HEADERS.items():
                headers.setdefault(name, value)
        elif holds is not None and clock() - checked > _HOLDS_SECONDS:
            checked = clock()
            if not await holds():
                over = True
                message = {"type": "http.response.body", "body": b"", "more_body": False}
        await send(message)

    return send_on
