"""Learning to route: draws within a tier, steps between tiers, and a model that changes."""

from __future__ import annotations

from pathlib import Path
from statistics import fmean

import pytest

from benchmarks.routing.learning_to_route import SCENARIOS, run
from hybrid_coordinator.domain.evidence import Observation
from hybrid_coordinator.domain.interactions import AgentType
from hybrid_coordinator.domain.route import Complexity, Target, TaskType, Tier
from hybrid_coordinator.inference.endpoints import LocalModel
from hybrid_coordinator.routing.evidence import Evidence
from hybrid_coordinator.routing.planning import Planner
from tests.routing.planners import ALL, LOCAL, order, planner, report, seen

FIRST = LocalModel("first", loaded=True, parameters=3)
SECOND = LocalModel("second", loaded=True, parameters=3)
TWO = (report(FIRST, SECOND),)
SIMPLE = (TaskType.QUESTION, Complexity.SIMPLE)


def knowing(*known: tuple[str, float, int], bucket=SIMPLE) -> Evidence:
    """Of models by name: their success and how often it was seen."""
    evidence = Evidence()
    evidence.learn(
        Observation(model, *bucket, success, 1.0)
        for model, success, times in known
        for _ in range(times)
    )
    return evidence


def shares(plans: Planner, survey=TWO, complexity: Complexity = Complexity.SIMPLE, **wishes):
    """How often each model comes first in 200 plans."""
    heads = [
        order(plans.plan(seen(complexity), survey=survey, tokens=9, **wishes))[0]
        for _ in range(200)
    ]
    return {name: heads.count(name) / 200 for name in set(heads)}


def test_with_nothing_known_the_order_is_that_of_the_configuration():
    assert shares(planner(evidence=Evidence())) == {"first": 1.0}


def test_a_model_that_does_better_comes_first_and_the_other_gets_a_chance_now_and_then():
    evidence = knowing(("first", 0.5, 6), ("second", 0.8, 6))
    found = shares(planner(evidence=evidence))
    assert found["second"] > 0.85
    assert 0 < found["first"] < 0.15


def test_a_model_that_keeps_failing_gives_way_to_one_that_was_never_tried():
    assert shares(planner(evidence=knowing(("first", 0.1, 15))))["second"] > 0.95
    assert shares(planner(evidence=knowing(("first", 0.9, 15))))["first"] > 0.95


def test_models_that_were_never_tried_stand_by_size_and_role_behind_what_is_known():
    tried, tiny, big, coder = (
        LocalModel(name, loaded=True, parameters=size)
        for name, size in (("tried", 3), ("tiny", 0.5), ("big", 6), ("coder", 6))
    )
    bucket = (TaskType.EDIT, Complexity.SIMPLE)
    plans = planner(evidence=knowing(("tried", 0.0, 30), bucket=bucket))
    plan = plans.plan(
        seen(task_type=TaskType.EDIT), survey=(report(tried, tiny, big, coder),), tokens=9
    )
    assert order(plan) == ["coder", "big", "tiny", "tried"]


def test_a_model_that_must_be_loaded_comes_after_the_others_whatever_is_known():
    asleep = LocalModel("asleep", loaded=False, parameters=3)
    evidence = knowing(("asleep", 1.0, 30), ("first", 0.5, 30))
    assert shares(planner(evidence=evidence), (report(asleep, FIRST),)) == {"first": 1.0}


def test_learning_can_be_switched_off():
    evidence = knowing(("first", 0.0, 50), ("second", 1.0, 50))
    plan = planner(evidence=evidence, learn=False).plan(seen(), survey=TWO, tokens=9)
    assert order(plan) == ["first", "second"]
    assert "drew" not in plan.chain[0].why


def test_draws_are_repeatable_and_said():
    evidence = knowing(("first", 0.5, 3), ("second", 0.5, 3))

    def whys(seed: int) -> list[str]:
        plans = planner(evidence=evidence, seed=seed)
        found = [plans.plan(seen(), survey=TWO, tokens=9).chain[0] for _ in range(5)]
        return [f"{each.name}: {each.why}" for each in found]

    assert whys(1) == whys(1) != whys(2)
    assert "drew 0." in whys(1)[0]
    assert "expected after 2.9 observations" in whys(1)[0]


