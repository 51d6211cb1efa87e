"""The API of Overview, Routing, Interactions and Models, over a listener and a real record."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest

from hybrid_coordinator.domain.interactions import (
    AgentType,
    NewInteraction,
    Outcome,
    OutcomeKind,
    OutcomeSource,
)
from hybrid_coordinator.serving.http.requests import rendered
from tests.support.listening import Listening, listening_on
from tests.support.model_server import HANG, ModelServer, Stream
from tests.support.model_wire import DONE, openai_delta, openai_usage, vllm_answers

SHOP, SITE = "shop-1f3a9c2e", "site-5e6f7a8b"
HURT = """"><script>hurt()</script>'; DROP TABLE interactions; --"""


@pytest.fixture
async def dashboard(dsn: str, tmp_path: Path) -> AsyncIterator[Listening]:
    async with listening_on(dsn, tmp_path / "home") as listening:
        yield listening


async def worked(dashboard: Listening, query: str, **given: Any) -> str:
    fields: dict[str, Any] = {
        "project": SHOP,
        "response": "Done.",
        "agent_type": AgentType.REMOTE,
        "model_used": "claude-sonnet-5-5",
        "tokens_used": 1200,
        "latency_ms": 3400,
    }
    return await dashboard.coordinator.track(NewInteraction(query=query, **(fields | given)))


async def test_the_first_screen_has_what_the_read_service_says(dashboard: Listening) -> None:
    done = await worked(dashboard, "Lock the row")
    await dashboard.coordinator.update_outcome(done, Outcome(OutcomeKind.SUCCESS, 1, "exit 0"))
    await worked(dashboard, "Write a test", project=SITE)

    overview = await dashboard.got("api/overview", days=7, project=SHOP)
    assert (overview["project"], overview["days"], len(overview["by_day"])) == (SHOP, 7, 7)
    assert (overview["period"]["interactions"], overview["period"]["success_rate"]) == (1, 1.0)
    everything = await dashboard.got("api/overview")
    assert (everything["days"], everything["period"]["interactions"]) == (30, 2)
    told = await dashboard.coordinator.insights.overview(None, 30)
    # Those who share an answer are sent the same bytes, rendered once; nobody else's.
    assert rendered(told).body is rendered(told).body
    assert rendered(replace(told, days=7)).body != rendered(told).body
    assert everything["saving"]["reference"] == told.saving.reference

    assert await dashboard.got("api/projects") == {"projects": [SHOP, SITE], "all": True}
    uplift = await dashboard.got("api/uplift", project=SHOP)
    assert (uplift["identifiable"], uplift["shown"]) == (False, 0)
    routing = await dashboard.got("api/routing", days=2)
    assert (routing["total"]["calls"], len(routing["by_day"])) == (0, 2)
    policy = (await dashboard.browser.get("")).headers["content-security-policy"]
    assert "default-src 'self'" in policy
    assert "unsafe" not in policy, "a script that stands in the page does not run"
    parts = (await dashboard.got("api/health"))["parts"]
    assert {"postgres", "qdrant"} <= {part["name"] for part in parts if part["ok"]}


async def test_interactions_are_filtered_sorted_and_paged(dashboard: Listening) -> None:
    ids = [
        await worked(dashboard, f"Question {at}", tokens_used=at, project=SHOP if at % 2 else SITE)
        for at in range(5)
    ]
    hostile = await worked(dashboard, HURT, agent_type=AgentType.LOCAL, model_used="tiny")
    await dashboard.coordinator.update_outcome(ids[3], Outcome(OutcomeKind.FAILURE, 0, "exit 1"))

    async def found(**query: Any) -> list[str]:
        return [row["id"] for row in (await dashboard.got("api/interactions", **query))["rows"]]

    assert await found() == [hostile, *reversed(ids)], "the newest come first"
    assert await found(sort="tokens_used", descending="false", project=SITE) == ids[::2]
    page = await dashboard.got("api/interactions", size=2, page=2, sort="tokens_used")
    assert [row["tokens_used"] for row in page["rows"]] == [3, 2]
    assert (page["total"], page["page"], page["size"]) == (6, 2, 2)
    assert await found(outcome="failure") == [ids[3]]
    assert await found(outcome="none", agent_type="local", model="tiny") == [hostile]
    assert await found(text=HURT) == [hostile], "a filter is compared, never run"
    assert await found(text="QUESTION 4", outcome="") == [ids[4]], "an empty filter is none"
    assert await found(since="2100-01-01") == []
    assert len(await found(until="2100-01-01", min_value=0)) == 1, "only one was judged"

    facets = await dashboard.got("api/facets", project=SHOP)
    assert facets["models"] == ["claude-sonnet-5-5", "tiny"]


async def test_one_interaction_is_told_whole(dashboard: Listening) -> None:
    done = await worked(dashboard, HURT)
    await dashboard.coordinator.update_outcome(done, Outcome(OutcomeKind.PARTIAL, 0, "1 of 2"))
    one = await dashboard.got(f"api/interactions/{done}")
    assert one["interaction"]["query"] == HURT
    assert one["interaction"]["outcome"]["kind"] == "partial"
    assert [each["evidence"] for each in one["outcomes"]] == ["1 of 2"]
    told = await dashboard.coordinator.insights.interaction(done)
    assert one["components"] == dict(told.components or {})
    assert one["shown"] == [asdict(each) for each in told.shown]


