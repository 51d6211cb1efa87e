"""Planners and surveys for the tests of planning."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hybrid_coordinator.domain.route import Complexity, TaskType
from hybrid_coordinator.inference.endpoints import (
    Endpoint,
    EndpointKind,
    EndpointReport,
    EndpointState,
    LocalModel,
    Role,
)
from hybrid_coordinator.routing.choosing import Plan
from hybrid_coordinator.routing.classification.classify import Classification
from hybrid_coordinator.routing.evidence import Evidence
from hybrid_coordinator.routing.planning import Planner
from hybrid_coordinator.settings import RoutingSettings

_SCORES = {Complexity.SIMPLE: 0.2, Complexity.MODERATE: 0.5, Complexity.COMPLEX: 0.9}

SMALL = LocalModel("small", 8192, loaded=True, parameters=3, max_context_length=8192)
LARGE = LocalModel("large", 8192, loaded=True, parameters=14, max_context_length=8192)
CLAUDE = LocalModel("claude", context_length=200_000)


def planner(
    rules: Path | None = None, evidence: Evidence | None = None, **settings: Any
) -> Planner:
    """With the strong preset and a fixed seed, unless told otherwise."""
    values = RoutingSettings(**{"preset": "strong", "seed": 7, **settings})
    return Planner(lambda: values, rules, evidence)


def report(
    *models: LocalModel,
    kind: EndpointKind = EndpointKind.OLLAMA,
    role: Role = Role.GENERAL,
    state: EndpointState = EndpointState.READY,
    url: str = "http://x:1",
    slots: int = 1,
) -> EndpointReport:
    return EndpointReport(Endpoint(kind, url, role), state, models=models, slots=slots)


def remote(*models: LocalModel) -> EndpointReport:
    return report(*models, kind=EndpointKind.ANTHROPIC, url="https://api.anthropic.com")


LOCAL = (report(SMALL, LARGE),)
ALL = (*LOCAL, remote(CLAUDE))


def seen(
    complexity: Complexity = Complexity.SIMPLE, task_type: TaskType = TaskType.QUESTION
) -> Classification:
    return Classification(task_type, complexity, _SCORES[complexity], 0.8, "for a test")


def order(plan: Plan) -> list[str]:
    """The models of the chain, by name."""
    return [candidate.model.name for candidate in plan.chain]
