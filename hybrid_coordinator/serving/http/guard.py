"""What stands before every route: where a request may come from, and who asks."""

from __future__ import annotations

import ipaddress

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from hybrid_coordinator.domain.access import LOCAL, Identity
from hybrid_coordinator.errors import AccessDeniedError, HybridError, NotAuthenticatedError
from hybrid_coordinator.serving.http.refusals import refused
from hybrid_coordinator.serving.http.site import Site

OPEN = frozenset({"/healthz", "/readyz"})
"""Paths that tell a stranger nothing."""

_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
_OURS = frozenset({"same-origin", "none"})


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
        request = Request(scope)
        try:
            self._check_place(request)
            if request.url.path not in OPEN:
                scope.setdefault("state", {})["identity"] = self._identify(request)
        except HybridError as error:
            await refused(error)(scope, receive, send)
            return
        await self.app(scope, receive, send)

    def _check_place(self, request: Request) -> None:
        headers = request.headers
        host = headers.get("host", "")
        if self._site.trusted and not _is_loopback(host, request):
            # A name that was made to point here (DNS rebinding) would make a stranger's page
            # one of ours.
            raise AccessDeniedError(
                f"Host {host!r} is not this machine; use http://127.0.0.1 or http://localhost"
            )
        _check_origin(request.method, headers, host)

    def _identify(self, request: Request) -> Identity:
        if self._site.trusted:
            return LOCAL
        raise NotAuthenticatedError(f"{request.url.path} needs a token")


def _is_loopback(host: str, request: Request) -> bool:
    """Whether a Host header names this machine, and the port that was connected to."""
    name, _, port = host.rpartition(":") if not host.endswith("]") else (host, "", "80")
    if not name:
        name, port = host, "80"
    server = request.scope.get("server")
    if server is None or port != str(server[1]):
        return False
    if name.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(name.strip("[]")).is_loopback
    except ValueError:
        return False


def _check_origin(method: str, headers: Headers, host: str) -> None:
    """Refuse what another site's page sends.

    Raises:
        AccessDeniedError: it does.
    """
    site, origin = headers.get("sec-fetch-site"), headers.get("origin")
    navigates = method in _SAFE and headers.get("sec-fetch-mode") == "navigate"
    if site is not None and site not in _OURS and not navigates:
        raise AccessDeniedError("requests of other sites' pages are refused (Sec-Fetch-Site)")
    if origin is not None and origin.partition("://")[2] != host:
        raise AccessDeniedError("requests of other sites' pages are refused (Origin)")
