"""The plugin in the real Claude Code: the record holds what happened, and nobody called a tool."""

from __future__ import annotations

import json
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from hybrid_coordinator.domain.injected import CLOSING, OPENING
from hybrid_coordinator.domain.turns import turn_key
from tests.acceptance.claude_code import ClaudeCode
from tests.acceptance.messages_api import Block, Conversation, ScriptedModel, call, say
from tests.support.record import rows
from tests.support.stdio import command, session, wait_until

TOOLS = ("Bash", "Write", "Edit", "Agent")
TITLE = "Round invoice totals with banker's rounding"
ADVICE = "Use ROUND_HALF_EVEN when an invoice total is rounded; half-up drifts over many invoices."
TURNS = """
SELECT turn_key, query, response, model_used, agent, interrupted, tokens_used, (
    SELECT coalesce(json_agg(json_build_array(kind, subject, ok, exit_code, detail)
        ORDER BY position), '[]')
    FROM actions WHERE interaction_id = interactions.id
) AS actions
FROM interactions WHERE turn_key IS NOT NULL ORDER BY created_at
"""
WHOLE = """
SELECT id, response, interrupted, (SELECT count(*) FROM actions WHERE interaction_id = i.id),
    (SELECT array_agg((outcome, evidence)::text) FROM outcomes WHERE interaction_id = i.id)
FROM interactions AS i ORDER BY id
"""
OPEN_EVENTS = "SELECT key FROM captured_events WHERE NOT done"
EXPOSURES = """
SELECT query, knowledge.title
FROM exposures
JOIN interactions ON interactions.id = interaction_id
JOIN current_knowledge AS knowledge ON knowledge.id = item_id
WHERE NOT withheld
"""


def finish(_: Conversation) -> Sequence[Block]:
    return [say("All done.")]


def turns_of(home: Path, count: int) -> list[dict[str, Any]]:
    """The turns in the record, once there are so many and no event waits."""

    def complete() -> bool:
        if json.loads(command(home, "status", "--json").stdout).get("engines") != "up":
            return False
        return (
            not list((home / "inbox").glob("*.json"))
            and not rows(home, OPEN_EVENTS)
            and len(rows(home, TURNS)) >= count
        )

    wait_until(complete, timeout=60, what=f"for {count} turns")
    turns = [row | {"actions": json.loads(row["actions"])} for row in rows(home, TURNS)]
    assert len(turns) == count
    return turns


def test_the_record_holds_exactly_what_happened(tmp_path: Path, home: Path, project: Path) -> None:
    new = str(project / "rounding.py")

    def fail(_: Conversation) -> Sequence[Block]:
        return [
            say("Let me run the tests."),
            call("toolu_1", "Bash", command="echo 1 failed; exit 3", description="Run the tests"),
        ]

    def edit(_: Conversation) -> Sequence[Block]:
        return [call("toolu_2", "Write", file_path=new, content="MODE = 'even'\n")]

    def succeed(_: Conversation) -> Sequence[Block]:
        return [call("toolu_3", "Bash", command="echo 1 passed", description="Run the tests")]

    def answer(_: Conversation) -> Sequence[Block]:
        return [say("The total is rounded to even now.")]

    with ScriptedModel([fail, edit, succeed, answer, finish, finish]) as model:
        claude = ClaudeCode(tmp_path / "user", project, home, model.url)
        claude.install_plugin()
        first = claude.prompt("Fix the rounding.", allowed=TOOLS)
        resumed = ("--resume", first["session_id"])
        claude.prompt("Thanks, that works.", *resumed, allowed=TOOLS)
        claude.prompt("/compact", *resumed)
        claude.prompt("Now the other way.", *resumed, "--fork-session", allowed=TOOLS)
    fixed, thanked, forked = turns_of(home, 3)
    one = first["session_id"]
    assert fixed["turn_key"] == turn_key(one, "Fix the rounding.", 1)
    assert fixed["query"] == "Fix the rounding."
    assert fixed["response"] == "The total is rounded to even now."
    assert fixed["model_used"].startswith("claude-")
    assert not fixed["interrupted"]
    assert fixed["tokens_used"] == 4 * 120
    assert fixed["actions"] == [
        ["command", "echo 1 failed; exit 3", False, 3, "1 failed"],
        ["edit", new, True, None, "MODE = 'even'\n"],
        ["command", "echo 1 passed", True, 0, "1 passed"],
    ]
    assert thanked["turn_key"] == turn_key(one, "Thanks, that works.", 1)
    assert thanked["actions"] == []
    assert forked["query"] == "Now the other way."
    assert not forked["turn_key"].startswith(f"claude-code:{one}:")
    # The session files tell of the same turns, and of nothing more.
    before = rows(home, WHOLE)
    claude.hybrid("import")
    assert rows(home, WHOLE) == before
    assert turns_of(home, 3) == [fixed, thanked, forked]


