"""The API of Learning, Knowledge and Datasets: bad input is said, long work tells of itself."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from hybrid_coordinator.domain.interactions import (
    AgentType,
    NewInteraction,
    Outcome,
    OutcomeKind,
)
from hybrid_coordinator.domain.items import CollectionName
from hybrid_coordinator.domain.knowledge import NewKnowledge
from tests.support.listening import Listening, listening_on

SHOP = "shop-1f3a9c2e"
NOWHERE = "018f0000-0000-7000-8000-000000000000"


@pytest.fixture
async def dashboard(dsn: str, tmp_path: Path) -> AsyncIterator[Listening]:
    async with listening_on(dsn, tmp_path / "home") as listening:
        yield listening


async def lines(dashboard: Listening, path: str, body: dict[str, Any]) -> list[dict[str, Any]]:
    """What long work says."""
    async with dashboard.browser.stream("POST", path, json=body) as answer:
        assert answer.status_code == 200, await answer.aread()
        return [json.loads(line) async for line in answer.aiter_lines()]


async def succeeded(dashboard: Listening, query: str) -> None:
    work = dashboard.coordinator
    done = await work.track(NewInteraction(SHOP, query, "By a lock.", AgentType.REMOTE, "m"))
    await work.update_outcome(done, Outcome(OutcomeKind.SUCCESS, 1, "exit 0"))


@pytest.mark.parametrize(
    ("path", "field"),
    [
        ("api/learning?days=0", "days"),
        ("api/items?sort=evil;--", "sort"),
        ("api/items?size=100000", "size"),
        ("api/items?page=0", "page"),
        ("api/items?state=gone", "state"),
        ("api/items?origin='", "origin"),
        ("api/knowledge?query=x", "project"),
        ("api/knowledge?project=p&query=%20", "query"),
        ("api/knowledge?project=p&query=x&collection=secrets", "collection"),
        ("api/entries/no-id", "id"),
        ("api/jobs?limit=1", "limit"),
    ],
)
async def test_a_bad_question_names_its_field(dashboard: Listening, path: str, field: str) -> None:
    answer = await dashboard.browser.get(path)
    assert (answer.status_code, answer.json()["error"]["field"]) == (400, field)


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        (f"api/skills/{NOWHERE}/accept", {}, 404),
        (f"api/skills/{NOWHERE}/retire", {"reason": " "}, 400),
        (f"api/entries/{NOWHERE}/delete", {}, 404),
        (f"api/entries/{NOWHERE}/edit", {"content": 5}, 400),
        ("api/jobs/drop", {"id": 7}, 404),
        ("api/jobs/drop", {"id": 2**40}, 400),
        ("api/jobs/retry", {"all": True}, 400),
        ("api/index/update", {"project": SHOP, "root": "/etc"}, 404),
        ("api/index/watch", {"project": SHOP, "root": "/", "watch": True}, 404),
        ("api/datasets/build", {"format": "csv"}, 400),
        ("api/datasets/build", {"min_value": 2}, 400),
        ("api/datasets/build", {"output_dir": "/etc"}, 400),
    ],
)
async def test_a_bad_action_changes_nothing_and_says_why(
    dashboard: Listening, path: str, body: dict[str, Any], status: int
) -> None:
    answer = await dashboard.browser.post(path, json=body)
    assert answer.status_code == status
    assert answer.json()["error"]["message"]


async def test_a_preview_is_no_showing(dashboard: Listening) -> None:
    new = NewKnowledge(
        CollectionName.BEST_PRACTICES, SHOP, "Lock rows in one order", "Else two writers wait."
    )
    stored, _ = await dashboard.coordinator.store(new)
    await dashboard.coordinator.projector.drain(60)
    query = "in which order do I lock rows"
    seen = await dashboard.got("api/knowledge", project=SHOP, query=query)
    assert [(each["item"]["id"], each["fate"]) for each in seen["candidates"]] == [
        (stored, "shown")
    ]
    assert "Else two writers wait." in seen["text"]
    assert not seen["abstained"]
    shown = await dashboard.coordinator.augment(
        query, agent_type=AgentType.REMOTE, project=SHOP, collections=None, max_tokens=1500
    )
    assert [item.id for item in shown.items] == [stored]


async def test_a_build_tells_how_far_it_is_and_what_came_of_it(dashboard: Listening) -> None:
    for at in range(3):
        await succeeded(dashboard, f"Lock row {at} of the ledger")
    *progress, last = await lines(dashboard, "api/datasets/build", {"min_value": 0.1})
    assert progress[-1] == {"done": 3, "total": None, "words": "interactions read"}
    assert sum(last["result"]["counts"].values()) + sum(last["result"]["dropped"].values()) == 3
    (known,) = (await dashboard.got("api/datasets"))["datasets"]
    assert known["directory"] == last["result"]["directory"]


async def test_what_goes_wrong_in_the_midst_is_the_last_line(dashboard: Listening) -> None:
    directory = dashboard.coordinator.datasets_dir
    directory.parent.mkdir(exist_ok=True)
    directory.write_text("a file is in the way")
    (last,) = await lines(dashboard, "api/datasets/build", {})
    assert last["error"]["field"] == "output_dir"


async def test_a_page_that_is_left_does_not_stop_the_work(dashboard: Listening) -> None:
    await succeeded(dashboard, "Lock the row of the ledger")
    async with dashboard.browser.stream("POST", "api/datasets/build", json={"min_value": 0.1}):
        pass  # and away
    async with asyncio.timeout(60):
        while not (await dashboard.got("api/datasets"))["datasets"]:
            pass  # the question takes its time
