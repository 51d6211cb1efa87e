"""What was learned and what waits to be: figures, skills to decide on, jobs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from pydantic import Field
from starlette.routing import BaseRoute

from hybrid_coordinator.coordinator import Coordinator
from hybrid_coordinator.domain.insights import (
    MOST_ROWS,
    ItemFilter,
    ItemOrder,
    ItemPage,
    ItemSort,
    LearningInsight,
    PageRequest,
)
from hybrid_coordinator.domain.items import CollectionName
from hybrid_coordinator.domain.knowledge import Origin
from hybrid_coordinator.serving.http.requests import Asked, Query, get, post
from hybrid_coordinator.serving.mcp.arguments import AnyText, Text
from hybrid_coordinator.serving.mcp.usage import MAX_DAYS

_LARGEST = 2**31 - 1
"""The largest id of a job."""


def routes() -> Sequence[BaseRoute]:
    """Reading and deciding."""
    return [
        get("/api/learning", _learning),
        get("/api/items", _items),
        get("/api/skills/{id}", _skill),
        post("/api/skills/{id}/accept", _accept),
        post("/api/skills/{id}/edit", _edit),
        post("/api/skills/{id}/reject", _reject),
        post("/api/skills/{id}/retire", _retire),
        get("/api/jobs", _jobs),
        post("/api/jobs/retry", _retry),
        post("/api/jobs/drop", _drop),
    ]


class _Period(Query):
    project: str | None = None
    days: int = Field(30, ge=1, le=MAX_DAYS)


async def _learning(asked: Asked) -> LearningInsight:
    given = asked.query(_Period)
    coordinator = await asked.coordinator()
    return await coordinator.insights.learning(asked.project(given.project), given.days)


class _Items(Query):
    project: str | None = None
    collection: CollectionName | None = None
    origin: Origin | None = None
    text: AnyText | None = None
    state: str = Field("in_use", pattern="^(in_use|retired|all)$")
    sort: ItemOrder = ItemOrder.USES
    descending: bool = True
    page: int = Field(1, ge=1, le=100_000)
    size: int = Field(50, ge=1, le=MOST_ROWS)


_RETIRED: Mapping[str, bool | None] = {"in_use": False, "retired": True, "all": None}


async def _items(asked: Asked) -> ItemPage:
    given = asked.query(_Items)
    coordinator = await asked.coordinator()
    chosen = ItemFilter(
        asked.project(given.project),
        given.collection,
        given.origin,
        given.text,
        _RETIRED[given.state],
    )
    return await coordinator.insights.items(
        chosen, ItemSort(given.sort, given.descending), PageRequest(given.page, given.size)
    )


# Skills


class _Content(Query):
    content: Text


class _Reason(Query):
    reason: Text


class _Nothing(Query):
    """An action that takes no more than its address."""


async def _skill(asked: Asked) -> object:
    coordinator = await asked.coordinator()
    details = await coordinator.skill(asked.path("id"))
    subject = details.proposal or details.item
    assert subject is not None  # one of them was asked for
    asked.identity.own(subject.project)
    if asked.identity.token_id is None:
        return details
    user = asked.identity.user
    own = tuple(each for each in details.evidence if each.interaction.user == user)
    return replace(details, evidence=own)


async def _accept(asked: Asked) -> object:
    await asked.body(_Nothing)
    return await (await _deciding(asked)).accept_skill(asked.path("id"))


async def _edit(asked: Asked) -> object:
    given = await asked.body(_Content)
    return await (await _deciding(asked)).edit_skill(asked.path("id"), given.content)


async def _reject(asked: Asked) -> object:
    await asked.body(_Nothing)
    return await (await _deciding(asked)).reject_skill(asked.path("id"))


async def _retire(asked: Asked) -> object:
    given = await asked.body(_Reason)
    return await (await _deciding(asked)).retire_skill(asked.path("id"), given.reason)


async def _deciding(asked: Asked) -> Coordinator:
    """The coordinator, for whoever may see the skill."""
    await _skill(asked)
    return await asked.coordinator()


# Jobs


class _OfProject(Query):
    project: str | None = None


class _Job(Query):
    id: int = Field(ge=1, le=_LARGEST)


class _Retry(Query):
    """``id`` None stands for every job that is parked or rests."""

    id: int | None = Field(None, ge=1, le=_LARGEST)


async def _jobs(asked: Asked) -> object:
    project = asked.project(asked.query(_OfProject).project)
    coordinator = await asked.coordinator()
    jobs = coordinator.learning.jobs
    return {"jobs": await jobs.all(project), "counts": await jobs.counts(project)}


async def _retry(asked: Asked) -> object:
    given = await asked.body(_Retry)
    coordinator = await asked.coordinator()
    if given.id is not None:
        await _own(asked, coordinator, given.id)
    else:
        asked.identity.see_all("retrying every job")
    return {"retried": await coordinator.learning.jobs.retry(given.id)}


async def _drop(asked: Asked) -> object:
    given = await asked.body(_Job)
    coordinator = await asked.coordinator()
    await _own(asked, coordinator, given.id)
    await coordinator.learning.jobs.drop(given.id)
    return {"dropped": given.id}


async def _own(asked: Asked, coordinator: Coordinator, job: int) -> None:
    """Return if the job may be touched by who asks."""
    asked.identity.own(await coordinator.learning.jobs.project_of(job))
