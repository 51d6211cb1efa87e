"""Hostile input over stdio: every tool answers with an error that names the field, and goes on."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from hybrid_coordinator.serving.mcp.contract import TOOLS
from tests.serving.test_arguments import GOOD, WRONG
from tests.support.background import in_background
from tests.support.model_server import ModelServer
from tests.support.model_wire import openai_answer, vllm_answers
from tests.support.stdio import Json, RpcError, StdioSession, ToolError, session

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
PARAMETERS = {
    (name, field): schema
    for name, tool in TOOLS.items()
    for field, schema in tool.as_tool().input_schema["properties"].items()
}
WRONG_TYPES: dict[str, tuple[object, ...]] = {
    "string": (17, 1.5, True, ["x"], {"a": 1}),
    "integer": ("5", 1.5, True, [1], {"a": 1}),
    "number": ("0.5", True, [1], {"a": 1}),
    "boolean": ("true", 1, [True], {"a": 1}),
    "array": ("x", 5, True, {"a": 1}),
    "object": ("x", 5, True, ["x"]),
}
HOSTILE = (
    *(BIG, [BIG], {"k": BIG}, {"type": BIG}, {"usage_pattern": BIG}, {"k": {"k": [BIG]}}),
    *(["a\0b"], {"a\0": "b"}, {"a": "b\0"}, {"examples": ["a\0b"]}, {"description": "a\0b"}),
    *([None], [[1]], {"$ref": "#"}, {"$ref": "http://127.0.0.1:9/x"}, {"pattern": "("}),
    *("n" * 300, ["n" * 300], "\x1b[31m", "/dev/zero", ["/dev/zero"], 2**70, 1e300, -1e300),
)


@pytest.fixture(scope="module")
def model() -> Iterator[str]:
    """The URL of a model that can hold anything, so that no call ends at its lack."""
    answers = vllm_answers(openai_answer("It is done."), max_model_len=10_000_000)
    with in_background(ModelServer(answers)) as beside:
        yield beside.server.url


@pytest.fixture
def opened(shared_home: Path, model: str, tmp_path: Path) -> Iterator[StdioSession]:
    """A session in a project of the test's own."""
    project = tmp_path / "project"
    project.mkdir()
    with session(shared_home, cwd=project, HYBRID_INFERENCE_VLLM=model) as one:
        yield one


