"""What the coordinator put into a prompt comes back in many ways, and is never kept."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from hybrid_coordinator.domain.injected import CLOSING, OPENING
from tests.support.stdio import StdioSession, ToolError, command, session

QUESTION = "how is the wobble factor of a gizmo computed?"
CONTENT = "wobble_factor_of_gizmo"


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("gizmos")
    (root / "gizmo.py").write_text(
        f'def {CONTENT}(gizmo):\n    """Wobble factor of a gizmo."""\n    return gizmo.mass / 7\n'
    )
    return root


@pytest.fixture(scope="module")
def opened(shared_home: Path, project: Path) -> Iterator[StdioSession]:
    with session(shared_home, cwd=project) as one:
        one.tool("index_codebase", path=".")
        yield one


@pytest.fixture(scope="module")
def prompt(opened: StdioSession) -> str:
    prompt = opened.tool("augment_query", query=QUESTION)["augmented_prompt"]
    assert CONTENT in prompt
    assert prompt.startswith(OPENING)
    assert prompt.endswith(f"{CLOSING}\n\nTask:\n{QUESTION}")
    return prompt


def exported(home: Path) -> str:
    done = command(home, "export")
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_tracked_prompt_is_its_query_and_a_quoting_response_its_own_words(
    opened: StdioSession, prompt: str, shared_home: Path
) -> None:
    opened.tool(
        "track_interaction",
        query=prompt,
        response=f"I was given\n\n> {prompt.replace(chr(10), chr(10) + '> ')}\n\nand divided.",
        agent_type="remote",
        model_used="m",
    )

    rows = [json.loads(line) for line in exported(shared_home).splitlines()]
    (row,) = (row for row in rows if row.get("query") == QUESTION)
    assert CONTENT not in row["response"]
    assert row["response"].startswith("I was given")
    assert row["response"].endswith("and divided.")


def test_stored_knowledge_is_without_it(
    opened: StdioSession, prompt: str, shared_home: Path
) -> None:
    stored = opened.tool(
        "store_knowledge",
        collection="skills-patterns",
        title="Gizmos wobble",
        content=f"Divide the mass.\n{prompt}",
        fields={"success_examples": [prompt]},
    )

    rows = [json.loads(line) for line in exported(shared_home).splitlines()]
    (row,) = (row for row in rows if row["id"] == stored["id"])
    assert CONTENT not in json.dumps(row)
    assert row["content"].startswith("Divide the mass.")
    assert row["fields"]["success_examples"] == [QUESTION]


@pytest.mark.parametrize(
    ("tool", "arguments", "field"),
    [
        ("augment_query", {"query": None}, "query"),
        ("search_knowledge", {"query": None}, "query"),
        (
            "track_interaction",
            {"query": "q", "response": None, "agent_type": "remote", "model_used": "m"},
            "response",
        ),
        (
            "store_knowledge",
            {"collection": "skills-patterns", "title": "Only context", "content": None},
            "content",
        ),
    ],
)
def test_nothing_but_context_is_refused(
    opened: StdioSession, prompt: str, tool: str, arguments: dict, field: str
) -> None:
    context = prompt.removesuffix(QUESTION)
    given = {name: context if value is None else value for name, value in arguments.items()}
    with pytest.raises(ToolError, match=f"{field}: holds nothing but context"):
        opened.tool(tool, **given)


def test_a_prompt_asked_again_is_its_question(opened: StdioSession, prompt: str) -> None:
    again = opened.tool("augment_query", query=prompt)
    assert again["augmented_prompt"].count(OPENING) == 1
    assert again["augmented_prompt"].endswith(f"\n\nTask:\n{QUESTION}")
    ids = [
        [item["id"] for item in opened.tool("search_knowledge", query=query)["items"]]
        for query in (prompt, QUESTION)
    ]
    assert ids[0] == ids[1]


def test_files_are_indexed_without_it(
    opened: StdioSession, prompt: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    root = tmp_path_factory.mktemp("transcripts")
    (root / "session.md").write_text(f"# A session\n\n{prompt}\n\nThe gizmo was greased.\n")
    (root / "session.json").write_text(json.dumps({"note": "rusty gizmo", "sent": prompt}))
    opened.tool("index_codebase", path=str(root), project="transcripts")

    found = opened.tool("search_knowledge", query="gizmo", project="transcripts", limit=50)
    mine = [item for item in found["items"] if item["source"].startswith("session")]

    assert {item["source"].split(":")[0] for item in mine} == {"session.md", "session.json"}
    assert CONTENT not in json.dumps(mine)
    (greased,) = (item for item in mine if "greased" in item["text"])
    lines = (root / "session.md").read_text().splitlines()
    end = int(greased["source"].rpartition("-")[2])
    assert lines[end - 1] == "The gizmo was greased."
