"""What `doctor` says of routing: rules, remote models and their budget, breakers."""

from __future__ import annotations

from typing import Any

import pytest

from hybrid_coordinator.domain.health import PartHealth
from hybrid_coordinator.errors import ModelUnavailableError
from hybrid_coordinator.inference.breaker import Breakers
from hybrid_coordinator.inference.endpoints import (
    REFUSED,
    Endpoint,
    EndpointKind,
    EndpointReport,
    EndpointState,
    LocalModel,
    configured_endpoints,
)
from hybrid_coordinator.routing.health import (
    breakers_health,
    local_health,
    remote_health,
    rules_health,
)
from hybrid_coordinator.routing.rules.book import RuleBook
from hybrid_coordinator.settings import InferenceSettings, RemoteSettings


def test_the_rules_in_force_and_what_is_wrong_with_them() -> None:
    book = RuleBook("rules.yaml", ())
    fine = rules_health(book, None)
    assert (fine.ok, fine.detail) == (True, "0 of rules.yaml")
    wrong = rules_health(book, "rules.yaml: line 3: no such fact")
    assert (wrong.ok, wrong.detail) == (False, "rules.yaml: line 3: no such fact")


def remote(budget_left: float | None = None, **settings: object) -> PartHealth:
    given = RemoteSettings.model_validate(settings)
    return remote_health(given, configured_endpoints(InferenceSettings(), given), budget_left)


def test_why_remote_models_are_off_and_what_is_left_where_they_are_on() -> None:
    models = {"models": ("anthropic/claude-sonnet-5-5",)}
    key = {"anthropic_api_key": "a-key-for-a-test"}
    assert "remote.models names none" in remote(5.0, **key).detail
    keyless = remote(5.0, **models)
    assert (keyless.ok, keyless.detail) == (
        False, "anthropic/claude-sonnet-5-5 is off: remote.anthropic_api_key is not set"
    )  # fmt: skip
    on = remote(2.5, **models, **key)
    assert (on.ok, on.detail) == (
        True, "anthropic/claude-sonnet-5-5, 2.50 of 10.00 USD left today (UTC)"
    )  # fmt: skip
    spent = remote(-0.1, **models, **key)
    assert (spent.ok, "0.00 of 10.00" in spent.detail) == (False, True)
    assert remote(None, **models, **key).detail.startswith("off: nothing records")
    unpriced = remote(5.0, models=(*models["models"], "anthropic/claude-next"), **key)
    assert not unpriced.ok
    assert unpriced.detail.endswith(
        "today (UTC); anthropic/claude-next is off: its price is not known, set it in remote.prices"
    )
    given = RemoteSettings.model_validate(models | key)
    switched_off = configured_endpoints(InferenceSettings(enabled=False), given)
    assert remote_health(given, switched_off, None).detail == "off: inference.enabled is false"


def report(kind: EndpointKind, state: EndpointState, **more: Any) -> EndpointReport:
    return EndpointReport(Endpoint(kind, f"http://here/{kind}"), state, **more)


def test_servers_that_nobody_started_are_one_line_and_no_warning() -> None:
    model = (LocalModel("m"),)
    lines = list(
        local_health(
            [
                report(EndpointKind.LLAMA_CPP, EndpointState.DOWN, reason=REFUSED),
                report(EndpointKind.OLLAMA, EndpointState.READY, models=model),
                report(EndpointKind.LMSTUDIO, EndpointState.DOWN, reason="no answer within 1 s"),
                report(EndpointKind.VLLM, EndpointState.DOWN, reason=REFUSED),
            ]
        )
    )
    assert [(line.name, line.ok) for line in lines] == [
        ("model Ollama", True),
        ("model LM Studio", False),
        ("not running", True),
    ]
    assert lines[0].detail == "m"
    assert "no answer within 1 s" in lines[1].detail
    assert lines[2].detail == "llama.cpp (http://here/llama.cpp), vLLM (http://here/vLLM)"


def test_endpoints_that_are_left_alone_are_named_with_their_reason() -> None:
    breakers = Breakers()
    url = "http://127.0.0.1:9"
    with breakers.watch(url):
        pass
    assert list(breakers_health(breakers.snapshot())) == []
    for _ in range(10):
        if not breakers.admits(url):
            break
        with pytest.raises(ModelUnavailableError), breakers.watch(url):
            raise ModelUnavailableError("connection refused")
    (left,) = breakers_health(breakers.snapshot())
    assert not left.ok
    assert url in left.detail
    assert "connection refused" in left.detail