def test_a_seed_is_drawn_and_logged_where_none_is_set(caplog: pytest.LogCaptureFixture):
    with caplog.at_level("INFO"):
        planner(seed=None)
        planner(seed=41)
    first, second = (record.getMessage() for record in caplog.records)
    assert first.startswith("routing draws with seed ")
    assert second == "routing draws with seed 41"
    assert first != second


def test_a_tier_that_keeps_failing_is_left_upwards_even_against_a_rule(tmp_path: Path):
    rules = tmp_path / "rules.yaml"
    rules.write_text("- condition: true\n  target: LOCAL_FAST\n")
    evidence = knowing(("small", 0.0, 20), ("large", 0.9, 5))
    for file in (None, rules):
        plan = planner(file, evidence).plan(seen(), survey=LOCAL, tokens=9)
        assert plan.target is Tier.LOCAL_FAST
        assert order(plan) == ["large", "small"]
        assert plan.chain[0].why.startswith("LOCAL_FAST has been failing at such tasks")
    found = planner(None, evidence).route("Hi?", survey=LOCAL, agent_type=AgentType.REMOTE)
    assert (found.target, found.tier) == (Target.LOCAL, Tier.LOCAL_QUALITY)


def test_a_tier_is_not_left_for_one_that_does_worse_or_is_not_there():
    both_bad = knowing(("small", 0.05, 30), ("large", 0.0, 60))
    assert shares(planner(evidence=both_bad), LOCAL)["small"] > 0.5
    alone = planner(evidence=both_bad).plan(seen(), survey=(report(LOCAL[0].models[0]),), tokens=9)
    assert order(alone) == ["small"]


def test_a_weaker_tier_that_has_proven_itself_takes_the_work_of_the_stronger():
    bucket = (TaskType.QUESTION, Complexity.COMPLEX)
    evidence = knowing(("large", 1.0, 60), bucket=bucket)
    plans = planner(evidence=evidence)
    found = shares(plans, ALL, Complexity.COMPLEX, allow_remote=True)
    assert found["large"] > 0.9
    plan = plans.plan(seen(Complexity.COMPLEX), survey=ALL, tokens=9, allow_remote=True)
    assert plan.target is Tier.API_FALLBACK
    assert plan.chain[0].why.startswith("LOCAL_QUALITY has proven itself at such tasks")


def test_nothing_steps_down_against_a_rule_or_a_wish(tmp_path: Path):
    bucket = (TaskType.QUESTION, Complexity.COMPLEX)
    evidence = knowing(("large", 1.0, 60), bucket=bucket)
    rules = tmp_path / "rules.yaml"
    rules.write_text("- condition: true\n  target: API_FALLBACK\n")
    hard = Complexity.COMPLEX
    assert shares(planner(rules, evidence), ALL, hard, allow_remote=True) == {"claude": 1.0}
    for wish in ({"quality_critical": True}, {"prefer_local": False}):
        found = shares(planner(None, evidence), ALL, hard, allow_remote=True, **wish)
        assert found == {"claude": 1.0}


def test_success_at_other_tasks_proves_nothing_here():
    evidence = knowing(("large", 1.0, 60), bucket=(TaskType.EDIT, Complexity.COMPLEX))
    found = shares(planner(evidence=evidence), ALL, Complexity.COMPLEX, allow_remote=True)
    assert found == {"claude": 1.0}


def test_no_draw_brings_in_a_remote_model_without_leave():
    evidence = knowing(("small", 0.0, 50), ("large", 0.0, 50), ("claude", 1.0, 50))
    assert "claude" not in shares(planner(evidence=evidence), ALL)


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda each: each.name)
def test_a_change_of_a_model_is_noticed(scenario):
    def last(policy: str) -> float:
        return fmean(fmean(run(scenario, policy, seed)[-100:]) for seed in range(8))

    best, ours = last("oracle"), last("**learned**")
    assert ours > last("random")
    assert best - ours < 0.12
    worse = min(last("always the first"), last("always the second"))
    assert ours - worse > (best - worse) / 2
