"""Where a task should go: the rules' tier or that of its complexity, and whom to ask in turn."""

from __future__ import annotations

import asyncio
import logging
import math
import random
import secrets
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from hybrid_coordinator.domain.health import PartHealth
from hybrid_coordinator.domain.interactions import AgentType
from hybrid_coordinator.domain.route import Complexity, Route, Target, Tier
from hybrid_coordinator.inference.discovery import Survey
from hybrid_coordinator.routing.choosing import (
    STRENGTH,
    Aim,
    Candidate,
    Chooser,
    Plan,
    fitting,
    ready,
)
from hybrid_coordinator.routing.classification.classify import Classification, Prompt, classify
from hybrid_coordinator.routing.evidence import Evidence
from hybrid_coordinator.routing.health import rules_health
from hybrid_coordinator.routing.rules.book import Rule, RuleBook
from hybrid_coordinator.routing.rules.facts import Facts
from hybrid_coordinator.routing.rules.hardware import Machine, Preset
from hybrid_coordinator.routing.rules.store import RuleStore
from hybrid_coordinator.settings import RoutingSettings

_log = logging.getLogger(__name__)

TIER_OF = {
    Complexity.SIMPLE: Tier.LOCAL_FAST,
    Complexity.MODERATE: Tier.LOCAL_QUALITY,
    Complexity.COMPLEX: Tier.API_FALLBACK,
}

NOT_ALLOWED = "no remote model is configured"
_UNRECORDED = "what remote models cost is not recorded here, so none is asked"
_LOCAL_ONLY = "this is asked of local models only"
_SPENT = "today's budget for remote models is spent"


class Planner:
    """Decides without asking a model, and without I/O but a look at the rules file's date."""

    def __init__(
        self,
        settings: Callable[[], RoutingSettings],
        rules_file: Path | None,
        evidence: Evidence | None,
        machine: Machine | None = None,
    ) -> None:
        self._settings = settings
        self._rules = RuleStore(rules_file)
        self._evidence = evidence
        self.machine = machine or Machine()
        seed = settings().seed
        if seed is None:
            seed = secrets.randbits(32)
        _log.info("routing draws with seed %d", seed)
        self._random = random.Random(seed)  # noqa: S311 - it draws models, not keys

    @property
    def preset(self) -> Preset:
        """The preset in force: the setting's, or the one that fits this machine."""
        chosen = self._settings().preset
        return self.machine.hardware.preset if chosen == "auto" else chosen

    @property
    def rules_digest(self) -> str:
        """Whatever tells the rules in force from others."""
        book = self._rules.current(self.preset)
        rules = [(each.condition.form, each.target, each.model) for each in book.rules]
        return f"{book.quality_billions} {rules}"

    def notice(self) -> str | None:
        """What is wrong with the rules file as it is now; None mostly."""
        return self._rules.notice()

    async def run(self) -> None:
        """Look at the rest of the machine, and keep what is known of models fresh, until
        cancelled."""
        await asyncio.to_thread(self.machine.look_for_nvidia)
        if self._evidence is not None:
            await self._evidence.run()

    def health(self) -> PartHealth:
        """The rules in force, and what is wrong with the user's."""
        return rules_health(self._rules.current(self.preset), self._rules.notice())

    def plan(
        self,
        seen: Classification,
        *,
        survey: Survey,
        tokens: int,
        files: int = 0,
        quality_critical: bool = False,
        prefer_local: bool = True,
        local_only: bool = False,
        allow_remote: bool = False,
        budget_left: float | None = None,
    ) -> Plan:
        """Whom to ask for a task of about ``tokens`` tokens, given what was found at the
        endpoints. ``budget_left`` is in USD, None where it is not bounded."""
        return self._plan(
            seen,
            survey,
            tokens,
            files,
            quality_critical=quality_critical,
            prefer_local=prefer_local,
            local_only=local_only,
            allow_remote=allow_remote,
            budget_left=budget_left,
        )[0]

    def _plan(
        self,
        seen: Classification,
        survey: Survey,
        tokens: int,
        files: int,
        *,
        quality_critical: bool = False,
        prefer_local: bool = True,
        local_only: bool = False,
        allow_remote: bool,
        budget_left: float | None,
    ) -> tuple[Plan, Tier]:
        """The plan, and the tier that it begins with."""
        refused = None
        if local_only:
            refused = _LOCAL_ONLY
        elif not allow_remote:
            refused = _UNRECORDED if any(each.endpoint.remote for each in survey) else NOT_ALLOWED
        elif budget_left is not None and budget_left <= 0:
            refused = _SPENT
        book = self._rules.current(self.preset)
        found, skipped = ready(survey, book, remote_refused=refused)
        tiers = {each.tier for each in found}
        facts = self._facts(
            seen,
            tokens,
            files,
            tiers,
            quality_critical=quality_critical,
            prefer_local=prefer_local,
            budget_left=0.0 if refused else math.inf if budget_left is None else budget_left,
        )
        rule = book.match(facts)
        aim = _aim(seen, facts, rule, book, found)
        kept, too_short = fitting(found, tokens)
        chooser = Chooser(self._evidence if self._settings().learn else None, self._random)
        chain, start = chooser.chain(aim, kept, facts)
        notices = [] if (problem := self._rules.notice()) is None else [problem]
        notices += _shortfall(aim, chain, refused)
        plan = Plan(
            target=aim.tier,
            rule=aim.rule,
            confidence=aim.confidence,
            chain=chain,
            skipped=(*skipped, *too_short),
            notices=tuple(notices),
            facts=facts,
        )
        return plan, start

    def need(self, prompt: Prompt) -> Route:
        """Where a task should go by what it needs alone, whatever runs here: by the user's own
        rules, as if every tier were ready, and else by its complexity."""
        seen = classify(prompt)
        book = self._rules.own() or RuleBook("", ())
        facts = self._facts(
            seen,
            seen.tokens,
            0,
            set(Tier),
            quality_critical=False,
            prefer_local=True,
            budget_left=math.inf,
        )
        aim = _aim(seen, facts, book.match(facts), book, ())
        target = Target.REMOTE if aim.tier is Tier.API_FALLBACK else Target.LOCAL
        can = (
            "needs the strongest model" if target is Target.REMOTE else "a local model can take it"
        )
        return _route(seen, aim, target, aim.tier, (), can, facts)

    def route(
        self,
        prompt: Prompt,
        *,
        survey: Survey,
        agent_type: AgentType,
        context_tokens: int = 0,
        allow_remote: bool = False,
        budget_left: float | None = None,
    ) -> Route:
        """Where an agent should take a task, with what is ready here now.

        "local" only where a local model of the tier, or of a stronger one, is ready. A local agent
        is sent elsewhere only where there is an elsewhere.
        """
        seen = classify(prompt)
        tokens = seen.tokens + context_tokens
        plan, start = self._plan(
            seen, survey, tokens, 0, allow_remote=allow_remote, budget_left=budget_left
        )
        aim = Aim(plan.target, plan.rule, plan.confidence, fixed=True)
        names = tuple(f"{each.tier}: {each.name} ({each.why})" for each in plan.chain)
        target, tier, why = _destination(start, plan.chain, agent_type)
        return replace(
            _route(seen, aim, target, tier, names, why, plan.facts),
            skipped=plan.skipped,
            notices=plan.notices,
            budget_left_usd=budget_left if allow_remote else None,
        )

    def _facts(
        self,
        seen: Classification,
        tokens: int,
        files: int,
        tiers: set[Tier],
        *,
        quality_critical: bool,
        prefer_local: bool,
        budget_left: float,
    ) -> Facts:
        return Facts(
            task_type=seen.task_type,
            complexity=seen.complexity,
            score=seen.points,
            tokens=tokens,
            files=files,
            keywords=tuple(sorted(seen.keywords)),
            tool_turns=seen.tool_turns,
            quality_critical=quality_critical,
            prefer_local=prefer_local,
            local_fast_ready=Tier.LOCAL_FAST in tiers,
            local_quality_ready=Tier.LOCAL_QUALITY in tiers,
            remote_ready=Tier.API_FALLBACK in tiers,
            free_memory_gb=self.machine.free_memory_gb(),
            cores=self.machine.hardware.cores,
            budget_left_usd=budget_left,
        )


