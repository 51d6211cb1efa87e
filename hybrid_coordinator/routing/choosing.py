"""Which models to ask, and in which order: tiers first, then fitness, then what was learned."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from hybrid_coordinator.domain.ask import NamedModel
from hybrid_coordinator.domain.route import Complexity, TaskType, Tier
from hybrid_coordinator.inference.endpoints import (
    Endpoint,
    EndpointKind,
    EndpointReport,
    EndpointState,
    LocalModel,
    Role,
)
from hybrid_coordinator.routing.evidence import Belief, Evidence
from hybrid_coordinator.routing.rules.book import RuleBook
from hybrid_coordinator.routing.rules.facts import Facts

TIERS = tuple(Tier)
"""Weakest first."""

STRENGTH = {tier: place for place, tier in enumerate(TIERS)}

_ROLE_OF = {
    TaskType.TEMPLATE: Role.CODE_GENERATION,
    TaskType.GENERATION: Role.CODE_GENERATION,
    TaskType.EDIT: Role.CODE_GENERATION,
    TaskType.MULTI_FILE: Role.CODE_GENERATION,
    TaskType.ANALYSIS: Role.CODE_ANALYSIS,
    TaskType.DEBUGGING: Role.CODE_ANALYSIS,
}

_PRIOR_WEIGHT = 2.0
"""Observations that the prior counts for."""

_SHARPNESS = 4.0
"""Draws are from a distribution that is this much narrower than the counts make it: within the
few hundred calls after which things have changed anyway, plain Thompson sampling spends more on
trying than it wins. Simulated as the decay of the evidence was."""

_REMOTE_SUCCESS = 0.85
_UNKNOWN_SUCCESS = 0.5
_ROLE_BONUS = (0.05, 0.0, -0.1)
"""On the prior, by the distance of a model's role."""

_FAILING = 0.4
"""A draw below this, of a tier's best model, is a model that likely fails: the tier above is
asked instead. Checks pass at 0.7 and a half-good answer is worth little."""

_PROVEN = 0.85
_PROVEN_WEIGHT, _FAILED_WEIGHT = 8.0, 2.0
"""Weights of observations from which a cheaper model counts as proven, and one as failing."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A model at an endpoint that could answer. ``slots`` is what the endpoint works on at once,
    ``why`` what put the model at its place."""

    endpoint: Endpoint
    model: LocalModel
    slots: int
    tier: Tier
    why: str = ""

    @property
    def remote(self) -> bool:
        """Whether asking it leaves the machine and costs money."""
        return self.endpoint.remote

    @property
    def name(self) -> str:
        """Which one it is, for messages."""
        return f"{self.model.name} at {self.endpoint.url}"

    def is_called(self, name: str) -> bool:
        """Whether ``name`` means it: the server's name for the model, or as the settings have
        remote ones, with the provider before it."""
        provider = self.endpoint.kind.name.lower()
        return name == self.model.name or (self.remote and name == f"{provider}/{self.model.name}")


@dataclass(frozen=True, slots=True)
class Plan:
    """Whom to ask, in order. ``target`` is the tier that the task calls for and ``rule`` what
    said so; ``skipped`` are models that cannot be asked, with the reason."""

    target: Tier
    rule: str
    confidence: float
    chain: tuple[Candidate, ...]
    skipped: tuple[str, ...]
    notices: tuple[str, ...]
    facts: Facts


@dataclass(frozen=True, slots=True)
class Aim:
    """The tier or the model that a task is meant for. ``fixed`` is a target that only failure may
    move: a rule's or the caller's."""

    tier: Tier
    rule: str
    confidence: float
    fixed: bool
    model: str | None = None


def ready(
    survey: Sequence[EndpointReport], book: RuleBook, *, remote_refused: str | None
) -> tuple[list[Candidate], list[str]]:
    """Every model that answers, with its tier, in the order of the configuration; and those that
    may not be asked. ``remote_refused`` is why no remote model may be, None where they may."""
    found: list[Candidate] = []
    skipped: list[str] = []
    for report in survey:
        if report.state is not EndpointState.READY:
            continue
        if report.endpoint.remote and remote_refused is not None:
            at = report.endpoint.url
            skipped += [f"{each.name} at {at}: {remote_refused}" for each in report.models]
            continue
        found += [
            Candidate(report.endpoint, each, report.slots, _tier(report.endpoint, each, book))
            for each in report.models
        ]
    return found, skipped


