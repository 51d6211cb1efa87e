"""Learning which of two models to ask, where one of them gets better or worse half way.

A simulation with known rates of success: the product's own chooser and evidence, fed with what a
call leaves in the record. It needs no data.
"""

from __future__ import annotations

import math
import random
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

from benchmarks.routing.tables import Table
from hybrid_coordinator.domain.evidence import Observation
from hybrid_coordinator.domain.route import Complexity, TaskType, Tier
from hybrid_coordinator.inference.endpoints import Endpoint, EndpointKind, LocalModel
from hybrid_coordinator.routing.choosing import Aim, Candidate, Chooser
from hybrid_coordinator.routing.evidence import WINDOW, Evidence
from hybrid_coordinator.routing.rules.facts import Facts

_STEPS = 400
_RUNS = 20
_OUTCOMES = 0.3
"""The share of calls whose outcome is known later; of the others only the check of the answer."""

_SEPARATION = 0.85
"""Of a check's scores for right and wrong answers, in standard deviations: an AUC of .73."""

_BASE_RATE = 0.6
"""Right answers among those that the check was calibrated on."""

KIND = (TaskType.GENERATION, Complexity.MODERATE)


@dataclass(frozen=True, slots=True)
class Scenario:
    """``rates`` are the two models' rates of success in the first and in the second half; the
    first model stands first in the configuration."""

    name: str
    rates: tuple[tuple[float, float], tuple[float, float]]

    def rate(self, model: int, step: int) -> float:
        """Of a model at a step."""
        return self.rates[model][step >= _STEPS // 2]


SCENARIOS = (
    Scenario("the first stays better", ((0.8, 0.8), (0.6, 0.6))),
    Scenario("the second stays better", ((0.6, 0.6), (0.8, 0.8))),
    Scenario("the first gets worse", ((0.85, 0.35), (0.65, 0.65))),
    Scenario("the second gets better", ((0.65, 0.65), (0.4, 0.9))),
)

_TASK = Facts(
    *KIND,
    score=5.0,
    tokens=100,
    files=0,
    keywords=(),
    tool_turns=0,
    quality_critical=False,
    prefer_local=True,
    local_fast_ready=False,
    local_quality_ready=True,
    remote_ready=False,
    free_memory_gb=8.0,
    cores=2.0,
    budget_left_usd=0.0,
)
_MODELS = [
    Candidate(
        Endpoint(EndpointKind.OLLAMA, "http://127.0.0.1:11434"),
        LocalModel(name, loaded=True, parameters=7.0),
        slots=1,
        tier=Tier.LOCAL_QUALITY,
    )
    for name in ("first", "second")
]

Policy = Callable[[int], int]
"""Given the step, the model to ask: 0 or 1."""


class Learner:
    """The product's chooser, with the record that its own calls leave."""

    def __init__(self, seed: int) -> None:
        self._evidence = Evidence()
        self._chooser = Chooser(self._evidence, random.Random(seed))
        self._seen: deque[Observation] = deque(maxlen=WINDOW)
        self._aim = Aim(Tier.LOCAL_QUALITY, "", 1.0, fixed=False)

    def choose(self, _: int) -> int:
        """The model at the head of the chain."""
        chain, _tier = self._chooser.chain(self._aim, _MODELS, _TASK)
        return ("first", "second").index(chain[0].model.name)

    def observe(self, model: int, success: float, weight: float) -> None:
        """Record what came of a call."""
        name = ("first", "second")[model]
        self._seen.appendleft(Observation(name, *KIND, success, weight))
        self._evidence.learn(self._seen)


def run(scenario: Scenario, policy: str, seed: int) -> list[float]:
    """The chance of success of each choice, step by step."""
    world = random.Random(seed)
    learner = Learner(seed)
    choose: dict[str, Policy] = {
        "random": lambda _: world.randrange(2),
        "always the first": lambda _: 0,
        "always the second": lambda _: 1,
        "**learned**": learner.choose,
        "oracle": lambda step: int(scenario.rate(1, step) > scenario.rate(0, step)),
    }
    chances = []
    for step in range(_STEPS):
        model = choose[policy](step)
        chance = scenario.rate(model, step)
        chances.append(chance)
        right = world.random() < chance
        if policy == "**learned**":
            known = world.random() < _OUTCOMES
            learner.observe(model, *((float(right), 1.0) if known else (_check(right, world), 0.3)))
    return chances


def _check(right: bool, world: random.Random) -> float:
    """The calibrated confidence in an answer that is right, or wrong."""
    score = world.gauss(_SEPARATION / 2 if right else -_SEPARATION / 2, 1.0)
    odds = _BASE_RATE / (1 - _BASE_RATE) * math.exp(_SEPARATION * score)
    return odds / (1 + odds)


POLICIES = ("random", "always the first", "always the second", "**learned**", "oracle")


def measure(_: Path) -> Table:
    """Success over all calls, and over the last quarter."""
    rows = []
    for policy in POLICIES:
        row = [policy]
        for scenario in SCENARIOS:
            runs = [run(scenario, policy, seed) for seed in range(_RUNS)]
            last = fmean(fmean(each[-_STEPS // 4 :]) for each in runs)
            row.append(f"{fmean(fmean(each) for each in runs):.2f} / {last:.2f}")
        rows.append(row)
    note = (
        f"Rate of success over {_STEPS} calls / over the last quarter of them, mean of {_RUNS} "
        "seeded simulations. Fixed order is always the first. What changes does so half way. "
        f"The outcome of {_OUTCOMES:.0%} of the calls is known; of the others the check of the "
        "answer, which tells right from wrong with an AUC of .73."
    )
    return Table("Learning to route", ["router", *(each.name for each in SCENARIOS)], rows, note)