def _aim(
    seen: Classification,
    facts: Facts,
    rule: Rule | None,
    book: RuleBook,
    found: Sequence[Candidate],
) -> Aim:
    """What the caller asks for, else what the first rule says, else by complexity."""
    if facts.quality_critical or not facts.prefer_local:
        asked = "quality_critical" if facts.quality_critical else "prefer_local=false"
        return Aim(Tier.API_FALLBACK, asked, 1.0, fixed=True)
    by_complexity = TIER_OF[seen.complexity]
    if rule is None:
        return Aim(by_complexity, f"{seen.complexity} complexity", seen.confidence, fixed=False)
    words = f"{rule.description} ({book.source}, line {rule.line})"
    if rule.target is not None:
        return Aim(rule.target, words, rule.confidence, fixed=True)
    name = rule.model or ""
    tiers = (each.tier for each in found if each.is_called(name))
    tier = next(tiers, by_complexity)
    return Aim(tier, words, rule.confidence, fixed=True, model=rule.model)


def _shortfall(aim: Aim, chain: Sequence[Candidate], refused: str | None) -> list[str]:
    """What the caller should know where the target cannot be had."""
    if not chain:
        return []
    if aim.model is not None and not chain[0].is_called(aim.model):
        return [f"the rule asks for {aim.model}, which is not ready: {chain[0].name} is asked"]
    if aim.tier is Tier.API_FALLBACK and not any(each.remote for each in chain):
        why = refused or "no remote model answers"
        return [f"{why}: the best local model answers what calls for {aim.tier} ({aim.rule})"]
    return []


def _destination(
    start: Tier, chain: Sequence[Candidate], agent: AgentType
) -> tuple[Target, Tier, str]:
    """Where to go, from the tier that the chain begins with and what is ready."""
    if start is Tier.API_FALLBACK:
        alone = agent is AgentType.LOCAL
        why = "looks too hard for a local model" if alone else "needs the strongest model"
        return Target.REMOTE, start, why
    for each in chain:
        # A local agent will do it itself where nobody better is there.
        if not each.remote and (STRENGTH[each.tier] >= STRENGTH[start] or agent is AgentType.LOCAL):
            return Target.LOCAL, each.tier, f"{each.model.name} can take it"
    why = f"a local model ({start}) could take it, but none is ready"
    return Target.REMOTE, Tier.API_FALLBACK, why


def _route(
    seen: Classification,
    aim: Aim,
    target: Target,
    tier: Tier,
    chain: tuple[str, ...],
    why: str,
    facts: Facts,
) -> Route:
    return Route(
        target=target,
        tier=tier,
        task_type=seen.task_type,
        complexity=seen.complexity,
        confidence=aim.confidence,
        score=seen.score,
        reason=f"{seen.complexity} {seen.task_type} ({seen.reason}): {why}",
        rule=aim.rule,
        complexity_score=facts.score,
        chain=chain,
    )