def fitting(found: Sequence[Candidate], tokens: int) -> tuple[list[Candidate], list[str]]:
    """Those whose context can hold a prompt of about ``tokens`` tokens, and why not the others."""
    kept: list[Candidate] = []
    skipped: list[str] = []
    for each in found:
        context = _context(each)
        if context is not None and context <= tokens:
            skipped.append(f"{each.name}: its context of {context} tokens is too short")
        else:
            kept.append(each)
    return kept, skipped


def _context(candidate: Candidate) -> int | None:
    """What one request may hold: Ollama loads a model anew where a prompt needs more."""
    anew = candidate.endpoint.kind is EndpointKind.OLLAMA
    return candidate.model.max_context_length if anew else candidate.model.context_length


class Chooser:
    """Orders candidates. Draws from ``random`` only where there is evidence to draw from."""

    def __init__(self, evidence: Evidence | None, draws: random.Random) -> None:
        """Without ``evidence`` nothing is learned, and nothing drawn."""
        self._evidence = evidence
        self._random = draws

    def chain(
        self, aim: Aim, found: Sequence[Candidate], facts: Facts
    ) -> tuple[tuple[Candidate, ...], Tier]:
        """The candidates in the order in which they should be asked: those of the target tier,
        of the stronger tiers, and then of the weaker ones, strongest first. And the tier that
        stands in the target's place by what was learned, mostly the target itself."""
        judged = [self._judge(each, facts) for each in found]
        tier, reason = self._start(aim, judged)
        ordered = []
        for at in _around(tier):
            mine = [each for each in judged if each.candidate.tier is at]
            drawn = any(each.belief is not None and each.belief.heard for each in mine)
            ordered += sorted(mine, key=lambda each: each.rank(drawn=drawn))
        chain = [each.explained(aim, tier, reason) for each in ordered]
        if (wanted := aim.model) is not None:
            chain.sort(key=lambda each: not each.is_called(wanted))
        return tuple(chain), tier

    def _judge(self, candidate: Candidate, facts: Facts) -> _Judged:
        distance = _role_distance(candidate, TaskType(facts.task_type))
        if self._evidence is None:
            return _Judged(candidate, distance)
        belief = self._evidence.belief(
            candidate.model.name,
            TaskType(facts.task_type),
            Complexity(facts.complexity),
            _prior(candidate, distance, facts.score / 10),
        )
        if not belief.heard:
            # Shuffling models of which nothing is known would teach nothing that asking the
            # likeliest does not.
            return _Judged(candidate, distance, belief, belief.mean)
        draw = self._random.betavariate(_SHARPNESS * belief.successes, _SHARPNESS * belief.failures)
        return _Judged(candidate, distance, belief, draw)

    def _start(self, aim: Aim, judged: Sequence[_Judged]) -> tuple[Tier, str]:
        """The tier to begin with: the target's, a stronger one where that is likely to fail, or
        a weaker one that has proven itself where only the guess from the text speaks against."""
        best: dict[Tier, _Judged] = {}
        for each in judged:
            holder = best.get(each.candidate.tier)
            if holder is None or each.value > holder.value:
                best[each.candidate.tier] = each
        tier = aim.tier
        while (mine := best.get(tier)) is not None and mine.failing:
            above = [each for each in TIERS[STRENGTH[tier] + 1 :] if each in best]
            if not above or best[above[0]].value <= mine.value:
                break
            tier = above[0]
        if tier is not aim.tier:
            return tier, f"{aim.tier} has been failing at such tasks"
        below = [each for each in reversed(TIERS[: STRENGTH[tier]]) if each in best]
        if below and not aim.fixed and best[below[0]].proven:
            return below[0], f"{below[0]} has proven itself at such tasks"
        return tier, ""


