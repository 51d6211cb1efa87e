"""The dashboard: the page that a browser gets, and what belongs to it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from hybrid_coordinator.serving.http.dashboard.assets import Asset, Assets

PAGES = ("", "routing", "learning", "knowledge", "interactions", "models", "datasets")
"""The first part of each page's address; what follows it is the page's own matter."""

_FOR_EVER = "public, max-age=31536000, immutable"
_ASK_AGAIN = "no-cache"
_ICON = "icon.svg"


def routes() -> Sequence[BaseRoute]:
    """The pages and their files."""
    assets = Assets.read(Path(__file__).parent / "assets")

    async def page(request: Request) -> Response:
        return _sent(request, assets.page, _ASK_AGAIN)

    async def file(request: Request) -> Response:
        asset = assets.files.get(request.path_params["path"])
        # A file of another version would not fit the page that asks for it.
        if asset is None or request.path_params["version"] != assets.version:
            return Response("there is no such file\n", 404, {"cache-control": "no-store"})
        return _sent(request, asset, _FOR_EVER)

    async def icon(request: Request) -> Response:
        # Where browsers look for one, unless the page names another: as that of signing in.
        return _sent(request, assets.files[_ICON], _ASK_AGAIN)

    async def nowhere(request: Request) -> Response:
        # A person who mistyped gets the page, which says so; a program gets the error.
        path, accepted = request.url.path, request.headers.get("accept", "")
        if path.startswith("/api/") or "text/html" not in accepted:
            raise HTTPException(404)
        return _sent(request, assets.page, _ASK_AGAIN, status=404)

    return [
        Route("/assets/{version}/{path:path}", file),
        Route("/favicon.ico", icon),
        *(Route(f"/{name}", page) for name in PAGES),
        *(Route(f"/{name}/{{rest}}", page) for name in PAGES if name),
        Route("/{rest:path}", nowhere),
    ]


def _sent(request: Request, asset: Asset, keep: str, *, status: int = 200) -> Response:
    headers = {"etag": asset.etag, "cache-control": keep, "vary": "accept-encoding"}
    if status == 200 and asset.etag in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    body = asset.body
    if "gzip" in request.headers.get("accept-encoding", ""):
        body = asset.packed
        headers["content-encoding"] = "gzip"
    return Response(body, status, headers, asset.media_type)
