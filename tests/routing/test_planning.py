"""Where tasks go: tiers, chains, bounds on what may be asked, and what is said about it."""

from __future__ import annotations

import statistics
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hybrid_coordinator.domain.interactions import AgentType
from hybrid_coordinator.domain.route import Complexity, Target, TaskType, Tier
from hybrid_coordinator.inference.endpoints import EndpointKind, EndpointState, LocalModel, Role
from hybrid_coordinator.routing.classification.classify import classify
from tests.routing.planners import (
    ALL,
    CLAUDE,
    LARGE,
    LOCAL,
    SMALL,
    order,
    planner,
    remote,
    report,
    seen,
)

HARD = (
    "Design a multi-tenant billing platform with metering, invoicing, proration, tax rules, "
    "dunning, audit logs and a migration path from the old system"
)


@pytest.mark.parametrize(
    ("complexity", "target", "chain"),
    [
        (Complexity.SIMPLE, Tier.LOCAL_FAST, ["small", "large", "claude"]),
        (Complexity.MODERATE, Tier.LOCAL_QUALITY, ["large", "claude", "small"]),
        (Complexity.COMPLEX, Tier.API_FALLBACK, ["claude", "large", "small"]),
    ],
)
def test_the_tier_of_the_complexity_comes_first_then_the_stronger_then_the_weaker(
    complexity: Complexity, target: Tier, chain: list[str]
):
    plan = planner().plan(seen(complexity), survey=ALL, tokens=100, allow_remote=True)
    assert (plan.target, order(plan), plan.rule) == (target, chain, f"{complexity} complexity")
    assert plan.confidence == 0.8
    assert [each.tier for each in plan.chain if each.remote] == [Tier.API_FALLBACK]
    assert (plan.skipped, plan.notices) == ((), ())


def test_every_element_says_why_it_is_there():
    asleep = LocalModel("asleep", loaded=False, parameters=2)
    survey = (report(SMALL, LARGE, asleep), remote(CLAUDE))
    plan = planner().plan(seen(), survey=survey, tokens=100, allow_remote=True)
    assert {each.model.name: each.why for each in plan.chain} == {
        "small": "LOCAL_FAST is the target",
        "asleep": "LOCAL_FAST is the target, must be loaded first",
        "large": "a stronger tier",
        "claude": "a stronger tier",
    }
    plan = planner().plan(seen(Complexity.MODERATE), survey=survey, tokens=100)
    assert plan.chain[-1].why == "what is left, must be loaded first"


def test_without_a_remote_tier_the_chain_ends_at_the_best_local_model_and_says_so():
    plan = planner().plan(seen(Complexity.COMPLEX), survey=ALL, tokens=100)
    assert order(plan) == ["large", "small"]
    why = "what remote models cost is not recorded here, so none is asked"
    assert plan.skipped == (f"claude at https://api.anthropic.com: {why}",)
    (notice,) = plan.notices
    assert notice == (
        f"{why}: the best local model answers what calls for API_FALLBACK (complex complexity)"
    )
    assert not plan.facts.remote_ready


def test_a_spent_budget_stops_remote_models_and_never_local_ones():
    plan = planner().plan(
        seen(Complexity.COMPLEX), survey=ALL, tokens=100, allow_remote=True, budget_left=0.0
    )
    assert order(plan) == ["large", "small"]
    (skipped,) = plan.skipped
    assert skipped == (
        "claude at https://api.anthropic.com: today's budget for remote models is spent"
    )
    assert plan.notices[0].startswith("today's budget for remote models is spent: the best local")
    plan = planner().plan(
        seen(Complexity.COMPLEX), survey=ALL, tokens=100, allow_remote=True, budget_left=0.01
    )
    assert order(plan) == ["claude", "large", "small"]


@pytest.mark.parametrize(
    ("wish", "rule"),
    [
        ({"quality_critical": True}, "quality_critical"),
        ({"prefer_local": False}, "prefer_local=false"),
    ],
)
def test_a_caller_who_wants_the_best_gets_the_top_tier_that_is_allowed(wish, rule: str):
    plan = planner().plan(seen(), survey=ALL, tokens=100, allow_remote=True, **wish)
    assert (plan.target, plan.rule, plan.confidence) == (Tier.API_FALLBACK, rule, 1.0)
    assert order(plan) == ["claude", "large", "small"]
    plan = planner().plan(seen(), survey=ALL, tokens=100, allow_remote=False, **wish)
    assert order(plan) == ["large", "small"]
    assert f"({rule})" in plan.notices[0]


