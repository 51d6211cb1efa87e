"""Patterns over MCP: ordered by an outcome, read by a local model, found with their evidence."""

from __future__ import annotations

from pathlib import Path

from tests.support.background import in_background
from tests.support.model_server import ModelServer
from tests.support.patterns import PAGINATION, TASK, jobs, model, only, patterns, says, solved
from tests.support.stdio import command, session, wait_until


def test_a_high_value_outcome_orders_a_pattern_which_is_then_found(home: Path) -> None:
    with (
        in_background(ModelServer(model(says()))) as beside,
        session(home, **only(beside.server.url)) as opened,
    ):
        result = solved(opened)
        assert result["high_value"]
        assert result["queued"] == ["extract_pattern"]
        wait_until(lambda: bool(patterns(opened)), timeout=60, what="for the pattern")
        (item,) = patterns(opened)
        assert PAGINATION["problem_type"] in item["title"]
        for text in (PAGINATION["generalisable_pattern"], PAGINATION["when_to_use"], TASK):
            assert item["text"].count(text) == 1
        assert item["source"].startswith("learned from work that succeeded, ")
        wait_until(lambda: jobs(opened) == {"jobs": [], "words": "none waits"}, what="for its end")
        assert opened.request("hybrid/stats")["interactions"] == 1, "reading is no interaction"
    (asked,) = beside.server.bodies("/v1/chat/completions")
    assert "floor division" in asked["messages"][-1]["content"]


def test_without_a_model_the_job_waits_and_is_done_once_one_comes_up(home: Path) -> None:
    server = ModelServer(model(says()))
    with in_background(server):
        port, url = server.port, server.url
    with session(home, **only(url)) as opened:
        assert solved(opened)["queued"] == ["extract_pattern"]
        wait_until(
            lambda: jobs(opened)["words"] == "no local model answers: 1 pattern waits",
            what="for the worker to look for a model",
        )
        assert opened.request("hybrid/stats")["jobs"]["waiting"] == 1
        shown = command(home, "stats").stdout
        assert "no local model answers: 1 pattern waits" in shown
        assert patterns(opened) == []
        with in_background(ModelServer(model(says()), port=port)):
            wait_until(lambda: bool(patterns(opened)), timeout=60, what="for the model to be used")
        assert jobs(opened)["jobs"] == []
