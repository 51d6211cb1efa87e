"""Where a request may come from: this machine's names on loopback, and our own pages."""

from __future__ import annotations

import ipaddress

from starlette.requests import Request

from hybrid_coordinator.errors import AccessDeniedError

_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
_OURS = frozenset({"same-origin", "none"})


def check_host(request: Request) -> None:
    """Refuse a name that was made to point to this machine (DNS rebinding): it would make a
    stranger's page one of ours.

    Raises:
        AccessDeniedError: the Host header is no loopback name with the port that was connected to.
    """
    host, server = request.headers.get("host", ""), request.scope.get("server")
    name, port = _split(host)
    if server is None or port != str(server[1]) or not _is_loopback(name):
        raise AccessDeniedError(
            f"Host {host!r} is not this machine's; use http://127.0.0.1 or http://localhost with "
            "the port of the address that was given"
        )


def check_origin(request: Request) -> None:
    """Refuse what another site's page sends, or embeds.

    Raises:
        AccessDeniedError: it does.
    """
    headers, reads = request.headers, request.method in _SAFE
    site, origin = headers.get("sec-fetch-site"), headers.get("origin")
    navigates = reads and headers.get("sec-fetch-mode") == "navigate"
    if site is not None and site not in _OURS and not navigates:
        raise AccessDeniedError("requests of other sites' pages are refused (Sec-Fetch-Site)")
    if origin is not None and origin.partition("://")[2] != headers.get("host"):
        raise AccessDeniedError("requests of other sites' pages are refused (Origin)")


def _split(host: str) -> tuple[str, str]:
    """Name and port of a Host header (RFC 9112, 3.2); the port is 80 where none is said."""
    if host.endswith("]") or ":" not in host:
        return host, "80"
    name, _, port = host.rpartition(":")
    return name, port


def _is_loopback(name: str) -> bool:
    if name.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(name.removeprefix("[").removesuffix("]")).is_loopback
    except ValueError:
        return False
