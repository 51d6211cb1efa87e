"""Requests of the command line on skills: what was found, and what a person decides on it."""

from __future__ import annotations

import mcp_types as types

from hybrid_coordinator.composition import Engines
from hybrid_coordinator.serving.mcp import results
from hybrid_coordinator.serving.mcp.requests import Context, Handler, Json


class SkillsParams(types.RequestParams):
    project: str | None = None


class SkillParams(types.RequestParams):
    id: str


class EditSkillParams(SkillParams):
    content: str


class RetireSkillParams(SkillParams):
    reason: str


def skill_methods(engines: Engines) -> tuple[tuple[Handler, type[types.RequestParams]], ...]:
    """The handlers, with what they take."""

    async def skills(_: Context, params: SkillsParams) -> Json:
        coordinator = await engines.get()
        return results.plain(await coordinator.skills(params.project))

    async def skill(_: Context, params: SkillParams) -> Json:
        coordinator = await engines.get()
        return results.plain(await coordinator.skill(params.id))

    async def accept_skill(_: Context, params: SkillParams) -> Json:
        coordinator = await engines.get()
        return {"accepted": results.plain(await coordinator.accept_skill(params.id))}

    async def edit_skill(_: Context, params: EditSkillParams) -> Json:
        coordinator = await engines.get()
        return {"edited": results.plain(await coordinator.edit_skill(params.id, params.content))}

    async def reject_skill(_: Context, params: SkillParams) -> Json:
        coordinator = await engines.get()
        return {"rejected": results.plain(await coordinator.reject_skill(params.id))}

    async def retire_skill(_: Context, params: RetireSkillParams) -> Json:
        coordinator = await engines.get()
        return {"retired": results.plain(await coordinator.retire_skill(params.id, params.reason))}

    return (
        (skills, SkillsParams),
        (skill, SkillParams),
        (accept_skill, SkillParams),
        (edit_skill, EditSkillParams),
        (reject_skill, SkillParams),
        (retire_skill, RetireSkillParams),
    )
