"""A local model words a proposal, once; what it says is checked, and a person's words stay."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any

import pytest

from hybrid_coordinator.domain.jobs import Job
from hybrid_coordinator.domain.secrets import Scrubber
from hybrid_coordinator.domain.skills import WORDING
from hybrid_coordinator.errors import ModelReplyError, ModelUnavailableError
from hybrid_coordinator.learning.skills.rewording import SkillRewording
from hybrid_coordinator.routing.delegate import Delegate
from hybrid_coordinator.routing.planning import Planner
from hybrid_coordinator.settings import LearningSettings, RoutingSettings, Settings
from hybrid_coordinator.storage.postgres.attempts import RouteAttempts
from hybrid_coordinator.storage.postgres.jobs import JobRecords
from tests.learning.patterns.conftest import NOTHING
from tests.learning.skills.conftest import Shop
from tests.support.model_server import HANG, ModelServer, Scripted, Stream
from tests.support.model_wire import openai_answer, vllm_answers

CHAT = "/v1/chat/completions"
SKILL: dict[str, Any] = {
    "purpose": "For releases of a package: its version is raised and the changelog tells of it.",
    "steps": ["Raise the version in pyproject.toml.", "Write the changelog entry of the release."],
    "caution": "Do not forget the changelog entry of the release.",
}


def says(**changed: Any) -> Scripted:
    return openai_answer(json.dumps({**SKILL, **changed}))


def job(proposal: str, tries: int = 1) -> Job:
    return Job(1, WORDING, proposal, "app", {}, tries, 1, 1)


class Words:
    """The rewording, with these endpoints alone."""

    def __init__(self, shop: Shop, closing: AsyncExitStack) -> None:
        self.shop = shop
        self.jobs = JobRecords(shop.database)
        self._closing = closing

    async def proposed(self) -> str:
        await self.shop.releases()
        (found,) = await self.shop.discovery.discover()
        return found

    async def content(self, proposal: str) -> str:
        found = await self.shop.skills.get(proposal)
        assert found is not None
        return found.content

    def by(self, url: str | None, *, wanted: bool = True) -> SkillRewording:
        inference = {**NOTHING, "reply_timeout_seconds": 20.0, **({"vllm": (url,)} if url else {})}
        settings = Settings.model_validate({"inference": inference}).model_copy(
            update={
                "routing": RoutingSettings(preset="strong", seed=1, learn=False),
                "learning": LearningSettings(pattern_extraction=wanted),
            }
        )
        planner = Planner(lambda: settings.routing, None, None)
        models = Delegate(settings, planner, Scrubber(), self.shop.database, stall_seconds=5.0)
        self._closing.push_async_callback(models.close)
        return SkillRewording(
            lambda: models,
            lambda: settings,
            self.shop.skills,
            self.shop.interactions,
            RouteAttempts(self.shop.database),
            Scrubber(),
        )


@pytest.fixture
async def words(shop: Shop) -> AsyncIterator[Words]:
    async with AsyncExitStack() as closing:
        yield Words(shop, closing)


async def test_a_model_words_a_proposal_in_front_of_its_example_and_only_once(words: Words) -> None:
    found = await words.proposed()
    before = await words.content(found)
    async with ModelServer(vllm_answers([says()])) as server:
        rewording = words.by(server.url)
        await rewording.reword(job(found))
        after = await words.content(found)
        await rewording.reword(job(found))  # as after a crash before the job was done
        (body,) = server.bodies(CHAT)
    assert after == (
        "For releases of a package: its version is raised and the changelog tells of it.\n\n"
        "1. Raise the version in pyproject.toml.\n2. Write the changelog entry of the release.\n\n"
        f"Take care: Do not forget the changelog entry of the release.\n\n{before}"
    )
    assert await words.content(found) == after
    assert "Wrote the changelog entry for the release." in body["messages"][-1]["content"]
    proposal = await words.shop.skills.get(found)
    assert proposal is not None
    assert proposal.reason.startswith("worded by ")


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (openai_answer("no JSON"), "not to be relied on|no JSON object"),
        (says(steps=["Only one step to be done."]), "steps|not to be relied on"),
        (says(purpose="[placeholder]"), "is left blank"),
        (says(caution="As an AI language model I cannot know."), "speaks of the model"),
        (
            says(purpose="Knead the dough well.", steps=["Add some flour.", "Bake for an hour."]),
            "nothing of what was done",
        ),
    ],
)
async def test_what_is_no_text_of_this_skill_is_refused(
    words: Words, answer: Scripted, why: str
) -> None:
    found = await words.proposed()
    before = await words.content(found)
    async with ModelServer(vllm_answers([answer])) as server:
        with pytest.raises(ModelReplyError, match=why):
            await words.by(server.url).reword(job(found))
    assert await words.content(found) == before


async def test_the_words_of_a_person_stay(words: Words) -> None:
    found = await words.proposed()
    async with ModelServer(vllm_answers([Stream([HANG, *says().chunks])])) as server:
        server.hold()
        rewording = asyncio.create_task(words.by(server.url).reword(job(found)))
        await server.until_hanging()
        await words.shop.review.edit(found, "Run make release.")
        server.release()
        await rewording
        assert await words.content(found) == "Run make release."
        await words.by(server.url).reword(job(found))
        assert len(server.bodies(CHAT)) == 1


async def test_a_job_is_ordered_with_the_proposal_and_withdrawn_when_a_person_decides(
    words: Words,
) -> None:
    found = await words.proposed()
    assert words.shop.ordered == 1
    assert [(one.kind, one.subject) for one in await words.jobs.all()] == [(WORDING, found)]
    await words.shop.review.accept(found)
    assert await words.jobs.all() == []


async def test_a_job_goes_with_its_proposal(words: Words) -> None:
    await words.proposed()
    await words.shop.database.execute("DELETE FROM interactions")
    assert await words.jobs.all() == []


async def test_without_a_local_model_or_switched_off_it_waits(words: Words) -> None:
    found = await words.proposed()
    before = await words.content(found)
    for rewording, why in (
        (words.by(None), "no local model answers"),
        (words.by(None, wanted=False), "learning.pattern_extraction is off"),
    ):
        obstacle = rewording.kind().obstacle
        assert obstacle is not None
        assert await obstacle() == why
    with pytest.raises(ModelUnavailableError):
        await words.by(None).reword(job(found))
    assert await words.content(found) == before
