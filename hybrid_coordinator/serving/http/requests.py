"""A route: who may take it, what it is given, and how its result or error is rendered."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import is_dataclass
from typing import TypeVar

from pydantic import BaseModel, ConfigDict
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from hybrid_coordinator.coordinator import Coordinator
from hybrid_coordinator.domain.access import Identity, Scope, target
from hybrid_coordinator.domain.credit import Uplift
from hybrid_coordinator.domain.insights import LearningInsight, Overview, Routing
from hybrid_coordinator.errors import AccessDeniedError, HybridError, InvalidArgumentError
from hybrid_coordinator.serving.http.identifying import deed
from hybrid_coordinator.serving.http.refusals import RefusedError, refused
from hybrid_coordinator.serving.http.site import Site
from hybrid_coordinator.serving.mcp import results
from hybrid_coordinator.serving.mcp.arguments import Name, validated

_JSON = "application/json"
_TARGETS = ("id", "root")
"""Fields of a body that say what is changed, beside its project."""


class Query(BaseModel):
    """Base of what a route takes in its query string. Unknown names are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class _OfProject(Query):
    project: Name | None


Q = TypeVar("Q", bound=BaseModel)


class Asked:
    """One request, as a handler has it."""

    def __init__(self, request: Request) -> None:
        self.request = request
        self.identity: Identity = request.state.identity
        self._content: object = None
        self.site: Site = request.app.state.site

    async def coordinator(self) -> Coordinator:
        """The coordinator, once its engines are up.

        Raises:
            HybridError: they could not be started.
        """
        return await self.site.engines.get()

    def query(self, model: type[Q]) -> Q:
        """The query string as ``model``; an empty value counts as none.

        Raises:
            InvalidArgumentError: it names the field that is off, and what is allowed.
        """
        given = self.request.query_params
        for name in given:
            if len(given.getlist(name)) > 1:
                raise InvalidArgumentError(name, "is given more than once")
        return validated(model, {name: value for name, value in given.items() if value})

    async def body(self, model: type[Q]) -> Q:
        """The JSON body as ``model``.

        Raises:
            InvalidArgumentError: it is not JSON, or a field is off.
        """
        return validated(model, await self._json())

    async def target(self) -> str:
        """What is read or changed, by what names it in the path, the query string or the body;
        never what is said of it."""
        try:
            content = await self._json() if self.request.method == "POST" else {}
        except InvalidArgumentError:
            content = {}  # the handler refuses it
        given = content if isinstance(content, dict) else {}
        return target(
            self.request.query_params.get("project", given.get("project")),
            *self.request.path_params.values(),
            *(given.get(each) for each in _TARGETS),
        )

    async def _json(self) -> object:
        if self._content is None:
            try:
                self._content = json.loads(await self.request.body())
            except (ValueError, RecursionError) as error:
                raise InvalidArgumentError("body", f"is not JSON: {error}") from error
        return self._content

    def path(self, name: str) -> str:
        """A part of the path, as ``{name}`` in it."""
        return str(self.request.path_params[name])

    def project(self, given: str | None) -> str | None:
        """The project to read; see ``Identity.project``. Whose it is comes first: what is refused
        for that is in the audit, however it is written.

        Raises:
            AccessDeniedError: it is not one of theirs.
            InvalidArgumentError: none is given though they have several, or it cannot be a name.
        """
        return validated(_OfProject, {"project": self.identity.project(given)}).project


Handler = Callable[[Asked], Awaitable[object]]
"""Gives a dataclass, a mapping or a list, to be sent as JSON, or a response of its own."""


def get(path: str, handler: Handler, *, scope: Scope = Scope.READ) -> Route:
    """A route that reads."""
    return Route(path, _answering(handler, scope), methods=["GET"])


def post(path: str, handler: Handler, *, scope: Scope = Scope.WRITE) -> Route:
    """A route that changes something, by a JSON body."""
    return Route(path, _answering(handler, scope, takes_json=True), methods=["POST"])


def _answering(
    handler: Handler, scope: Scope, *, takes_json: bool = False
) -> Callable[[Request], Awaitable[Response]]:
    async def answer(request: Request) -> Response:
        asked = Asked(request)
        try:
            if takes_json and not _is_json(request):
                raise RefusedError(415, f"send a body of content-type {_JSON}")
            asked.identity.require(scope, f"{request.method} {request.url.path}")
            if takes_json:
                await _note(asked)
            result = await handler(asked)
        except AccessDeniedError as error:
            await _note(asked, error)
            return refused(error)
        except HybridError as error:
            return refused(error)
        return result if isinstance(result, Response) else rendered(result)

    return answer


async def _note(asked: Asked, refusal: AccessDeniedError | None = None) -> None:
    """Have the audit say what is about to be done under a token, or was refused.

    Raises:
        HybridError: what is to be done cannot be written down.
    """
    if asked.identity.token_id is None:
        return
    audit = (await asked.coordinator()).access.audit
    done = deed(asked.request, asked.identity, await asked.target())
    if refusal is None:
        await audit.allow(done)
    else:
        await audit.refuse(done, str(refusal))


_FIGURES = (Overview, Routing, LearningInsight, Uplift)
_latest: dict[type, tuple[object, bytes]] = {}
"""Of each of these those that were sent last, and their JSON. Twenty dashboards are given the same
ones at once (``insights.sharing``), and a year of days takes milliseconds to render."""


def rendered(value: object, status: int = 200) -> Response:
    """``value`` as JSON that nobody keeps."""
    kind = type(value)
    sent, body = _latest.get(kind, (None, b""))
    if sent is not value:
        body = bytes(JSONResponse(_plain(value)).body)
        if kind in _FIGURES:
            _latest[kind] = value, body
    return Response(body, status, {"cache-control": "no-store"}, media_type=_JSON)


def _plain(value: object) -> object:
    if is_dataclass(value) and not isinstance(value, type):
        return results.plain(value)
    if isinstance(value, Mapping):
        return {str(name): _plain(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    return value


def _is_json(request: Request) -> bool:
    kind = request.headers.get("content-type", "")
    return kind.partition(";")[0].strip().lower() == _JSON