def test_a_model_that_cannot_hold_the_prompt_is_skipped_with_the_reason():
    plan = planner().plan(seen(), survey=ALL, tokens=9000, allow_remote=True)
    assert order(plan) == ["claude"]
    assert plan.skipped == (
        "small at http://x:1: its context of 8192 tokens is too short",
        "large at http://x:1: its context of 8192 tokens is too short",
    )
    grown = LocalModel("grown", 8192, loaded=True, max_context_length=32768)
    assert order(planner().plan(seen(), survey=(report(grown),), tokens=9000)) == ["grown"]
    fixed = report(grown, kind=EndpointKind.LMSTUDIO)
    assert order(planner().plan(seen(), survey=(fixed,), tokens=9000)) == []
    unknown = LocalModel("unknown", loaded=True)
    assert order(planner().plan(seen(), survey=(report(unknown),), tokens=9000)) == ["unknown"]


def test_models_that_do_not_answer_are_not_in_the_chain():
    survey = (report(SMALL, state=EndpointState.LOADING), report(LARGE))
    plan = planner().plan(seen(), survey=survey, tokens=100)
    assert order(plan) == ["large"]
    assert not plan.facts.local_fast_ready
    assert plan.facts.local_quality_ready
    assert planner().plan(seen(), survey=(), tokens=100).chain == ()


def test_llama_cpp_ports_answer_by_their_role():
    kind = EndpointKind.LLAMA_CPP
    survey = (
        report(LocalModel("general", loaded=True), kind=kind),
        report(LocalModel("writer", loaded=True), kind=kind, role=Role.CODE_GENERATION),
        report(LocalModel("reader", loaded=True), kind=kind, role=Role.CODE_ANALYSIS),
    )

    def found(task_type: TaskType) -> list[str]:
        return order(planner().plan(seen(task_type=task_type), survey=survey, tokens=100))

    assert found(TaskType.QUESTION) == ["general", "writer", "reader"]
    assert found(TaskType.GENERATION) == ["writer", "general", "reader"]
    assert found(TaskType.DEBUGGING) == ["reader", "general", "writer"]


def test_a_name_with_code_in_it_is_taken_for_code_and_not_for_questions():
    models = (LocalModel("llama3:3b", loaded=True), LocalModel("qwen2.5-coder:3b", loaded=True))
    plan = planner().plan(seen(task_type=TaskType.EDIT), survey=(report(*models),), tokens=100)
    assert order(plan) == ["qwen2.5-coder:3b", "llama3:3b"]
    assert plan.chain[0].why == "LOCAL_FAST is the target, made for such tasks"
    plan = planner().plan(seen(), survey=(report(*reversed(models)),), tokens=100)
    assert order(plan) == ["llama3:3b", "qwen2.5-coder:3b"]


def test_a_loaded_model_comes_before_one_that_must_be_loaded_within_a_tier():
    asleep = LocalModel("asleep", loaded=False, parameters=14)
    untold = LocalModel("untold", loaded=None, parameters=14)
    plan = planner().plan(
        seen(Complexity.MODERATE), survey=(report(asleep, untold, SMALL, LARGE),), tokens=100
    )
    assert order(plan) == ["large", "untold", "asleep", "small"]


def test_what_size_is_trusted_is_the_presets():
    survey = (report(LocalModel("middle", loaded=True, parameters=4)), remote(CLAUDE))
    strong = planner(preset="strong").plan(seen(), survey=survey, tokens=9, allow_remote=True)
    weak = planner(preset="weak").plan(seen(), survey=survey, tokens=9, allow_remote=True)
    assert [each.tier for each in strong.chain] == [Tier.LOCAL_FAST, Tier.API_FALLBACK]
    assert [each.tier for each in weak.chain] == [Tier.LOCAL_QUALITY, Tier.API_FALLBACK]


@given(
    st.sampled_from(Complexity),
    st.integers(0, 100_000),
    st.booleans(),
    st.booleans(),
    st.one_of(st.none(), st.floats(-1, 20)),
    st.sampled_from(["weak", "strong"]),
)
def test_whatever_is_asked_no_remote_model_is_in_a_chain_without_leave_and_money(
    complexity: Complexity, tokens: int, critical: bool, allowed: bool, left, preset: str
):
    plan = planner(preset=preset).plan(
        seen(complexity),
        survey=ALL,
        tokens=tokens,
        quality_critical=critical,
        allow_remote=allowed,
        budget_left=left,
    )
    if not allowed or (left is not None and left <= 0):
        assert not any(each.remote for each in plan.chain)
    assert len(plan.chain) + len(plan.skipped) == 3


def route(prompt: str, survey=LOCAL, agent: AgentType = AgentType.REMOTE):
    return planner().route(prompt, survey=survey, agent_type=agent)


