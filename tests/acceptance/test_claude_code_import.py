"""What the real Claude Code has kept of its sessions is imported: exactly that, and once."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.acceptance.claude_code import ClaudeCode
from tests.acceptance.messages_api import Block, Conversation, ScriptedModel, call, say
from tests.support.stdio import command

TOOLS = ("Bash", "Write", "Read", "Agent")
CHECK = f"{sys.executable} -m unittest -q test_rounding"
TEST = """import unittest

from rounding import MODE


class Rounding(unittest.TestCase):
    def test_mode(self):
        self.assertEqual(MODE, "even")
"""


def imported(home: Path, user: Path) -> dict[str, Any]:
    where = ("--path", str(user / ".claude" / "projects"))
    done = command(home, "import", "claude-code", "--json", *where)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def exported(home: Path) -> list[dict[str, Any]]:
    lines = command(home, "export").stdout.splitlines()
    rows = [row for row in map(json.loads, lines) if row["type"] == "interaction"]
    return sorted(rows, key=lambda row: row["created_at"])


def test_sessions_from_before_the_first_day(tmp_path: Path, home: Path, project: Path) -> None:
    (project / "test_rounding.py").write_text(TEST)
    (project / "rounding.py").write_text("MODE = 'up'\n")
    fixed = str(project / "rounding.py")

    def work(seen: Conversation) -> Sequence[Block]:
        """The model: what it does for each prompt, by how far it is."""
        last = [each for each in seen.body["messages"] if each["role"] == "user"][-1]
        words = json.dumps(last["content"])
        steps: dict[str, Sequence[Block]] = {
            "Fix the rounding": [say("I run the tests."), call("t1", "Bash", command=CHECK)],
            '"t1"': [call("t2", "Read", file_path=fixed)],
            '"t2"': [call("t3", "Write", file_path=fixed, content="MODE = 'even'\n")],
            '"t3"': [call("t4", "Bash", command=CHECK)],
            '"t4"': [say("It rounds to even now.")],
            "Thanks, that works": [say("You're welcome.")],
            "Explain it": [say("Banker's rounding.")],
        }
        return next(blocks for sign, blocks in steps.items() if sign in words)

    with ScriptedModel([work] * 20) as model:
        claude = ClaudeCode(tmp_path / "user", project, home, model.url)
        first = claude.prompt("Fix the rounding.", allowed=TOOLS)
        resumed = ("--resume", first["session_id"])
        claude.prompt("Thanks, that works.", *resumed, allowed=TOOLS)
        claude.prompt("Explain it.", *resumed, "--fork-session", allowed=TOOLS)

    report = imported(home, tmp_path / "user")
    assert (report["files"], report["turns"]) == (2, 3)
    assert report["skipped"] == {"copied from another session": 2}
    assert report["outcomes"] == {"success": 1}
    assert not [reason for reason in report["lines"] if reason.startswith(("unknown", "malf"))]
    one, two, three = exported(home)
    assert (one["query"], one["response"]) == ("Fix the rounding.", "It rounds to even now.")
    assert (one["session_id"], one["project"].rpartition("-")[0]) == (first["session_id"], "shop")
    assert (one["outcome"]["kind"], one["outcome"]["source"]) == ("success", "inferred")
    assert one["outcome"]["feedback"] == 1
    assert "passed after failing, exit code 0" in one["outcome"]["evidence"]
    assert one["model_used"].startswith("claude-")
    assert one["tokens_used"] == 5 * 120
    assert (two["query"], two["outcome"]) == ("Thanks, that works.", None)
    assert three["query"] == "Explain it."
    assert three["session_id"] != first["session_id"]
    again = imported(home, tmp_path / "user")
    assert (again["unchanged"], again["turns"]) == (2, 0)