@pytest.fixture(scope="module")
def talking(
    shared_home: Path, model: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[StdioSession]:
    """One session for the many calls that need no project of their own."""
    project = tmp_path_factory.mktemp("project")
    with session(shared_home, cwd=project, HYBRID_INFERENCE_VLLM=model) as one:
        yield one


def good_arguments(opened: StdioSession, name: str) -> Json:
    """Arguments that the tool takes."""
    if name != "update_outcome":
        return GOOD[name]
    return opened.tool("track_interaction", **GOOD["track_interaction"]) | {"outcome": "success"}


def json_type(schema: Json) -> str:
    if "type" in schema:
        return str(schema["type"])
    return "string" if isinstance(schema["enum"][0], str) else "integer"


def test_every_tool_refuses_bad_values_by_name(opened: StdioSession) -> None:
    for name, good in GOOD.items():
        with pytest.raises(ToolError, match="nonsense: unknown parameter; allowed: "):
            opened.tool(name, **good, nonsense=1)
        for field in good:
            for wrong in (17, None, ["x"], "a\0b", ""):
                with pytest.raises(ToolError, match=f"^{field}: "):
                    opened.tool(name, **(good | {field: wrong}))
    assert opened.request("tools/list")["tools"]


@pytest.mark.parametrize(("name", "field"), PARAMETERS)
def test_every_parameter_refuses_a_wrong_type_by_name(
    talking: StdioSession, name: str, field: str
) -> None:
    good = good_arguments(talking, name)
    for wrong in WRONG_TYPES[json_type(PARAMETERS[name, field])]:
        with pytest.raises(ToolError, match=f"^{field}(: |\\.)"):
            talking.tool(name, **(good | {field: wrong}))


@pytest.mark.parametrize(
    ("name", "field"), [each for each in PARAMETERS if json_type(PARAMETERS[each]) == "string"]
)
def test_every_text_refuses_nul_by_name(talking: StdioSession, name: str, field: str) -> None:
    with pytest.raises(ToolError, match=f"^{field}: "):
        talking.tool(name, **(good_arguments(talking, name) | {field: "a\0b"}))


@pytest.mark.parametrize(("name", "field"), PARAMETERS)
def test_whatever_a_parameter_is_given_it_is_taken_or_refused_by_name(
    talking: StdioSession, name: str, field: str
) -> None:
    good = good_arguments(talking, name)
    taken = talking.tool(name, **good)
    for value in (*WRONG, *HOSTILE):
        try:
            result = talking.tool(name, **(good | {field: value}))
        except ToolError as error:
            assert str(error).partition(":")[0].partition(".")[0] == field
        else:
            assert set(result) == set(taken)


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
    (row,) = [row for row in rows if row["id"] == tracked["interaction_id"]]
    assert (row["query"], row["response"], row["outcome"]["evidence"]) == (BIG, BIG, BIG)
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
    with pytest.raises(ToolError, match="^path: .*no-such-directory"):
        opened.tool("index_codebase", path="no-such-directory")
    (tmp_path / "project" / "up").symlink_to("/")
    for holds_homes in ("/", "~", "~/..", "up"):
        with pytest.raises(ToolError, match="^path: .*is no project"):
            opened.tool("index_codebase", path=holds_homes)
    secret = tmp_path / "outside.txt"
    secret.write_text("outside the project")
    for outside in (str(secret), "../outside.txt"):
        with pytest.raises(ToolError, match="^files: .*outside the project"):
            opened.tool("ask_local_llm", prompt="p", files=[outside])
    (tmp_path / "project" / "link.txt").symlink_to(secret)
    with pytest.raises(ToolError, match="^files: .*outside the project"):
        opened.tool("ask_local_llm", prompt="p", files=["link.txt"])


@pytest.mark.parametrize(
    ("name", "field", "is_list"),
    [
        ("index_codebase", "path", False),
        ("ask_local_llm", "files", True),
        ("generate_training_data", "output_dir", False),
    ],
)
def test_paths_that_lead_nowhere_are_refused_by_name(
    opened: StdioSession, tmp_path: Path, name: str, field: str, is_list: bool
) -> None:
    project = tmp_path / "project"
    (project / "self").symlink_to(project / "self")
    (project / "one").symlink_to("two")
    (project / "two").symlink_to("one")
    (project / "file.py").write_text("x = 1\n")
    for path in ("self", "self/below", "one", "n" * 300, "file.py/below"):
        value = [path] if is_list else path
        with pytest.raises(ToolError, match=f"^{field}: "):
            opened.tool(name, **(GOOD[name] | {field: value}))


def test_the_tilde_of_a_user_who_is_not_there_is_an_ordinary_character(
    opened: StdioSession, tmp_path: Path
) -> None:
    """As in a shell."""
    folder = tmp_path / "project" / "~nobody-of-this-name"
    folder.mkdir()
    (folder / "a.py").write_text("def visible():\n    return 1\n")
    assert opened.tool("index_codebase", path=folder.name)["files"] == 1
    assert opened.tool("ask_local_llm", prompt="p", files=[f"{folder.name}/a.py"])["response"]
    made = opened.tool("generate_training_data", output_dir=f"{folder.name}/data")
    assert made["paths"]["train"].startswith(str(folder))
    with pytest.raises(ToolError, match="^path: .*~nobody-else-of-this-name"):
        opened.tool("index_codebase", path="~nobody-else-of-this-name")


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


def test_a_home_that_is_a_link_is_no_project_either(home: Path, tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    with session(home, HOME=str(tmp_path / "link")) as opened:
        for path in ("real", "link", "~"):
            with pytest.raises(ToolError, match="^path: .*is no project"):
                opened.tool("index_codebase", path=path)


def test_a_pipe_among_the_files_is_refused_and_not_waited_for(
    opened: StdioSession, tmp_path: Path
) -> None:
    os.mkfifo(tmp_path / "project" / "pipe")
    for given in ("pipe", "."):
        with pytest.raises(ToolError, match="^files: "):
            opened.tool("ask_local_llm", timeout=10, prompt="p", files=[given])


def test_a_page_of_long_rows_ends_early_and_the_next_goes_on(home: Path) -> None:
    with session(home) as opened:
        for number in range(6):
            opened.tool(
                "track_interaction",
                query=f"{number}",
                response="x" * 1_000_000,
                agent_type="remote",
                model_used="m",
            )
        pages, after = [], None
        while not pages or after is not None:
            page = opened.request("hybrid/export", {"kind": "interactions", "after": after})
            pages.append([row["query"] for row in page["rows"]])
            after = page["after"]
    assert pages == [["0", "1", "2", "3"], ["4", "5"]]
