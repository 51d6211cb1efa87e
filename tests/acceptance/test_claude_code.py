"""The real Claude Code works with the server: what its model gets to see is what counts."""

from __future__ import annotations

import json
import os
import queue
import signal
import threading
import uuid
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil

from tests.acceptance.claude_code import TOOL_PREFIX, ClaudeCode
from tests.acceptance.messages_api import Block, Conversation, ScriptedModel, call, say
from tests.support.stdio import command, owner_of, processes_of

TRACKED = {
    "query": "Round the invoice total",
    "response": "Used ROUND_HALF_EVEN in invoice_total",
    "agent_type": "remote",
    "model_used": "scripted",
}
ALWAYS_LOADED = ("augment_query", "track_interaction", "update_outcome")
WAIT_SECONDS = 60.0


def use(identifier: str, tool: str, **arguments: object) -> Block:
    """A call of one of our tools."""
    return call(identifier, TOOL_PREFIX + tool, **arguments)


def finish(_: Conversation) -> Sequence[Block]:
    """Last turn."""
    return [say("All done.")]


def test_the_client_connects_and_stop_leaves_no_process(
    tmp_path: Path, home: Path, project: Path
) -> None:
    claude = ClaudeCode(tmp_path / "user", project, home, api="http://127.0.0.1:9")
    claude.add_server()
    listed = claude.run("mcp", "list")
    assert "hybrid-coordinator: " in listed
    assert "Connected" in listed
    assert processes_of(home) != []
    assert command(home, "stop").returncode == 0
    assert processes_of(home) == []


def test_a_session_indexes_asks_tracks_and_says_how_it_went(
    tmp_path: Path, home: Path, project: Path
) -> None:
    unknown = str(uuid.uuid4())

    def search(seen: Conversation) -> Sequence[Block]:
        """The client shows its model only the names of most MCP tools until it asks."""
        loaded = {TOOL_PREFIX + name for name in ALWAYS_LOADED}
        assert {name for name in seen.tool_names if name.startswith(TOOL_PREFIX)} == loaded
        query = f"select:{TOOL_PREFIX}index_codebase"
        return [call("toolu_search", "ToolSearch", query=query, max_results=1)]

    def index(_: Conversation) -> Sequence[Block]:
        return [use("toolu_index", "index_codebase", path=str(project))]

    def ask(_: Conversation) -> Sequence[Block]:
        return [use("toolu_ask", "augment_query", query="how is the invoice total rounded?")]

    def track(seen: Conversation) -> Sequence[Block]:
        shown = seen.tool_result("toolu_ask").json()["context_ids"]
        return [use("toolu_track", "track_interaction", **TRACKED, context_ids=shown)]

    def rate(seen: Conversation) -> Sequence[Block]:
        tracked = seen.tool_result("toolu_track").json()["interaction_id"]
        return [
            use("toolu_rate", "update_outcome", interaction_id=tracked, outcome="success"),
            use("toolu_wrong", "update_outcome", interaction_id=unknown, outcome="success"),
        ]

    with ScriptedModel([search, index, ask, track, rate, finish]) as model:
        claude = ClaudeCode(tmp_path / "user", project, home, model.url)
        claude.add_server()
        account = claude.prompt("Round the invoice total.")

    assert account["result"] == "All done."
    assert account["permission_denials"] == []
    seen = model.last
    assert seen.tool_result("toolu_index").json()["files"] == 2
    augmented = seen.tool_result("toolu_ask").json()
    assert augmented["codebase_context"][0]["source"].startswith("billing/invoice.py:")
    assert "ROUND_HALF_EVEN" in augmented["augmented_prompt"]
    rated = seen.tool_result("toolu_rate").json()
    assert rated["interaction_id"] == seen.tool_result("toolu_track").json()["interaction_id"]
    assert 0 < rated["value_score"] <= 1
    wrong = seen.tool_result("toolu_wrong")
    assert wrong.is_error
    assert unknown in wrong.text
    errors = [name for name in ("index", "ask", "track", "rate") if is_error(seen, name)]
    assert errors == []


def is_error(seen: Conversation, name: str) -> bool:
    return seen.tool_result(f"toolu_{name}").is_error


def test_two_sessions_at_once_share_one_coordinator(
    tmp_path: Path, home: Path, project: Path
) -> None:
    both_there = threading.Barrier(3)
    looked = threading.Barrier(3)
    tracked: queue.Queue[str] = queue.Queue()

    def track(_: Conversation) -> Sequence[Block]:
        both_there.wait(WAIT_SECONDS)
        looked.wait(WAIT_SECONDS)
        return [use("toolu_track", "track_interaction", **TRACKED)]

    def hand_over(seen: Conversation) -> Sequence[Block]:
        tracked.put(seen.tool_result("toolu_track").json()["interaction_id"])
        return finish(seen)

    def wait(_: Conversation) -> Sequence[Block]:
        both_there.wait(WAIT_SECONDS)
        looked.wait(WAIT_SECONDS)
        given = tracked.get(timeout=WAIT_SECONDS)
        return [use("toolu_rate", "update_outcome", interaction_id=given, outcome="partial")]

    with (
        ScriptedModel([track, hand_over]) as first,
        ScriptedModel([wait, finish]) as second,
        ThreadPoolExecutor() as pool,
    ):
        users = [
            ClaudeCode(tmp_path / "first", project, home, first.url),
            ClaudeCode(tmp_path / "second", project, home, second.url),
        ]
        for user in users:
            user.add_server()
        running = [pool.submit(user.prompt, "Go on.") for user in users]
        both_there.wait(WAIT_SECONDS)
        status = json.loads(command(home, "status", "--json").stdout)
        looked.wait(WAIT_SECONDS)
        for session in running:
            assert session.result(WAIT_SECONDS)["result"] == "All done."

    assert status["connections"] == 2
    assert not second.last.tool_result("toolu_rate").is_error


def test_a_killed_coordinator_costs_the_session_nothing_acknowledged(
    tmp_path: Path, home: Path, project: Path
) -> None:
    def track(_: Conversation) -> Sequence[Block]:
        return [use("toolu_track", "track_interaction", **TRACKED)]

    def kill_and_rate(seen: Conversation) -> Sequence[Block]:
        owner = psutil.Process(owner_of(home))
        os.kill(owner.pid, signal.SIGKILL)
        owner.wait(WAIT_SECONDS)
        given = seen.tool_result("toolu_track").json()["interaction_id"]
        return [use("toolu_rate", "update_outcome", interaction_id=given, outcome="success")]

    with ScriptedModel([track, kill_and_rate, finish]) as model:
        claude = ClaudeCode(tmp_path / "user", project, home, model.url)
        claude.add_server()
        claude.prompt("Go on.")

    rated = model.last.tool_result("toolu_rate")
    assert not rated.is_error, rated.text
    assert rated.json()["value_score"] > 0
