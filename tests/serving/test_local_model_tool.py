"""`ask_local_llm` over stdio with the real llama-server: what it is sent, what is recorded."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.llama_server import CONTEXT, MODEL, LlamaServer, running
from tests.support.stdio import Json, StdioSession, ToolError, session, wait_until

PROMPT = "Name the colour of the sky."
NOTE = "The sky of this game is painted green.\n"


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("game")
    (root / "sky.txt").write_text(NOTE)
    return root


@pytest.fixture(scope="module")
def opened(shared_home: Path, project: Path, llama_server: LlamaServer) -> Iterator[StdioSession]:
    with session(shared_home, cwd=project, LLAMA_CPP_BASE_URL=llama_server.url) as one:
        yield one


def ask(opened: StdioSession, prompt: str = PROMPT, **options: Any) -> Json:
    """A short answer without context, unless the options say otherwise."""
    return opened.tool(
        "ask_local_llm", **{"prompt": prompt, "max_tokens": 40, "use_context": False, **options}
    )


def recorded(opened: StdioSession, interaction_id: str) -> Json:
    rows = opened.request("hybrid/export", {"kind": "interactions"})["rows"]
    (row,) = [row for row in rows if row["id"] == interaction_id]
    return row


def test_the_answer_names_its_model_and_what_it_took(
    opened: StdioSession, llama_server: LlamaServer
) -> None:
    answer = ask(opened)
    assert answer["response"].strip()
    assert (answer["model"], answer["endpoint"]) == (MODEL, llama_server.url)
    assert (answer["tier"], answer["cost_usd"], answer["cached"]) == ("LOCAL_FAST", 0.0, False)
    assert answer["tokens_in"] > len(PROMPT), "the model has a token for each character"
    assert 0 < answer["tokens_out"] <= 40
    assert answer["tokens_per_second"] > 0
    assert 0 <= answer["first_token_ms"] <= answer["latency_ms"]
    (attempt,) = answer["attempts"]
    assert (attempt["model"], attempt["tier"]) == (MODEL, "LOCAL_FAST")
    assert attempt["confidence"] == answer["confidence"]
    assert (attempt["outcome"] == "ok") is (answer["confidence"] >= 0.7)
    assert 0 < attempt["latency_ms"] <= answer["latency_ms"]


def test_a_call_is_recorded_as_an_interaction_with_its_attempts(opened: StdioSession) -> None:
    project = "recorded"
    answers = [ask(opened, project=project) for _ in range(2)]
    tokens = [answer["tokens_in"] + answer["tokens_out"] for answer in answers]
    for answer, count in zip(answers, tokens, strict=True):
        row = recorded(opened, answer["interaction_id"])
        assert (row["project"], row["query"]) == (project, PROMPT)
        assert (row["agent_type"], row["model_used"]) == ("local", MODEL)
        assert (row["response"], row["tokens_used"]) == (answer["response"], count)
        assert row["latency_ms"] == answer["latency_ms"]
        assert row["outcome"] is None
    totals = opened.request("hybrid/stats", {"project": project})
    assert totals["interactions"] == 2
    assert (totals["tokens_local"], totals["tokens_remote"]) == (sum(tokens), 0)
    (model,) = totals["models"]
    assert (model["model"], model["tier"], model["attempts"]) == (MODEL, "LOCAL_FAST", 2)
    outcomes = [answer["attempts"][0]["outcome"] for answer in answers]
    assert model["accepted"] == outcomes.count("ok")
    assert model["tokens_in"] == sum(answer["tokens_in"] for answer in answers)
    assert model["tokens_out"] == sum(answer["tokens_out"] for answer in answers)


def test_an_answer_can_be_given_an_outcome(opened: StdioSession) -> None:
    answer = ask(opened, project="rated")
    identifier = answer["interaction_id"]
    opened.tool("update_outcome", interaction_id=identifier, outcome="failure")
    assert recorded(opened, identifier)["outcome"]["kind"] == "failure"
    assert opened.request("hybrid/stats", {"project": "rated"})["outcomes"]["failure"] == 1


def test_files_reach_the_model(opened: StdioSession) -> None:
    without, one, both = (
        ask(opened, files=files)["tokens_in"]
        for files in ([], ["sky.txt"], ["sky.txt", "./sky.txt"])
    )
    assert one - without >= len(NOTE) + len("sky.txt")
    assert both - one >= len(NOTE) + len("sky.txt")


def test_the_system_text_reaches_the_model(opened: StdioSession) -> None:
    system = "Answer in one word, in capital letters."
    assert ask(opened, system=system)["tokens_in"] >= ask(opened)["tokens_in"] + len(system)


def test_context_reaches_the_model_only_if_wanted(opened: StdioSession) -> None:
    project, content = "contextual", "The colour of the sky is green in this game."
    item = opened.tool(
        "store_knowledge",
        collection="best-practices",
        title="Colour of the sky",
        content=content,
        project=project,
    )["id"]
    without = ask(opened, project=project)
    with_it = ask(opened, project=project, use_context=True)
    assert recorded(opened, without["interaction_id"])["context_provided"] == 0
    assert recorded(opened, with_it["interaction_id"])["context_provided"] >= 1
    assert with_it["tokens_in"] >= without["tokens_in"] + len(content)
    found = opened.tool("search_knowledge", query=PROMPT, project=project, limit=10)["items"]
    assert {one["id"]: one["uses"] for one in found}[item] == 1


def test_an_answer_to_a_schema_is_json_that_matches_it(opened: StdioSession) -> None:
    schema = {
        "type": "object",
        "properties": {"ok": {"type": "boolean"}, "kind": {"enum": ["bug", "feature"]}},
        "required": ["ok", "kind"],
        "additionalProperties": False,
    }
    answer = ask(opened, json_schema=schema, max_tokens=400)
    value = json.loads(answer["response"])
    assert set(value) == {"ok", "kind"}
    assert isinstance(value["ok"], bool)
    assert value["kind"] in ("bug", "feature")
    assert answer["checks"]["format"] == 1.0


@pytest.mark.parametrize("max_tokens", [1, 7])
def test_an_answer_is_no_longer_than_was_allowed(opened: StdioSession, max_tokens: int) -> None:
    answer = ask(opened, "List every colour there is, in order.", max_tokens=max_tokens)
    assert answer["tokens_out"] == max_tokens
    assert any("max_tokens" in notice for notice in answer["notices"]), "it says that it was cut"


@pytest.mark.parametrize("option", [{"prefer_local": False}, {"quality_critical": True}])
def test_what_only_a_remote_model_could_give_is_noticed(
    opened: StdioSession, option: dict[str, bool]
) -> None:
    notices = ask(opened, **option)["notices"]
    assert sum("no remote model is configured" in notice for notice in notices) == 1
    assert not any("no remote model" in notice for notice in ask(opened)["notices"])


def test_a_prompt_that_no_model_can_hold_is_refused_by_name(opened: StdioSession) -> None:
    with pytest.raises(ToolError, match=rf"^prompt: .*{CONTEXT}"):
        ask(opened, "word " * CONTEXT)
    assert ask(opened)["response"]


def test_a_server_killed_in_mid_call_is_a_tool_error_and_the_session_goes_on(
    home: Path, tmp_path: Path, tiny_model: Path
) -> None:
    with (
        running(tiny_model, "--ignore-eos") as server,
        session(home, cwd=tmp_path, LLAMA_CPP_BASE_URL=server.url) as opened,
    ):
        assert ask(opened)["response"]
        call = {"prompt": PROMPT, "max_tokens": CONTEXT - 500, "use_context": False}
        number = opened.begin("tools/call", {"name": "ask_local_llm", "arguments": call})
        wait_until(lambda: works(server), what="for the server to begin its answer")
        server.kill()
        failed = opened.result(number)
        assert failed["isError"]
        assert server.url in failed["content"][0]["text"]
        # A failed call is no interaction, and the next one says that no model is there.
        assert opened.request("hybrid/stats")["interactions"] == 1
        with pytest.raises(ToolError, match="^No local model is ready"):
            ask(opened)
        assert opened.tool("search_knowledge", query=PROMPT)["items"]


def works(server: LlamaServer) -> bool:
    """Whether one of its slots is at work (llama-server's own GET /slots)."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=5)
    try:
        connection.request("GET", "/slots")
        return any(slot["is_processing"] for slot in json.load(connection.getresponse()))
    finally:
        connection.close()
