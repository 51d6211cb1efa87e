"""Workflow templates over the wire: listed at once, filled, and refused with the field's name."""

from __future__ import annotations

from pathlib import Path

import pytest

from hybrid_coordinator.templating import templates
from tests.support.stdio import RpcError, command, session

NOWHERE = "postgresql://127.0.0.1:9/none"


def test_prompts_need_no_engine(home: Path) -> None:
    with session(home, DATABASE_URL=NOWHERE) as client:
        assert "prompts" in client.initialize()["capabilities"]
        listed = client.request("prompts/list", {})["prompts"]
        assert [prompt["name"] for prompt in listed] == [each.name for each in templates()]
        (debugging,) = [prompt for prompt in listed if prompt["name"] == "debugging"]
        assert [
            (argument["name"], argument["required"]) for argument in debugging["arguments"]
        ] == [("problem", True), ("error", False), ("code", False)]
        assert debugging["_meta"] == {"hybrid-coordinator/version": 1}
        filled = client.request(
            "prompts/get",
            {"name": "debugging", "arguments": {"problem": "It stops", "error": "```\nE: x"}},
        )
        (message,) = filled["messages"]
        text = message["content"]["text"]
        assert message["role"] == "user"
        assert text.startswith("Find the cause of this fault: It stops\n\nThe error, word for")
        assert "````\n```\nE: x\n````" in text
        # Only the client that splits arguments has them joined.
        two = {"problem": "slow", "error": "E1"}
        given = client.request("prompts/get", {"name": "debugging", "arguments": two})
        assert "```\nE1\n```" in given["messages"][0]["content"]["text"]
    assert command(home, "stop").returncode == 0


@pytest.mark.parametrize(
    ("name", "arguments", "named"),
    [
        ("debug", {}, "unknown prompt 'debug'; there are: architecture"),
        ("debugging", {}, "problem: required"),
        ("debugging", {"problem": " "}, "problem: required"),
        ("debugging", {"problem": "x", "file": "y"}, "file: debugging has no such argument"),
    ],
)
def test_a_bad_request_is_an_error_that_names_the_field(
    shared_home: Path, name: str, arguments: dict[str, str], named: str
) -> None:
    with session(shared_home) as client:
        client.initialize()
        with pytest.raises(RpcError, match=named):
            client.request("prompts/get", {"name": name, "arguments": arguments})