def test_what_the_agent_tracks_itself_is_not_recorded_twice(
    tmp_path: Path, home: Path, project: Path
) -> None:
    ours = "mcp__plugin_hybrid-coordinator_hybrid__"

    def work(_: Conversation) -> Sequence[Block]:
        return [call("toolu_1", "Bash", command="echo 1 passed", description="Run the tests")]

    def track(_: Conversation) -> Sequence[Block]:
        said = {"query": "Round the total", "response": "Rounded it.", "agent_type": "remote"}
        return [call("toolu_2", f"{ours}track_interaction", **said, model_used="scripted")]

    def rate(seen: Conversation) -> Sequence[Block]:
        tracked = seen.tool_result("toolu_2").json()["interaction_id"]
        told = {"interaction_id": tracked, "outcome": "success", "evidence": "1 passed"}
        return [call("toolu_3", f"{ours}update_outcome", **told)]

    with ScriptedModel([work, track, rate, finish]) as model:
        claude = ClaudeCode(tmp_path / "user", project, home, model.url)
        claude.install_plugin()
        claude.prompt("Round the invoice total.", allowed=(*TOOLS, f"{ours}*"))
        before = turns_of(home, 1)
        claude.hybrid("import")
    assert turns_of(home, 1) == before
    (only,) = rows(
        home, "SELECT query, turn_key, outcome, outcome_source FROM current_interactions"
    )
    assert only["turn_key"] is not None
    assert (only["query"], only["outcome"]) == ("Round the total", "success")
    assert only["outcome_source"] == "stated"
    assert [action[0] for action in before[0]["actions"]] == ["command", "tool", "tool"]


def test_a_subagents_work_is_a_turn_of_its_own(tmp_path: Path, home: Path, project: Path) -> None:
    def answer(seen: Conversation) -> Sequence[Block]:
        prompt = seen.body["messages"][0]["content"]
        text = prompt if isinstance(prompt, str) else " ".join(each["text"] for each in prompt)
        if "Look for rounding" in text:
            return look(seen)
        if seen.turn == 0:
            return [
                call(
                    "toolu_agent",
                    "Agent",
                    description="Look for rounding",
                    prompt="Look for rounding in the code.",
                    subagent_type="general-purpose",
                )
            ]
        return [say("It is in invoice.py.")]

    def look(seen: Conversation) -> Sequence[Block]:
        if seen.turn == 0:
            return [call("toolu_grep", "Bash", command="false", description="Search")]
        return [say("Found it in billing/invoice.py.")]

    with ScriptedModel([answer] * 6) as model:
        claude = ClaudeCode(tmp_path / "user", project, home, model.url)
        claude.install_plugin()
        claude.prompt("Where is the rounding done?", allowed=TOOLS)
    by_agent = {turn["agent"]: turn for turn in turns_of(home, 2)}
    subagent, main = by_agent["general-purpose"], by_agent[None]
    assert subagent["query"] == "Look for rounding in the code."
    assert subagent["response"] == "Found it in billing/invoice.py."
    assert subagent["actions"] == [["command", "false", False, 1, ""]]
    assert main["query"] == "Where is the rounding done?"
    assert main["response"] == "It is in invoice.py."
    assert [action[0] for action in main["actions"]] == ["tool"]


