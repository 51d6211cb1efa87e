"""Three sessions with nothing but the plugin, and what the first prompt of a fourth one gets."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.claude_code import ClaudeCode
from tests.acceptance.messages_api import Block, Conversation, ScriptedModel, call, say
from tests.support.record import rows
from tests.support.stdio import command, session, wait_until

TOOLS = ("Bash", "Write", "Edit", "Read")
TESTS = f"{sys.executable} -m unittest -q"
STOCK = "def count(bins):\n    return sum(bin.amount for bin in bins)\n"
FIXED = "def count(bins):\n    return sum(bin['amount'] for bin in bins)\n"
BROKEN = "def count(bins):\n    return 0\n"
TEST_STOCK = """import unittest

from stock import count


class Stock(unittest.TestCase):
    def test_bins_are_summed(self):
        self.assertEqual(count([{"amount": 2}, {"amount": 3}]), 5)
"""
LEDGER = """
SELECT session_id, query, response, outcome, outcome_source, outcome_confidence, evidence, (
    SELECT coalesce(json_agg(json_build_array(kind, ok, exit_code) ORDER BY position), '[]')
    FROM actions WHERE interaction_id = current_interactions.id
) AS actions
FROM current_interactions ORDER BY created_at
"""
OPEN_EVENTS = "SELECT key FROM captured_events WHERE NOT done"
FIXES = """
SELECT fields->>'error_type' AS type, content, (fields->>'solution_verified')::boolean AS verified
FROM current_knowledge WHERE collection = 'error-solutions' AND delta <> 'DEPRECATE'
"""


@dataclass(frozen=True)
class Step:
    """A prompt, what the model does about it, and what the ledger must say of it."""

    prompt: str
    does: Sequence[Block] = ()
    says: str = "Done."
    outcome: str | None = None
    actions: Sequence[tuple[str, bool, int | None]] = field(default=())


def bash(use: str, line: str) -> Block:
    return call(use, "Bash", command=line, description="Run it")


def write(use: str, path: Path, text: str) -> Block:
    return call(use, "Write", file_path=str(path), content=text)


def ran(code: int) -> tuple[str, bool, int | None]:
    return "command", code == 0, code


EDITED = ("edit", True, None)


def first_day(root: Path) -> list[Step]:
    stock, other = root / "stock.py", root / "prices.py"
    return [
        Step("What does stock.py do?", says="It counts what is in the bins."),
        Step("Write a test for count in stock.py: bins are dictionaries with an amount.",
             [write("t1", root / "test_stock.py", TEST_STOCK)], "The test is written.",
             actions=[EDITED]),
        Step("Run the tests and fix what fails.",
             [bash("t2", TESTS), call("t3", "Read", file_path=str(stock)),
              write("t4", stock, FIXED), bash("t5", TESTS)],
             "Bins are dictionaries, so count reads bin['amount'] now, and the tests pass.",
             outcome="success", actions=[ran(1), EDITED, ran(0)]),
        Step("Thanks, that works.", says="Glad to hear it."),
        Step("Commit it.", [bash("t6", "git add -A && git commit -qm 'Count bins'")],
             "Committed.", actions=[ran(0)]),
        Step("Add a module prices.py with a function gross(net, rate).",
             [write("t7", other, "def gross(net, rate):\n    return net * (1 + rate)\n")],
             "prices.py has gross now.", actions=[EDITED]),
        Step("What is the usual name for the opposite of gross?", says="Net."),
    ]  # fmt: skip


def second_day(root: Path) -> list[Step]:
    stock = root / "stock.py"
    return [
        Step("Which tests does this project have?", [bash("t1", "ls test_*.py")], "One file.",
             actions=[ran(0)]),
        Step("Make count faster.", [write("t2", stock, BROKEN), bash("t3", TESTS)],
             "It is as fast as can be now; everything is perfect.",
             outcome="failure", actions=[EDITED, ran(1)]),
        Step("No, that is wrong: the tests fail now. Undo it.",
             [write("t4", stock, FIXED), bash("t5", TESTS)],
             "stock.py is as it was, and the tests pass.",
             outcome="success", actions=[EDITED, ran(0)]),
        Step("Is there a linter configured?", says="None."),
        Step("Write a README with one sentence.",
             [write("t6", root / "README.md", "Counts stock.\n")], "Written.", actions=[EDITED]),
        Step("Commit the README.", [bash("t7", "git add -A && git commit -qm README")],
             "Committed.", actions=[ran(0)]),
        Step("What is left to do?", says="Nothing that I know of."),
    ]  # fmt: skip


def third_day(root: Path) -> list[Step]:
    return [
        Step("Show me the last commit.", [bash("t1", "git log -1 --oneline")], "It is the README.",
             actions=[ran(0)]),
        Step("Does the function gross round?", says="No, it does not."),
        Step("Run a command that does not exist.", [bash("t2", "frobnicate --all")],
             "There is no such command.", actions=[ran(127)]),
        Step("How are bins represented?", says="As dictionaries with an amount."),
        Step("Rename nothing, just say yes.", says="Yes."),
        Step("Good. That was all.", says="Until next time."),
    ]  # fmt: skip


DAYS = (first_day, second_day, third_day)
ERROR = (
    'In warehouse.py I get\n  File "warehouse.py", line 41, in total\n'
    "AttributeError: 'dict' object has no attribute 'amount'\nWhat is wrong?"
)


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    root = tmp_path / "shop"
    root.mkdir()
    (root / "stock.py").write_text(STOCK)
    git = ("git", "-c", "user.name=A", "-c", "user.email=a@example.org")
    subprocess.run(["git", "init", "--quiet", str(root)], check=True)
    for key, value in (("user.name", "A"), ("user.email", "a@example.org")):
        subprocess.run(["git", "-C", str(root), "config", key, value], check=True)
    subprocess.run([*git, "-C", str(root), "add", "-A"], check=True)
    subprocess.run([*git, "-C", str(root), "commit", "--quiet", "-m", "Stock"], check=True)
    return root


class Worker:
    """The model's side of every session: plays the steps, one block a request."""

    def __init__(self, days: Sequence[Sequence[Step]]) -> None:
        self._scripts = {
            day[0].prompt: [[block] for step in day for block in (*step.does, say(step.says))]
            for day in days
        }

    def __call__(self, seen: Conversation) -> Sequence[Block]:
        first = json.dumps(seen.body["messages"][0]["content"])
        for prompt, script in self._scripts.items():
            if json.dumps(prompt)[1:-1] in first:
                return script[seen.turn]
        return [say("It is a dictionary.")]


