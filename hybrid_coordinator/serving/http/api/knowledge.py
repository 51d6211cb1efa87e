"""What is known: found as an agent would, looked at, changed, forgotten; and the state of the
index."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from pydantic import Field, JsonValue
from starlette.responses import StreamingResponse
from starlette.routing import BaseRoute

from hybrid_coordinator.coordinator import Coordinator
from hybrid_coordinator.domain.access import Scope
from hybrid_coordinator.domain.context import Preview
from hybrid_coordinator.domain.histories import InteractionHistory, KnowledgeHistory
from hybrid_coordinator.domain.insights import IndexInsight
from hybrid_coordinator.domain.items import CollectionName
from hybrid_coordinator.errors import NotFoundError
from hybrid_coordinator.serving.http.api.working import Progress, worked
from hybrid_coordinator.serving.http.requests import Asked, Query, get, post
from hybrid_coordinator.serving.mcp.arguments import AnyText, Name, Text

_PER_COLLECTION = 6
_MOST_TOKENS = 100_000


def routes() -> Sequence[BaseRoute]:
    """Searching, entries, and the index."""
    return [
        get("/api/knowledge", _search),
        get("/api/entries/{id}", _entry),
        post("/api/entries/{id}/edit", _edit),
        post("/api/entries/{id}/retire", _retire),
        post("/api/entries/{id}/delete", _delete),
        get("/api/index", _index),
        post("/api/index/update", _update, scope=Scope.ADMIN),
        post("/api/index/watch", _watch, scope=Scope.ADMIN),
        post("/api/index/rebuild", _rebuild, scope=Scope.ADMIN),
    ]


class _Question(Query):
    query: Text
    project: Name
    collection: CollectionName | None = None
    max_tokens: int = Field(1500, ge=1, le=_MOST_TOKENS)


async def _search(asked: Asked) -> Preview:
    given = asked.query(_Question)
    asked.identity.own(given.project)
    coordinator = await asked.coordinator()
    return await coordinator.preview(
        given.query,
        project=given.project,
        collections=None if given.collection is None else [given.collection],
        limit=_PER_COLLECTION,
        max_tokens=given.max_tokens,
        user=asked.identity.user,
    )


# Entries


class _Change(Query):
    """``fields`` are those to change; null takes one away."""

    content: Text | None = None
    fields: dict[str, JsonValue] = Field(default_factory=dict)


class _Reason(Query):
    reason: Text


class _Nothing(Query):
    """An action that takes no more than its address."""


async def _entry(asked: Asked) -> KnowledgeHistory | InteractionHistory:
    coordinator = await asked.coordinator()
    await coordinator.check_seen(asked.identity, asked.path("id"))
    return await coordinator.memory.show(asked.path("id"))


def _project_of(history: KnowledgeHistory | InteractionHistory) -> str:
    subject = history.item if isinstance(history, KnowledgeHistory) else history.interaction
    return subject.project


async def _own(asked: Asked) -> Coordinator:
    """The coordinator, for whoever may change the entry: one that is everybody's, only who sees
    every project."""
    asked.identity.own(_project_of(await _entry(asked)))
    return await asked.coordinator()


async def _edit(asked: Asked) -> KnowledgeHistory | InteractionHistory:
    given = await asked.body(_Change)
    coordinator = await _own(asked)
    return await coordinator.memory.edit(asked.path("id"), given.content, given.fields)


async def _retire(asked: Asked) -> KnowledgeHistory | InteractionHistory:
    given = await asked.body(_Reason)
    coordinator = await _own(asked)
    await coordinator.memory.retire(asked.path("id"), given.reason)
    return await coordinator.memory.show(asked.path("id"))


async def _delete(asked: Asked) -> object:
    await asked.body(_Nothing)
    coordinator = await _own(asked)
    return await coordinator.memory.delete([asked.path("id")])


# The index


class _Root(Query):
    """A directory that is in the index."""

    project: Name
    root: AnyText


class _Watch(_Root):
    watch: bool


class _OfProject(Query):
    project: str | None = None


async def _index(asked: Asked) -> IndexInsight:
    project = asked.project(asked.query(_OfProject).project)
    coordinator = await asked.coordinator()
    return await coordinator.insights.index(project)


async def _known(asked: Asked, given: _Root) -> Coordinator:
    """The coordinator, for a directory that is indexed: nothing else is brought in from a page.

    Raises:
        NotFoundError: it is not.
    """
    asked.identity.own(given.project)
    coordinator = await asked.coordinator()
    index = await coordinator.insights.index(given.project)
    if not any((each.project, each.root) == (given.project, given.root) for each in index.roots):
        raise NotFoundError(
            f"{given.root} of {given.project} is not in the index; "
            "`hybrid-coordinator index PATH` brings a directory in"
        )
    return coordinator


async def _update(asked: Asked) -> StreamingResponse:
    given = await asked.body(_Root)
    coordinator = await _known(asked, given)

    async def update(progress: Progress) -> object:
        return await coordinator.index(Path(given.root), project=given.project, progress=progress)

    return worked(asked, update)


async def _watch(asked: Asked) -> StreamingResponse:
    given = await asked.body(_Watch)
    coordinator = await _known(asked, given)
    root = Path(given.root)

    async def watch(progress: Progress) -> object:
        if given.watch:
            return await coordinator.index(
                root, project=given.project, watch=True, progress=progress
            )
        return {"was_watched": await coordinator.unwatch(root, project=given.project)}

    return worked(asked, watch)


async def _rebuild(asked: Asked) -> StreamingResponse:
    await asked.body(_Nothing)
    asked.identity.see_all("rebuilding the index")
    running = await asked.site.engines.running()

    async def rebuild(progress: Progress) -> object:
        await running.rebuild(progress)
        return await running.coordinator.insights.index()

    return worked(asked, rebuild)
