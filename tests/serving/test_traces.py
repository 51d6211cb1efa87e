"""Traces of real work, as an OpenTelemetry collector gets them."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from tests.support.background import in_background
from tests.support.model_server import ModelServer
from tests.support.model_wire import ollama_answers, ollama_model
from tests.support.otlp_server import Collector, attributes, collecting
from tests.support.stdio import RpcError, ToolError, command, session
from tests.support.world import KINDS, by_ollama

MODEL = "qwen2.5-coder:3b"
SECRETS = ("zyxquestion", "zyxanswer")
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
PARENT = "00f067aa0ba902b7"
PATIENCE = 60.0


def settings(home: Path, ollama: str | None, telemetry: Mapping[str, Any]) -> None:
    here = {kind: [] for kind in KINDS} | ({"ollama": [ollama]} if ollama else {})
    home.mkdir(mode=0o700, exist_ok=True)
    content = {"inference": here, "telemetry": telemetry, "routing": {"preset": "strong"}}
    content |= {"learning": {"high_value_threshold": 0.1}}
    (home / "hybrid.yaml").write_text(json.dumps(content))


def children(collector: Collector, parent: Span) -> list[str]:
    return [one.name for one in collector.spans if one.parent_span_id == parent.span_id]


def test_calls_are_traced_down_to_the_model(home: Path) -> None:
    said = by_ollama(f"A lock, {SECRETS[1]}."), by_ollama("")
    answers = [ollama_answers(one, models=[ollama_model(MODEL)]) for one in said]
    with collecting() as collector, in_background(ModelServer(answers[0])) as models:
        settings(home, models.server.url, {"otlp_endpoint": f"{collector.url}/"})
        with session(home) as client:
            client.initialize()
            asked = client.tool("ask_local_llm", prompt=f"What is a mutex, {SECRETS[0]}?")
            augment = {"name": "augment_query", "arguments": {"query": f"the {SECRETS[0]} lock"}}
            sent = {"traceparent": f"00-{TRACE}-{PARENT}-01"}
            client.request("tools/call", augment | {"_meta": sent})
            models.server.answers = answers[1]
            with pytest.raises(ToolError, match=MODEL):
                client.tool("ask_local_llm", prompt=SECRETS[0], use_context=False)
            with pytest.raises(RpcError, match=SECRETS[0]):
                client.request("resources/read", {"uri": f"hybrid://{SECRETS[0]}"})
            # A model is to say what was learned, which this one cannot.
            client.tool(
                "update_outcome",
                interaction_id=asked["interaction_id"],
                outcome="success",
                user_feedback=1,
            )
            _wait_for_a_try(home)
            health = json.loads(command(home, "doctor", "--json").stdout)["parts"]
        lines = {part["name"]: part["detail"] for part in health}
        assert lines["traces"] == f"to {collector.url}/"
        # What is left is sent when the coordinator leaves.
        assert command(home, "stop").returncode == 0

    answered, failed = collector.named("tools/call ask_local_llm")
    assert {"retrieve", f"chat {MODEL}"} <= set(children(collector, answered))
    (chat,) = (one for one in chats(collector) if one.parent_span_id == answered.span_id)
    told = attributes(chat)
    assert (told["gen_ai.request.model"], told["server.address"]) == (MODEL, models.server.url)
    assert {"gen_ai.usage.input_tokens", "gen_ai.usage.output_tokens"} <= told.keys()
    assert chat.end_time_unix_nano > chat.start_time_unix_nano
    # A client's own trace goes on here.
    (augmented,) = collector.named("tools/call augment_query")
    assert (augmented.trace_id.hex(), augmented.parent_span_id.hex()) == (TRACE, PARENT)
    assert children(collector, augmented) == ["retrieve"]
    # An error is told by its kind alone.
    of_failed = [one for one in chats(collector) if one.parent_span_id == failed.span_id]
    assert of_failed
    for chat in of_failed:
        assert chat.status.code == Status.STATUS_CODE_ERROR
        assert attributes(chat)["error.type"] == "EmptyAnswerError"
        assert not chat.events
    (read,) = collector.named("resources/read")
    assert (read.status.code, read.status.message) == (Status.STATUS_CODE_ERROR, "")
    (job, *_) = collector.named("job extract_pattern")
    assert attributes(job)["hybrid.tries"] == 1
    assert {one["service.name"] for one in collector.resources} == {"hybrid-coordinator"}
    for secret in SECRETS:
        assert secret.encode() not in collector.sent


def _wait_for_a_try(home: Path) -> None:
    deadline = time.monotonic() + PATIENCE
    while not any(job["reason"] for job in json.loads(command(home, "jobs", "--json").stdout)):
        assert time.monotonic() < deadline, "no job was tried"


def chats(collector: Collector) -> list[Span]:
    return collector.named(f"chat {MODEL}")


def test_a_collector_that_is_away_holds_nothing_up(home: Path) -> None:
    settings(home, None, {"otlp_endpoint": "127.0.0.1:4318"})
    refused = command(home, "doctor")
    assert refused.returncode == 1
    assert "telemetry.otlp_endpoint" in refused.stdout + refused.stderr
    settings(home, None, {"otlp_endpoint": "http://127.0.0.1:9"})
    with session(home) as client:
        client.initialize()
        assert client.tool("augment_query", query="the lock")["abstained"]
    assert command(home, "stop").returncode == 0
