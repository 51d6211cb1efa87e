"""Hostile input over stdio: every tool answers with an error that names the field, and goes on."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.serving.test_arguments import GOOD
from tests.support.stdio import RpcError, StdioSession, ToolError, session

BIG = "x" * 200_000
TEXT_FIELDS = {
    "augment_query": "query",
    "ask_local_llm": "prompt",
    "track_interaction": "query",
    "update_outcome": "interaction_id",
    "search_knowledge": "query",
    "store_knowledge": "content",
    "index_codebase": "path",
}


@pytest.fixture
def opened(home: Path, tmp_path: Path) -> Iterator[StdioSession]:
    project = tmp_path / "project"
    project.mkdir()
    with session(home, cwd=project) as one:
        yield one


def test_every_tool_refuses_bad_values_by_name(opened: StdioSession) -> None:
    for name, good in GOOD.items():
        with pytest.raises(ToolError, match="nonsense: unknown parameter; allowed: "):
            opened.tool(name, **good, nonsense=1)
        for field in good:
            for wrong in (17, None, ["x"], "a\0b", ""):
                with pytest.raises(ToolError, match=f"^{field}: "):
                    opened.tool(name, **(good | {field: wrong}))
    assert opened.request("tools/list")["tools"]


def test_an_unknown_tool_is_refused_with_the_names_there_are(opened: StdioSession) -> None:
    with pytest.raises(RpcError, match="unknown tool 'no_such_tool'; there are: augment_query"):
        opened.tool("no_such_tool")


def test_arguments_that_are_no_object_are_refused(opened: StdioSession) -> None:
    for arguments in ("text", 5, ["query"]):
        with pytest.raises(RpcError):
            opened.request("tools/call", {"name": "augment_query", "arguments": arguments})


@pytest.mark.parametrize("name", TEXT_FIELDS)
def test_half_a_surrogate_pair_is_refused_by_name(opened: StdioSession, name: str) -> None:
    field = TEXT_FIELDS[name]
    arguments = json.dumps(GOOD[name] | {field: "MARK"}).replace("MARK", "x\\ud83d")
    line = (
        f'{{"jsonrpc":"2.0","id":ID,"method":"tools/call","params":{{"name":"{name}",'
        f'"arguments":{arguments}}}}}'
    )
    with pytest.raises(RpcError, match=f"params.arguments.{field}: .*surrogate"):
        opened.result(opened.begin_raw(line))


def test_200_kb_texts_are_taken_and_stored_whole(opened: StdioSession) -> None:
    found = opened.tool("augment_query", query=BIG)
    assert found["abstained"]
    tracked = opened.tool(
        "track_interaction", query=BIG, response=BIG, agent_type="remote", model_used="m"
    )
    scored = opened.tool("update_outcome", outcome="success", **tracked, evidence=BIG)
    assert 0 <= scored["value_score"] <= 1
    rows = opened.request("hybrid/export", {"kind": "interactions"})["rows"]
    assert [len(row["query"]) for row in rows] == [len(BIG)]
    stored = opened.tool("store_knowledge", collection="best-practices", title="Big", content=BIG)
    assert stored["action"] == "created"


def test_a_text_over_the_bound_is_refused_by_name(opened: StdioSession) -> None:
    with pytest.raises(ToolError, match="^response: .*1000000"):
        opened.tool(
            "track_interaction",
            query="q",
            response="x" * 1_000_001,
            agent_type="remote",
            model_used="m",
        )


def test_unknown_ids_are_errors_that_name_the_id(opened: StdioSession) -> None:
    missing = "01890000-0000-7000-8000-000000000000"
    with pytest.raises(ToolError, match=missing):
        opened.tool("update_outcome", interaction_id=missing, outcome="success")
    with pytest.raises(ToolError, match="^interaction_id: "):
        opened.tool("update_outcome", interaction_id="not-an-id", outcome="success")
    with pytest.raises(ToolError, match="^context_ids"):
        opened.tool(
            "track_interaction",
            query="q",
            response="r",
            agent_type="remote",
            model_used="m",
            context_ids=["not-an-id"],
        )


def test_collection_fields_are_checked_and_named(opened: StdioSession) -> None:
    base: dict[str, Any] = {"collection": "error-solutions", "title": "t", "content": "c"}
    with pytest.raises(ToolError, match=r"fields\.nonsense: .*error_type"):
        opened.tool("store_knowledge", **base, fields={"nonsense": 1})
    with pytest.raises(ToolError, match=r"fields\.solution_verified: "):
        opened.tool("store_knowledge", **base, fields={"solution_verified": "yes"})
    with pytest.raises(ToolError, match="^collection: .*track_interaction"):
        opened.tool("store_knowledge", collection="interaction-history", title="t", content="c")


def test_bad_paths_are_errors_that_name_them(opened: StdioSession, tmp_path: Path) -> None:
    with pytest.raises(ToolError, match="no-such-directory"):
        opened.tool("index_codebase", path="no-such-directory")
    with pytest.raises(ToolError, match="^path: "):
        opened.tool("index_codebase", path="/")
    with pytest.raises(ToolError, match="^watch: "):
        opened.tool("index_codebase", path=".", watch=True)
    secret = tmp_path / "outside.txt"
    secret.write_text("outside the project")
    for outside in (str(secret), "../outside.txt"):
        with pytest.raises(ToolError, match="^files: .*outside the project"):
            opened.tool("ask_local_llm", prompt="p", files=[outside])
    (tmp_path / "project" / "link.txt").symlink_to(secret)
    with pytest.raises(ToolError, match="^files: .*outside the project"):
        opened.tool("ask_local_llm", prompt="p", files=["link.txt"])


def test_links_that_loop_or_leave_the_root_are_not_followed(
    opened: StdioSession, tmp_path: Path
) -> None:
    project = tmp_path / "project"
    (project / "a.py").write_text("def visible():\n    return 1\n")
    (project / "loop").symlink_to(project)
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "b.py").write_text("def outside_secret():\n    return 2\n")
    (project / "out").symlink_to(outside)
    report = opened.tool("index_codebase", path=".")
    assert report["files"] == 1
    found = opened.tool("search_knowledge", query="outside_secret visible", limit=20)["items"]
    assert [item["source"] for item in found] == ["a.py:1-2"]
