"""Who asks: the owner on a listener of this machine, else whoever holds the token or cookie."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from http.cookies import CookieError, SimpleCookie

from starlette.requests import Request

from hybrid_coordinator.coordinator import Coordinator
from hybrid_coordinator.domain.access import LOCAL, Deed, Identity
from hybrid_coordinator.errors import NotAuthenticatedError, TooManyRequestsError
from hybrid_coordinator.serving.http.connections import SAME_USER
from hybrid_coordinator.serving.http.site import Site

COOKIE = "hybrid_session"

_NEEDED = (
    "a token is needed, as `Authorization: Bearer hc_...`; `hybrid-coordinator tokens create` "
    "makes one"
)

Holds = Callable[[], Awaitable[bool]]
"""Whether what was shown still holds."""


async def identify(request: Request, site: Site) -> tuple[Identity, Holds]:
    """Who asks, and how to find out later whether they still may.

    Raises:
        NotAuthenticatedError: it cannot be told.
        TooManyRequestsError: they ask too often.
        HybridError: the record of tokens cannot be reached.
    """
    # Asked of the connection, too: it may have come while a token was asked for.
    if site.trusted and request.scope["state"].get(SAME_USER):
        return LOCAL, _always
    coordinator = await site.engines.get()
    find = _finder(request, coordinator)
    if find is None:
        raise NotAuthenticatedError(_NEEDED)
    identity = await find()
    if identity is None:
        raise await stranger(request, site)
    token_id = identity.token_id
    assert token_id is not None
    try:
        site.limits.of_token(token_id)
    except TooManyRequestsError as error:
        await coordinator.access.audit.refuse(deed(request, identity), str(error))
        raise

    async def holds() -> bool:
        return await find() is not None

    return identity, holds


async def stranger(request: Request, site: Site) -> NotAuthenticatedError:
    """What to answer somebody whose token or cookie does not hold; the audit says that they came.

    Raises:
        TooManyRequestsError: there were too many of these from there.
    """
    site.limits.of_stranger(address(request))
    audit = (await site.engines.get()).access.audit
    await audit.refuse(deed(request, None), "the token does not hold")
    return NotAuthenticatedError(f"the token does not hold, or not any more; {_NEEDED}")


def deed(request: Request, identity: Identity | None, target: str = "") -> Deed:
    """What a request is about to do, for the audit; its path as it was sent, so that no character
    of it is one of a line's or a terminal's."""
    action = f"{request.method} {request.scope['raw_path'].decode('ascii')}"
    if identity is None:
        return Deed(action, target, address(request))
    return Deed(action, target, address(request), identity.user, identity.token_id)


def address(request: Request) -> str:
    """Where a request comes from, as the connection or a trusted proxy has it."""
    return "unknown" if request.client is None else request.client.host


def _finder(
    request: Request, coordinator: Coordinator
) -> Callable[[], Awaitable[Identity | None]] | None:
    """What asks the record for whoever holds what the request brings; None if it brings nothing."""
    tokens = coordinator.access.tokens
    kind, _, secret = request.headers.get("authorization", "").partition(" ")
    if kind.lower() == "bearer":
        return lambda: tokens.holder(secret.strip())
    cookie = cookie_of(request)
    return None if cookie is None else lambda: tokens.browser(cookie)


def cookie_of(request: Request) -> str | None:
    """What our cookie holds."""
    try:
        cookies = SimpleCookie(request.headers.get("cookie", ""))
    except CookieError:
        return None
    return cookies[COOKIE].value if COOKIE in cookies else None


async def _always() -> bool:
    return True
