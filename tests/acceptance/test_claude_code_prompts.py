"""The workflow templates, as the real Claude Code hands them to its model."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.acceptance.claude_code import NAME, ClaudeCode
from tests.acceptance.messages_api import Block, Conversation, ScriptedModel, say

IN_FULL = "(and so on: the command's arguments are above in full)"


def finish(_: Conversation) -> Sequence[Block]:
    return [say("All done.")]


@pytest.mark.parametrize(
    ("typed", "first_line"),
    [
        ("overflow", "Find the cause of this fault: overflow"),
        ("it fails", "Find the cause of this fault: it fails"),
        (
            "the total is off by 'one cent'",
            f"Find the cause of this fault: the total is {IN_FULL}",
        ),
    ],
)
def test_a_template_is_a_command_and_what_is_typed_behind_it_arrives(
    tmp_path: Path, home: Path, project: Path, typed: str, first_line: str
) -> None:
    with ScriptedModel([finish]) as model:
        claude = ClaudeCode(tmp_path / "user", project, home, model.url)
        claude.add_server()
        account = claude.prompt(f"/mcp__{NAME}__debugging {typed}")
    assert account["result"] == "All done."
    texts = [
        block["text"]
        for message in model.last.body["messages"]
        if message["role"] == "user"
        for block in message["content"]
    ]
    (rendered,) = [text for text in texts if text.startswith("Find the cause")]
    assert rendered.split("\n")[0] == first_line
    assert "The code involved" not in rendered
    assert any(f"<command-args>{typed}</command-args>" in text for text in texts)