async def test_a_person_says_how_one_ended(dashboard: Listening) -> None:
    done = await worked(dashboard, "Lock the row")
    guessed = Outcome(OutcomeKind.SUCCESS, source=OutcomeSource.INFERRED, confidence=0.6)
    await dashboard.coordinator.update_outcome(done, guessed)

    path = f"api/interactions/{done}/outcome"
    verdict = {"outcome": "failure", "evidence": "it raised"}
    said = await dashboard.browser.post(path, json=verdict)
    assert said.status_code == 200, said.text
    one = await dashboard.got(f"api/interactions/{done}")
    assert one["interaction"]["outcome"] == {
        "kind": "failure",
        "feedback": -1,
        "evidence": "it raised",
        "source": "stated",
        "confidence": 1.0,
    }
    assert one["interaction"]["value_score"] == said.json()["value_score"]
    wrong = await dashboard.browser.post(path, json={"outcome": "splendid"})
    assert (wrong.status_code, wrong.json()["error"]["field"]) == (400, "outcome")
    unknown = path.replace(done, NOBODY)
    assert (await dashboard.browser.post(unknown, json=verdict)).status_code == 404


NOBODY = "01890000-0000-7000-8000-000000000000"
REFUSED = [
    ("api/overview", {"days": "0"}, 400, "days", "greater than or equal to 1"),
    ("api/overview", {"days": "many"}, 400, "days", "integer"),
    ("api/routing", {"dayz": "3"}, 400, "dayz", "allowed: project, days"),
    ("api/interactions", {"page": "0"}, 400, "page", "at least 1"),
    ("api/interactions", {"size": "100000"}, 400, "size", "between 1 and 200"),
    ("api/interactions", {"sort": "query; DROP"}, 400, "sort", "'value_score'"),
    ("api/interactions", {"outcome": "splendid"}, 400, "outcome", "'failure'"),
    ("api/interactions", {"text": "a\0b"}, 400, "text", "NUL"),
    ("api/interactions", {"since": "yesterday"}, 400, "since", "datetime"),
    ("api/interactions/7", {}, 400, "interaction_id", "is no id"),
    (f"api/interactions/{NOBODY}", {}, 404, None, NOBODY),
]


async def test_what_cannot_be_answered_is_refused_with_its_field(dashboard: Listening) -> None:
    for path, query, status, field, words in REFUSED:
        found = await dashboard.refused(path, **query)
        assert found[:2] == (status, field), (path, query, found)
        assert words in found[2]


def answered(*chunks: bytes | str) -> Stream:
    return Stream([*chunks, openai_delta("stop"), openai_usage(), DONE])


@asynccontextmanager
async def answering(
    dsn: str, home: Path, answer: Stream
) -> AsyncIterator[tuple[Listening, ModelServer]]:
    """A dashboard whose only model answers so."""
    async with ModelServer(vllm_answers(answer, model="tiny")) as server:
        kinds = ("llama_cpp", "ollama", "lmstudio", "docker_model_runner")
        inference = {name: [] for name in kinds} | {"vllm": [server.url]}
        async with listening_on(dsn, home, inference=inference) as dashboard:
            yield dashboard, server


async def test_a_prompt_is_answered_as_it_is_written(dsn: str, tmp_path: Path) -> None:
    written = answered(openai_delta(content="It is "), openai_delta(content="blue."))
    async with answering(dsn, tmp_path / "home", written) as (dashboard, server):
        (endpoint,) = (await dashboard.got("api/models"))["endpoints"]
        assert (endpoint["state"], endpoint["breaker"]["state"]) == ("ready", "closed")
        lines = await asked(dashboard, prompt="What colour has the sky?", project=SHOP)
        pieces = [line["piece"] for line in lines if "piece" in line]
        assert "".join(piece["text"] for piece in pieces) == "It is blue."
        assert pieces[0]["model"] == f"tiny at {server.url}"
        reply = lines[-1]["reply"]
        assert reply["response"] == "It is blue."
        one = await dashboard.got(f"api/interactions/{reply['interaction_id']}")
        assert one["interaction"]["project"] == SHOP
        assert [each["outcome"] for each in one["attempts"]] == ["ok"]


async def test_who_leaves_breaks_the_answer_off(dsn: str, tmp_path: Path) -> None:
    endless = Stream([openai_delta(content="It is "), HANG])
    async with answering(dsn, tmp_path / "home", endless) as (dashboard, server):
        body = {"prompt": "What colour has the sky?"}
        async with dashboard.browser.stream("POST", "api/ask", json=body) as answer:
            async for line in answer.aiter_lines():
                if json.loads(line).get("piece", {}).get("text"):
                    break
        # A silent stream would be given up by itself after 60 s.
        async with asyncio.timeout(40):
            while not server.dropped:
                await asyncio.sleep(0.05)


async def asked(dashboard: Listening, **body: Any) -> list[dict[str, Any]]:
    async with dashboard.browser.stream("POST", "api/ask", json=body) as answer:
        assert answer.status_code == 200
        assert answer.headers["content-type"] == "application/x-ndjson"
        return [json.loads(line) async for line in answer.aiter_lines()]


async def test_where_no_model_answers_the_last_line_says_why(dashboard: Listening) -> None:
    *_, last = await asked(dashboard, prompt="What colour has the sky?")
    assert "inference.enabled" in last["error"]["message"]


async def test_a_prompt_must_be_json_of_this_site(dashboard: Listening) -> None:
    post = dashboard.browser.post
    blank = await post("api/ask", json={"prompt": " "})
    assert (blank.status_code, blank.json()["error"]["field"]) == (400, "prompt")
    nowhere = await post("api/ask", json={"prompt": "Why?", "use_context": True})
    assert (nowhere.status_code, nowhere.json()["error"]["field"]) == (400, "use_context")
    form = await post("api/ask", data={"prompt": "Why?"})
    assert form.status_code == 415
    foreign = {"origin": "https://elsewhere.example"}
    assert (await post("api/ask", json={"prompt": "Why?"}, headers=foreign)).status_code == 403