def test_a_simple_task_goes_to_a_local_model_that_is_ready():
    found = route("What is a mutex?")
    assert (found.target, found.tier) == (Target.LOCAL, Tier.LOCAL_FAST)
    assert found.reason == "simple question (lookup): small can take it"
    assert found.chain == (
        "LOCAL_FAST: small at http://x:1 (LOCAL_FAST is the target)",
        "LOCAL_QUALITY: large at http://x:1 (a stronger tier)",
    )
    assert found.rule == "simple complexity"
    assert found.complexity_score == round(10 * found.score, 1)


def test_a_task_is_local_only_where_a_local_model_of_its_tier_or_a_stronger_one_is_ready():
    moderate = "Explain how TCP slow start works"
    found = route(moderate)
    assert (found.target, found.tier) == (Target.LOCAL, Tier.LOCAL_QUALITY)
    only_small = (report(SMALL),)
    found = route(moderate, only_small)
    assert (found.target, found.tier) == (Target.REMOTE, Tier.API_FALLBACK)
    assert found.reason.endswith("a local model (LOCAL_QUALITY) could take it, but none is ready")
    found = route(moderate, only_small, AgentType.LOCAL)
    assert (found.target, found.tier) == (Target.LOCAL, Tier.LOCAL_FAST)
    only_large = (report(LARGE),)
    found = route("What is a mutex?", only_large)
    assert (found.target, found.tier) == (Target.LOCAL, Tier.LOCAL_QUALITY)


def test_without_a_local_model_everything_is_remote():
    found = route("What is a mutex?", ())
    assert (found.target, found.tier) == (Target.REMOTE, Tier.API_FALLBACK)
    assert found.reason.endswith("a local model (LOCAL_FAST) could take it, but none is ready")


def test_a_complex_task_is_remote_even_when_a_local_model_is_ready():
    found = route(HARD, agent=AgentType.LOCAL)
    assert (found.target, found.tier) == (Target.REMOTE, Tier.API_FALLBACK)
    assert found.reason.endswith("looks too hard for a local model")
    assert found.score > 2 / 3


@given(st.text(max_size=300), st.sampled_from([(), LOCAL, ALL]), st.sampled_from(AgentType))
def test_the_tier_is_that_of_the_target(prompt: str, survey, agent: AgentType):
    found = route(prompt, survey, agent)
    assert (found.target is Target.REMOTE) == (found.tier is Tier.API_FALLBACK)


def test_the_need_of_a_task_is_the_same_on_every_machine():
    for preset in ("weak", "strong"):
        plan = planner(preset=preset)
        assert plan.need("What is a mutex?").tier is Tier.LOCAL_FAST
        assert plan.need("Explain how TCP slow start works").tier is Tier.LOCAL_QUALITY
        assert plan.need([{"role": "user", "content": HARD}]).tier is Tier.API_FALLBACK


def test_the_need_of_a_task_is_not_that_of_a_preset():
    """On a weak machine, the preset sends long prompts away."""
    messages = [
        {"role": "assistant", "content": "words " * 9000},
        {"role": "user", "content": "Hi"},
    ]
    found = planner(preset="weak").need(messages)
    assert (found.tier, found.rule) == (Tier.LOCAL_FAST, "simple complexity")
    assert (
        planner(preset="weak")
        .plan(seen(), survey=ALL, tokens=9000, allow_remote=True)
        .rule.endswith("(the preset for weak machines, line 5)")
    )


def test_a_decision_takes_under_a_millisecond():
    plan, task = planner(), classify("Explain how TCP slow start works")
    times = []
    for _ in range(300):
        began = time.perf_counter()
        plan.plan(task, survey=ALL, tokens=100, allow_remote=True)
        times.append(time.perf_counter() - began)
    assert statistics.median(times) < 0.001


def test_rules_see_what_a_request_is_about_and_what_an_agent_has_done(tmp_path: Path):
    rules = tmp_path / "rules.yaml"
    rules.write_text(
        """rules:
  - condition: '"security" in keywords'
    target: API_FALLBACK
    description: security
  - condition: tool_turns > 1
    target: LOCAL_QUALITY
    description: tools
""",
        encoding="utf-8",
    )
    plan = planner(rules)
    assert plan.need("Rename the password field").rule.startswith("security")
    step = [
        {"role": "user", "content": "Put it into my calendar"},
        {"role": "assistant", "content": None, "tool_calls": [{"id": "1"}]},
        {"role": "tool", "content": "done"},
    ]
    assert plan.need(step).rule.startswith("tools")
    assert plan.need(step[:1]).rule.endswith(" complexity")
