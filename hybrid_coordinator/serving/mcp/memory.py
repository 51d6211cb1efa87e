"""Requests of the command line on what is remembered: list, show, edit, retire, delete."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import mcp_types as types
from pydantic import Field, JsonValue

from hybrid_coordinator.composition import Engines
from hybrid_coordinator.domain.forgetting import Selection
from hybrid_coordinator.domain.items import CollectionName
from hybrid_coordinator.serving.mcp import results
from hybrid_coordinator.serving.mcp.requests import Context, Handler, Json
from hybrid_coordinator.serving.mcp.server import progress_of

_MOST = 10_000


class SelectionParams(types.RequestParams):
    """``before`` is when an interaction was made, or an entry last changed; ``words`` stand in
    it."""

    collection: CollectionName | None = None
    project: str | None = None
    before: datetime | None = None
    words: Annotated[str, Field(min_length=1)] | None = None

    def selection(self) -> Selection:
        """As the coordinator has it."""
        return Selection(self.collection, self.project, self.before, self.words)


class ListParams(SelectionParams):
    limit: int = Field(50, ge=1, le=_MOST)


class IdParams(types.RequestParams):
    id: str


class EditParams(IdParams):
    """``fields`` are those to change; null takes one away."""

    content: str | None = None
    fields: dict[str, JsonValue] = Field(default_factory=dict)


class RetireParams(IdParams):
    reason: str


class DeleteParams(SelectionParams):
    """By ``ids``, or else by what is selected."""

    ids: list[str] | None = Field(None, min_length=1, max_length=_MOST)


def memory_methods(engines: Engines) -> tuple[tuple[Handler, type[types.RequestParams]], ...]:
    """The handlers, with what they take."""

    async def memory_list(_: Context, params: ListParams) -> Json:
        coordinator = await engines.get()
        return results.plain(await coordinator.memory.listing(params.selection(), params.limit))

    async def memory_show(_: Context, params: IdParams) -> Json:
        coordinator = await engines.get()
        return results.plain(await coordinator.memory.show(params.id))

    async def memory_edit(_: Context, params: EditParams) -> Json:
        coordinator = await engines.get()
        edited = await coordinator.memory.edit(params.id, params.content, params.fields)
        return results.plain(edited)

    async def memory_retire(_: Context, params: RetireParams) -> Json:
        coordinator = await engines.get()
        await coordinator.memory.retire(params.id, params.reason)
        return {}

    async def memory_delete(context: Context, params: DeleteParams) -> Json:
        coordinator = await engines.get()
        if params.ids is not None:
            return results.plain(await coordinator.memory.delete(params.ids))
        progress = progress_of(context)

        async def told(count: int) -> None:
            await progress(count, None, "deleted")

        return results.plain(await coordinator.memory.delete_chosen(params.selection(), told))

    return (
        (memory_list, ListParams),
        (memory_show, IdParams),
        (memory_edit, EditParams),
        (memory_retire, RetireParams),
        (memory_delete, DeleteParams),
    )
