"""The real Claude Code, on a machine that has nothing but an address and a token."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from tests.acceptance.claude_code import NAME, TOOL_PREFIX, ClaudeCode
from tests.acceptance.messages_api import Block, Conversation, ScriptedModel, call, say
from tests.support.served import made_token, served
from tests.support.stdio import command

TASK = "How is the invoice total of the night train rounded?"


def add(claude: ClaudeCode, url: str, token: str, project: str) -> None:
    """What docs/team.md tells people to run."""
    headers = (f"Authorization: Bearer {token}", f"X-Hybrid-Project: {project}")
    given = [part for header in headers for part in ("--header", header)]
    claude.run("mcp", "add", "--transport", "http", NAME, f"{url}mcp", *given)


def test_a_session_elsewhere_tracks_what_its_user_alone_finds(
    tmp_path: Path, home: Path, project: Path
) -> None:
    def track(_: Conversation) -> Sequence[Block]:
        work = {"response": "By ROUND_HALF_EVEN.", "agent_type": "remote", "model_used": "m"}
        return [call("toolu_track", f"{TOOL_PREFIX}track_interaction", query=TASK, **work)]

    def ask(seen: Conversation) -> Sequence[Block]:
        assert seen.tool_result("toolu_track").json()["interaction_id"]
        return [call("toolu_ask", f"{TOOL_PREFIX}augment_query", query=TASK)]

    def read(seen: Conversation) -> Sequence[Block]:
        found = seen.tool_result("toolu_ask").json()
        return [say(f"{len(found['interaction_history'])} known")]

    with served(home) as url:
        alice, bob = made_token(home, "alice"), made_token(home, "bob")
        with ScriptedModel([track, ask, read]) as model:
            claude = ClaudeCode(tmp_path / "alice", project, home, model.url)
            add(claude, url, alice, "shop")
            assert "Connected" in claude.run("mcp", "list")
            assert claude.prompt("Go")["result"] == "1 known"
        with ScriptedModel([ask_only, read]) as model:
            claude = ClaudeCode(tmp_path / "bob", project, home, model.url)
            add(claude, url, bob, "shop")
            assert claude.prompt("Go")["result"] == "0 known"

        wrong = ClaudeCode(tmp_path / "eve", project, home, "http://127.0.0.1:9")
        add(wrong, url, "hc_wrong", "shop")
        assert "Connected" not in wrong.run("mcp", "list")
        done = command(home, "audit", "--user", "alice", "--json")
        assert [each["action"] for each in reversed(json.loads(done.stdout))] == [
            "tool track_interaction",
            "tool augment_query",
        ]


def ask_only(_: Conversation) -> Sequence[Block]:
    """The question, of somebody who has not tracked it."""
    return [call("toolu_ask", f"{TOOL_PREFIX}augment_query", query=TASK)]
