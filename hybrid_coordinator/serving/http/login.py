"""Signing in with a browser: a form takes the token, and a cookie stands for it from then on."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from urllib.parse import parse_qs

from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from hybrid_coordinator.domain.access import Deed, Scope
from hybrid_coordinator.errors import (
    HybridError,
    NotAuthenticatedError,
    TooManyRequestsError,
)
from hybrid_coordinator.serving.http.guard import LOGIN
from hybrid_coordinator.serving.http.identifying import COOKIE, address, cookie_of, stranger
from hybrid_coordinator.serving.http.refusals import refused
from hybrid_coordinator.serving.http.requests import Asked, get
from hybrid_coordinator.serving.http.site import Site

_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Sign in - Hybrid Coordinator</title>
<link rel="icon" type="image/svg+xml" href="/favicon.ico">
<link rel="stylesheet" href="/login.css">
</head>
<body>
<main>
<h1>Hybrid Coordinator</h1>
<form method="post" action="/login">
<p id="problem" role="alert">{problem}</p>
<label for="token">Token</label>
<input id="token" name="token" type="password" autocomplete="current-password" required autofocus
 aria-describedby="problem hint">
<p id="hint">It begins with hc_. Whoever runs this server makes it with
<code>hybrid-coordinator tokens create</code>.</p>
<button>Sign in</button>
</form>
</main>
</body>
</html>
"""

_STYLE = """:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif;
 background: light-dark(#fbfaf8, #16181c); color: light-dark(#1b1d22, #e9e8e4); }
body { margin: 0; display: grid; place-items: center; min-height: 100vh; }
main { width: min(24rem, 90vw); }
label, input, button { display: block; width: 100%; box-sizing: border-box; font: inherit; }
input, button { padding: .5rem; margin-top: .25rem; border-radius: 10px; }
input { color: inherit; background: light-dark(#ffffff, #1d2025);
 border: 1px solid light-dark(#8b8e97, #777b85); }
button { font-weight: 600; cursor: pointer; border: 1px solid transparent;
 color: light-dark(#ffffff, #10131a); background: light-dark(#1d5fbf, #7fb0f5); }
:focus-visible { outline: 2px solid light-dark(#1d5fbf, #7fb0f5); outline-offset: 2px; }
#hint { color: light-dark(#565a64, #a5a8b0); }
#problem:empty { display: none; }
#problem { font-weight: bold; color: light-dark(#b3261e, #f28b82); }
"""


def routes() -> Sequence[BaseRoute]:
    """The form, and the end of the session."""
    return [
        Route(LOGIN, _form, methods=["GET"]),
        Route("/login.css", _style, methods=["GET"]),
        Route(LOGIN, _sign_in, methods=["POST"]),
        Route("/logout", _sign_out, methods=["POST"]),
        get("/api/session", _session),
    ]


async def _form(_: Request) -> Response:
    return _page()


async def _style(_: Request) -> Response:
    return Response(_STYLE, media_type="text/css")


def _page(problem: str = "", status: int = 200) -> Response:
    page = _PAGE.format(problem=escape(problem))
    return HTMLResponse(page, status, {"cache-control": "no-store"})


async def _sign_in(request: Request) -> Response:
    site: Site = request.app.state.site
    body = (await request.body()).decode("utf-8", "replace")
    secret = parse_qs(body).get("token", [""])[0].strip()
    try:
        access = (await site.engines.get()).access
        identity = await access.tokens.holder(secret)
        if identity is None:
            raise await stranger(request, site)
        assert identity.token_id is not None
        site.limits.of_token(identity.token_id)
        signed = Deed("sign in", "", address(request), identity.user, identity.token_id)
        await access.audit.allow(signed)
        cookie, life = await access.tokens.open_browser(identity)
    except NotAuthenticatedError:
        return _page("This token does not hold, or not any more.", 401)
    except TooManyRequestsError as error:
        return _page(str(error), 429)
    except HybridError as error:
        return refused(error)
    answer = RedirectResponse("/", 303)
    answer.set_cookie(
        COOKIE,
        cookie,
        max_age=int(life.total_seconds()),
        secure=_by_tls(request),
        httponly=True,
        samesite="strict",
    )
    return answer


def _by_tls(request: Request) -> bool:
    """Whether the browser sees https: a proxy in front of us may speak it."""
    return request.url.scheme == "https" or request.headers.get("origin", "").startswith("https:")


async def _sign_out(request: Request) -> Response:
    site: Site = request.app.state.site
    cookie = cookie_of(request)
    if cookie is not None and not site.trusted:
        try:
            access = (await site.engines.get()).access
            identity = await access.tokens.browser(cookie)
            await access.tokens.close_browser(cookie)
            if identity is not None:
                who = identity.user, identity.token_id
                await access.audit.allow(Deed("sign out", "", address(request), *who))
        except HybridError as error:
            return refused(error)
    answer = RedirectResponse(LOGIN, 303)
    answer.delete_cookie(COOKIE, httponly=True, samesite="strict")
    return answer


async def _session(asked: Asked) -> object:
    """Who asks; ``may`` lists the scopes that they have, and "all" where they see every project."""
    identity = asked.identity
    return {
        "user": identity.user,
        "scope": identity.scope.value,
        "projects": None if identity.projects is None else sorted(identity.projects),
        "may": [each.value for each in Scope if identity.scope.includes(each)]
        + (["all"] if identity.projects is None else []),
        "signed_in": identity.token_id is not None,
    }
