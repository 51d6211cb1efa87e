"""The tool list against the contract: names, parameters, defaults, schemas, cost."""

from __future__ import annotations

import json
from typing import Any

import pytest

from hybrid_coordinator.serving.mcp.contract import TOOLS
from hybrid_coordinator.serving.mcp.server import TOOL_LIST
from hybrid_coordinator.serving.mcp.tools import HANDLERS

REQUIRED = object()
PARAMETERS: dict[str, dict[str, Any]] = {
    "augment_query": {
        "query": REQUIRED,
        "agent_type": "remote",
        "project": None,
        "collections": None,
        "max_tokens": 1500,
    },
    "ask_local_llm": {
        "prompt": REQUIRED,
        "task_type": "auto",
        "mode": "single",
        "files": None,
        "system": None,
        "json_schema": None,
        "max_tokens": 1024,
        "temperature": 0.2,
        "use_context": True,
        "quality_critical": False,
        "prefer_local": True,
        "project": None,
    },
    "track_interaction": {
        "query": REQUIRED,
        "response": REQUIRED,
        "agent_type": REQUIRED,
        "model_used": REQUIRED,
        "context_ids": None,
        "tokens_used": 0,
        "latency_ms": 0,
        "project": None,
        "session_id": None,
    },
    "update_outcome": {
        "interaction_id": REQUIRED,
        "outcome": REQUIRED,
        "user_feedback": 0,
        "evidence": None,
    },
    "generate_training_data": {
        "format": "openai",
        "min_value": 0.7,
        "output_dir": None,
        "max_examples": None,
    },
    "search_knowledge": {"query": REQUIRED, "collection": None, "project": None, "limit": 5},
    "store_knowledge": {
        "collection": REQUIRED,
        "title": REQUIRED,
        "content": REQUIRED,
        "fields": None,
        "project": None,
    },
    "index_codebase": {"path": REQUIRED, "project": None, "watch": False},
}


def wire() -> dict[str, Any]:
    return json.loads(TOOL_LIST.model_dump_json(by_alias=True, exclude_none=True))


def test_the_list_costs_at_most_1500_tokens_however_it_is_written() -> None:
    assert len(json.dumps(wire())) / 4 <= 1500


def test_the_eight_tools_are_there_and_each_has_a_handler() -> None:
    assert set(TOOLS) == set(PARAMETERS) == set(HANDLERS)


@pytest.mark.parametrize("tool", wire()["tools"], ids=lambda tool: tool["name"])
def test_parameters_and_defaults(tool: dict[str, Any]) -> None:
    expected = PARAMETERS[tool["name"]]
    schema = tool["inputSchema"]
    assert list(schema["properties"]) == list(expected)
    assert schema.get("required", []) == [
        name for name, value in expected.items() if value is REQUIRED
    ]
    defaults = {n: v for n, v in expected.items() if v is not None and v is not REQUIRED}
    assert {n: p["default"] for n, p in schema["properties"].items() if "default" in p} == defaults


@pytest.mark.parametrize("tool", wire()["tools"], ids=lambda tool: tool["name"])
def test_every_tool_has_an_output_schema_and_hints(tool: dict[str, Any]) -> None:
    assert tool["outputSchema"]["type"] == "object"
    assert tool["outputSchema"]["properties"]
    hints = tool["annotations"]
    reads = tool["name"] in {"augment_query", "search_knowledge"}
    assert hints["readOnlyHint"] is reads
    # MCP takes a tool that may write to be destructive unless it says otherwise.
    assert reads or hints["destructiveHint"] is False


def test_what_is_called_around_every_task_is_loaded_from_the_start() -> None:
    """Claude Code defers the other tools until its model searches for them."""
    loaded = {
        t["name"] for t in wire()["tools"] if t.get("_meta") == {"anthropic/alwaysLoad": True}
    }
    assert loaded == {"augment_query", "track_interaction", "update_outcome"}
