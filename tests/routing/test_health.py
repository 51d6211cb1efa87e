"""What `doctor` says of routing: rules, remote models and their budget, breakers."""

from __future__ import annotations

import pytest

from hybrid_coordinator.domain.health import PartHealth
from hybrid_coordinator.errors import ModelUnavailableError
from hybrid_coordinator.inference.breaker import Breakers
from hybrid_coordinator.inference.endpoints import configured_endpoints
from hybrid_coordinator.routing.health import breakers_health, remote_health, rules_health
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
    assert "no key" in remote(5.0, **models).detail
    on = remote(2.5, **models, **key)
    assert (on.ok, on.detail) == (
        True, "anthropic/claude-sonnet-5-5; 2.50 of 10.00 USD left today (UTC)"
    )  # fmt: skip
    spent = remote(-0.1, **models, **key)
    assert (spent.ok, "0.00 of 10.00" in spent.detail) == (False, True)
    assert remote(None, **models, **key).detail.startswith("off: nothing records")


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