def test_sessions_side_by_side_keep_apart(tmp_path: Path, home: Path, project: Path) -> None:
    def act(seen: Conversation) -> Sequence[Block]:
        word = "one" if "Task one" in json.dumps(seen.body["messages"]) else "two"
        return [call("toolu_1", "Bash", command=f"echo {word}", description="Say it")]

    with ScriptedModel([act, finish]) as model, ThreadPoolExecutor() as pool:
        users = [ClaudeCode(tmp_path / name, project, home, model.url) for name in ("a", "b")]
        for user in users:
            user.install_plugin()
        running = [
            pool.submit(user.prompt, f"Task {word}.", allowed=TOOLS)
            for user, word in zip(users, ("one", "two"), strict=True)
        ]
        for each in running:
            each.result(120)
    did = {turn["query"]: turn["actions"][0][1] for turn in turns_of(home, 2)}
    assert did == {"Task one.": "echo one", "Task two.": "echo two"}


def test_a_prompt_gets_what_is_known_and_it_never_becomes_knowledge(
    tmp_path: Path, home: Path, project: Path
) -> None:
    with session(home, cwd=project) as opened:
        opened.tool("store_knowledge", collection="best-practices", title=TITLE, content=ADVICE)
        wait_until(lambda: opened.tool("search_knowledge", query=TITLE)["items"] != [], timeout=60)
        with ScriptedModel([finish]) as model:
            claude = ClaudeCode(tmp_path / "user", project, home, model.url)
            claude.install_plugin()
            claude.prompt("How are invoice totals to be rounded?")
            known = json.dumps(model.last.body["messages"])
            claude.prompt("Tell me a joke about otters in a river.")
            unknown = json.dumps(model.last.body["messages"])
    assert ADVICE in known
    assert known.index(json.dumps(OPENING)[1:-1]) < known.index(ADVICE)
    assert known.index(ADVICE) < known.index(json.dumps(CLOSING)[1:-1])
    assert OPENING not in unknown
    rounding, _ = turns_of(home, 2)
    assert rounding["query"] == "How are invoice totals to be rounded?"
    assert rounding["response"] == "All done."
    # What was shown is on record with the turn that it was shown for.
    assert rows(home, EXPOSURES) == [{"query": rounding["query"], "title": TITLE}]


def test_without_a_coordinator_nothing_breaks_and_nothing_is_lost(
    tmp_path: Path, home: Path, project: Path
) -> None:
    # Settings that no coordinator starts with, until they are mended.
    home.mkdir()
    (home / "hybrid.yaml").write_text("capture: {max_tokens: -1}\n")
    with ScriptedModel([finish]) as model:
        claude = ClaudeCode(tmp_path / "user", project, home, model.url)
        claude.install_plugin()
        assert claude.prompt("Say that you are done.")["result"] == "All done."
    assert len(list((home / "inbox").glob("*.json"))) == 4
    (home / "hybrid.yaml").unlink()
    with session(home):
        (turn,) = turns_of(home, 1)
    assert (turn["query"], turn["response"]) == ("Say that you are done.", "All done.")


def test_uninstalled_it_is_gone(tmp_path: Path, home: Path, project: Path) -> None:
    with ScriptedModel([finish]) as model:
        claude = ClaudeCode(tmp_path / "user", project, home, model.url)
        claude.install_plugin()
        for number in (1, 2):  # Claude Code lists it from the second session on
            claude.prompt(f"Say that you are done, {number}.")
        assert "hybrid-coordinator@hybrid-coordinator" in claude.run("plugin", "list")
        assert "Connected" in claude.run("mcp", "list")
        turns_of(home, 2)
        claude.uninstall_plugin()
        assert "hybrid-coordinator" not in claude.run("plugin", "list")
        assert "hybrid-coordinator" not in claude.run("plugin", "marketplace", "list")
        assert claude.prompt("Say that you are done.")["result"] == "All done."
    assert len(turns_of(home, 2)) == 2