def settled(home: Path, turns: int) -> list[dict[str, Any]]:
    """The ledger, once every event has become part of a turn."""

    def complete() -> bool:
        if json.loads(command(home, "status", "--json").stdout).get("engines") != "up":
            return False
        return (
            not list((home / "inbox").glob("*.json"))
            and not rows(home, OPEN_EVENTS)
            and len(rows(home, LEDGER)) >= turns
        )

    wait_until(complete, timeout=60, what=f"for {turns} turns")
    return [dict(row) | {"actions": json.loads(row["actions"])} for row in rows(home, LEDGER)]


def test_whoever_only_installs_the_plugin_finds_what_their_work_taught(
    tmp_path: Path, home: Path, repository: Path
) -> None:
    days = [day(repository) for day in DAYS]
    steps = [step for day in days for step in day]
    assert len(steps) == 20
    worker = Worker(days)
    with ScriptedModel([worker] * 40) as model:
        claude = ClaudeCode(tmp_path / "user", repository, home, model.url)
        claude.install_plugin()
        for day in days:
            answers = claude.converse([step.prompt for step in day], allowed=TOOLS)
            assert answers == [step.says for step in day]

        ledger = settled(home, 20)
        assert [row["query"] for row in ledger] == [step.prompt for step in steps]
        assert [row["response"] for row in ledger] == [step.says for step in steps]
        assert len({row["session_id"] for row in ledger}) == 3
        for row, step in zip(ledger, steps, strict=True):
            done = [tuple(action) for action in row["actions"]]
            assert done == list(step.actions), step.prompt
            if step.outcome is not None:
                assert row["outcome"] == step.outcome, (step.prompt, row["evidence"])
                assert row["outcome_source"] == "inferred"
                assert 0.5 < row["outcome_confidence"] < 1
        fixed = ledger[2]
        assert "unittest" in fixed["evidence"]

        def learned() -> dict[str, str]:
            return {row["type"]: row["content"] for row in rows(home, FIXES) if row["verified"]}

        wait_until(lambda: len(learned()) == 2, timeout=60, what="for the lessons of both fixes")
        assert "stock.py" in learned()["AttributeError"]
        assert "stock.py" in learned()["AssertionError"]

        with session(home, cwd=repository) as opened:

            def findable() -> bool:
                found = opened.tool("search_knowledge", query=ERROR, collection="error-solutions")
                return any("AttributeError" in item["title"] for item in found["items"])

            wait_until(findable, timeout=60, what="for the lesson to be findable")
        claude.prompt(ERROR, allowed=TOOLS)
        shown = json.dumps(model.last.body["messages"])
    assert "bin['amount']" in shown