@dataclass(frozen=True, slots=True)
class _Judged:
    """A candidate with what is believed of it. ``value`` is the draw, or the expected success
    where nothing was observed; 0 without learning."""

    candidate: Candidate
    role_distance: int
    belief: Belief | None = None
    value: float = 0.0

    @property
    def failing(self) -> bool:
        return (
            self.belief is not None
            and self.belief.heard >= _FAILED_WEIGHT
            and self.value < _FAILING
        )

    @property
    def proven(self) -> bool:
        return (
            self.belief is not None
            and self.belief.observed >= _PROVEN_WEIGHT
            and self.value >= _PROVEN
        )

    def rank(self, *, drawn: bool) -> tuple[int | float, ...]:
        """Lower comes first: loaded, since loading takes up to minutes; then by the draws where
        there are some in the tier, else by the role that the model was made for."""
        loaded = self.candidate.model.loaded
        if drawn:
            return (loaded is False, -self.value)
        return ((True, None, False).index(loaded), self.role_distance)

    def explained(self, aim: Aim, start: Tier, reason: str) -> Candidate:
        tier = self.candidate.tier
        if aim.model is not None and self.candidate.is_called(aim.model):
            parts = ["named by the rule"]
        elif tier is start:
            parts = [reason or f"{tier} is the target"]
        else:
            parts = ["a stronger tier" if STRENGTH[tier] > STRENGTH[start] else "what is left"]
        if self.role_distance == 0 and _for_code(self.candidate):
            parts.append("made for such tasks")
        if self.candidate.model.loaded is False:
            parts.append("must be loaded first")
        if self.belief is not None and self.belief.heard:
            parts.append(
                f"drew {self.value:.2f} from {self.belief.mean:.2f} expected "
                f"after {self.belief.heard:.1f} observations"
            )
        return replace(self.candidate, why=", ".join(parts))


def _around(tier: Tier) -> Iterator[Tier]:
    place = STRENGTH[tier]
    yield from TIERS[place:]
    yield from reversed(TIERS[:place])


def _tier(endpoint: Endpoint, model: LocalModel, book: RuleBook) -> Tier:
    """What the model can be trusted with, by its size: one of unknown size with little."""
    if endpoint.remote:
        return Tier.API_FALLBACK
    bound = book.quality_billions
    large = bound is not None and model.parameters is not None and model.parameters >= bound
    return Tier.LOCAL_QUALITY if large else Tier.LOCAL_FAST


def _prior(candidate: Candidate, role_distance: int, need: float) -> Belief:
    """What is expected of a model that was never asked: more of a larger one, less of a task that
    looks as if it needed the strongest (``need``, 0-1)."""
    billions = candidate.model.parameters
    if candidate.remote:
        success = _REMOTE_SUCCESS
    elif billions:
        # 0.5 for a billion parameters, 0.65 for 7, 0.78 for 32.
        success = min(_REMOTE_SUCCESS, max(0.3, 0.5 + 0.08 * math.log(billions)))
    else:
        success = _UNKNOWN_SUCCESS
    success = 1 - (1 - success) * (0.4 + 1.2 * need) + _ROLE_BONUS[role_distance]
    success = min(0.95, max(0.05, success))
    return Belief(_PRIOR_WEIGHT * success, _PRIOR_WEIGHT * (1 - success), 0.0, 0.0)


def _role_distance(candidate: Candidate, task_type: TaskType) -> int:
    """0 for a model made for such tasks, 1 for a general one, 2 for one made for others.

    A llama.cpp port says what its model is for; elsewhere a name with "code" in it does.
    """
    wanted = _ROLE_OF.get(task_type, Role.GENERAL)
    role = candidate.endpoint.role
    if role is Role.GENERAL and _for_code(candidate):
        return 2 if wanted is Role.GENERAL else 0
    if role is wanted:
        return 0
    return 1 if role is Role.GENERAL else 2


def _for_code(candidate: Candidate) -> bool:
    return candidate.endpoint.role is not Role.GENERAL or "code" in candidate.model.name.lower()


def only(named: NamedModel, plan: Plan, notice: str | None) -> Plan:
    """The plan with one model and no other. Of what was noticed ``notice`` stays: the rest tells
    why the router chose as it did."""
    return replace(
        plan,
        rule="the model was named",
        confidence=1.0,
        chain=tuple(
            replace(each, why="no other is asked")
            for each in plan.chain
            if (each.model.name, each.endpoint.url) == (named.name, named.endpoint)
        ),
        skipped=tuple(each for each in plan.skipped if each.startswith(f"{named}: ")),
        notices=() if notice is None else (notice,),
    )
