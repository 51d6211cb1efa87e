"""Which local model to try first: a loaded one that fits, made for the task, of the right size."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from hybrid_coordinator.domain.route import Complexity, TaskType, Tier
from hybrid_coordinator.inference.endpoints import (
    Endpoint,
    EndpointReport,
    EndpointState,
    LocalModel,
    Role,
)

_QUALITY_BILLIONS = 7.0
"""Parameters from which a model counts as LOCAL_QUALITY: below, code models lose the most on
anything but short completions. A model of unknown size is trusted with little."""

_ROLE_OF = {
    TaskType.TEMPLATE: Role.CODE_GENERATION,
    TaskType.GENERATION: Role.CODE_GENERATION,
    TaskType.EDIT: Role.CODE_GENERATION,
    TaskType.MULTI_FILE: Role.CODE_GENERATION,
    TaskType.ANALYSIS: Role.CODE_ANALYSIS,
    TaskType.DEBUGGING: Role.CODE_ANALYSIS,
}


@dataclass(frozen=True, slots=True)
class Candidate:
    """A model at an endpoint that could answer. ``slots`` is what the endpoint works on at once."""

    endpoint: Endpoint
    model: LocalModel
    slots: int

    @property
    def tier(self) -> Tier:
        """What the model can be trusted with, by its size."""
        billions = self.model.parameters
        if billions is not None and billions >= _QUALITY_BILLIONS:
            return Tier.LOCAL_QUALITY
        return Tier.LOCAL_FAST

    @property
    def name(self) -> str:
        """Which one it is, for messages."""
        return f"{self.model.name} at {self.endpoint.url}"


def candidates(
    reports: Sequence[EndpointReport],
    *,
    task_type: TaskType,
    complexity: Complexity,
    quality_critical: bool,
    tokens: int,
) -> list[Candidate]:
    """Every model that is ready, best first, for a prompt of about ``tokens`` tokens.

    In this order: its context is long enough; it is loaded, since loading takes up to minutes; it
    was made for this kind of task; it has the size that the complexity asks for. Ties stay in
    the order of the configuration.
    """
    tier = Tier.LOCAL_FAST
    if quality_critical or complexity is not Complexity.SIMPLE:
        tier = Tier.LOCAL_QUALITY
    role = _ROLE_OF.get(task_type, Role.GENERAL)
    ready = [
        Candidate(report.endpoint, model, report.slots)
        for report in reports
        if report.state is EndpointState.READY
        for model in report.models
    ]

    def rank(candidate: Candidate) -> tuple[bool, int, int, bool]:
        context = candidate.model.context_length
        return (
            context is not None and context <= tokens,
            (True, None, False).index(candidate.model.loaded),
            _role_distance(candidate, role),
            candidate.tier is not tier,
        )

    return sorted(ready, key=rank)


def _role_distance(candidate: Candidate, wanted: Role) -> int:
    """0 for a model made for the role, 1 for a general one, 2 for one made for another role.

    A llama.cpp port says what its model is for; elsewhere a name with "code" in it does.
    """
    role = candidate.endpoint.role
    for_code = role is Role.GENERAL and "code" in candidate.model.name.lower()
    if for_code:
        return 2 if wanted is Role.GENERAL else 0
    if role is wanted:
        return 0
    return 1 if role is Role.GENERAL else 2
