"""Rules files: what they say, every error with its line, live reloading, and the presets."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hybrid_coordinator.domain.route import Complexity, TaskType, Tier
from hybrid_coordinator.errors import SettingsError
from hybrid_coordinator.inference.endpoints import LocalModel
from hybrid_coordinator.routing.rules.book import RuleBook, load_book
from hybrid_coordinator.routing.rules.store import RuleStore, preset_book
from tests.routing.planners import ALL, LARGE, LOCAL, SMALL, order, planner, remote, report, seen

GOOD = """\
- condition: '"security" in keywords and remote_ready'
  target: API_FALLBACK
  confidence: 0.9
  description: security is worth money
- condition: task_type == "edit" and tokens < 500
  target: "model: qwen2.5-coder:7b"
  confidence: 0.8
  description: the coder edits
- condition: true
  target: LOCAL_QUALITY
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "rules.yaml"


def load(file: Path, text: str) -> RuleBook:
    file.write_text(text, encoding="utf-8")
    return load_book(file)


def test_a_list_of_rules_is_read_with_targets_and_lines(file: Path):
    first, second, third = load(file, GOOD).rules
    assert (first.target, first.model, first.confidence) == (Tier.API_FALLBACK, None, 0.9)
    assert (first.description, first.line) == ("security is worth money", 1)
    assert (second.target, second.model, second.line) == (None, "qwen2.5-coder:7b", 5)
    assert (third.target, third.confidence, third.description) == (
        Tier.LOCAL_QUALITY,
        1.0,
        "line 9",
    )


def test_a_mapping_may_set_the_bound_of_the_preset_too(file: Path):
    book = load(file, "quality_billions: 12.5\nrules:\n" + GOOD)
    assert (len(book.rules), book.quality_billions) == (3, 12.5)
    assert load(file, "").rules == load(file, "rules:\n").rules == ()


def test_a_model_may_be_named_by_a_mapping(file: Path):
    book = load(file, "- condition: true\n  target: {model: 'a:7b'}\n")
    assert book.rules[0].model == "a:7b"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("- condition: tokenz > 3\n  target: LOCAL_FAST\n", "line 1: condition: there is no fact"),
        ("\n\n- target: LOCAL_FAST\n", "line 3: the rule has no condition"),
        ("- condition: true\n", "line 1: the rule has no target"),
        (
            "- condition: true\n  target: LOCAL_QUALTY\n",
            "line 2: target: there is no `LOCAL_QUALTY`; did you mean LOCAL_QUALITY?",
        ),
        ("- condition: true\n  target: gpt\n", "allowed: LOCAL_FAST, LOCAL_QUALITY, API_FALLBACK"),
        ("- condition: true\n  target: 'model:'\n", "line 2: target: there is no `model:`"),
        ("- condition: true\n  target: [a]\n", "line 2: a text belongs here"),
        (
            "- condition: true\n  target: LOCAL_FAST\n\n  confidence: 1.5\n",
            "line 4: confidence: a number from 0 to 1 belongs here",
        ),
        ("- condition: true\n  target: LOCAL_FAST\n  confidence: sure\n", "line 3: confidence:"),
        ("- condition: true\n  target: LOCAL_FAST\n  confidence: .nan\n", "line 3: confidence:"),
        ("- condition: 3\n  target: LOCAL_FAST\n", "line 1: condition: an expression belongs here"),
        ("- condition: [a]\n  target: LOCAL_FAST\n", "line 1: condition: an expression belongs"),
        (
            "- condition: true\n  target: LOCAL_FAST\n  descriptoin: x\n",
            "line 3: `descriptoin` is no key of a rule; did you mean description?",
        ),
        (
            "- condition: true\n  condition: false\n  target: LOCAL_FAST\n",
            "line 2: `condition` stands here twice",
        ),
        ("- just words\n", "line 1: a rule has condition, target, confidence, description"),
        ("rules: 3\n", "line 1: a list of rules belongs here"),
        ("words\n", "line 1: a list of rules belongs here"),
        ("rulez: []\n", "line 1: `rulez` is no key; did you mean rules?"),
        ("quality_billions: large\n", "line 1: quality_billions: a number from"),
        ("? [a]\n: b\n", "line 1: `a list or a mapping` is no key"),
        (
            "- {condition: true, target: model:a}\n- {condition: files > 1, target: model:a}\n",
            "line 2: never reached, since the rule of line 1 always holds",
        ),
        (
            "- {condition: files>1, target: model:a}\n- {condition: files > 1, target: model:a}\n",
            "line 2: never reached, since line 1 has the same condition",
        ),
        ("- condition: 'a\n", "line 2: found unexpected end of stream"),
        ("- a\nb: c\n", "line 2: "),
        ("- condition: !!python/object:os.system x\n", "line 1: could not determine a constructor"),
        ("- condition: *a\n", "line 1: found undefined alias"),
        ("--- a\n--- b\n", "line 2: but found another document"),
        ("- condition: 2026-99-99\n  target: LOCAL_FAST\n", "is not valid YAML"),
        ("[" * 5000, "rules.yaml"),
    ],
)
def test_every_error_names_the_file_the_line_and_what_is_allowed(
    file: Path, text: str, problem: str
):
    with pytest.raises(SettingsError) as raised:
        load(file, text)
    assert problem in str(raised.value)
    assert str(file) in str(raised.value)


def test_all_problems_of_a_file_are_named_at_once(file: Path):
    with pytest.raises(SettingsError) as raised:
        load(file, "- condition: tokenz > 3\n  target: FAST\n- target: 7\n")
    lines = str(raised.value).split("; ")
    assert [each[:6] for each in lines if each.startswith("line")] == ["line 2", "line 3", "line 3"]


def test_files_that_cannot_be_read_are_errors(file: Path):
    file.write_bytes(b"- condition: \xff\n")
    with pytest.raises(SettingsError, match="cannot be read"):
        load_book(file)
    file.write_bytes(b"# \n" * 100_000)
    with pytest.raises(SettingsError, match="larger than"):
        load_book(file)
    with pytest.raises(SettingsError, match="cannot be read"):
        load_book(file.parent)


YAML_PIECES = st.sampled_from(
    [
        "- ",
        "condition: ",
        "target: ",
        "rules:\n",
        "  ",
        "\n",
        "LOCAL_FAST",
        "true",
        "&a ",
        "*a",
        "{",
        "}",
        "[",
        "]",
        ": ",
        "!!map ",
        "'",
        '"',
        "<<: ",
        "3",
        "\t",
        "? ",
        "---\n",
        "%",
        ">\n",
    ]
)


@given(st.one_of(st.text(), st.lists(YAML_PIECES, max_size=30).map("".join)))
def test_any_text_is_rules_or_an_error_of_settings(tmp_path_factory, text: str):
    file = tmp_path_factory.mktemp("rules") / "rules.yaml"
    file.write_text(text, encoding="utf-8", errors="replace")
    try:
        load_book(file)
    except SettingsError as error:
        assert str(file) in str(error)


def test_the_first_rule_that_holds_wins(file: Path):
    file.write_text(
        "- condition: files > 9\n  target: API_FALLBACK\n"
        "- condition: tokens < 50\n  target: LOCAL_QUALITY\n  confidence: 0.7\n"
        "  description: short ones\n"
        "- condition: tokens < 500\n  target: LOCAL_FAST\n"
    )
    plan = planner(file).plan(seen(), survey=ALL, tokens=10, allow_remote=True)
    assert (plan.target, order(plan)) == (Tier.LOCAL_QUALITY, ["large", "claude", "small"])
    assert plan.rule == "short ones (rules.yaml, line 3)"
    assert plan.confidence == 0.7
    plan = planner(file).plan(seen(Complexity.MODERATE), survey=ALL, tokens=100)
    assert plan.target is Tier.LOCAL_FAST
    plan = planner(file).plan(seen(Complexity.MODERATE), survey=ALL, tokens=1000)
    assert plan.rule == "moderate complexity"


def test_a_rule_that_names_a_model_has_it_asked_first(file: Path):
    file.write_text("- condition: true\n  target: 'model: large'\n  description: mine\n")
    plan = planner(file).plan(seen(), survey=ALL, tokens=10, allow_remote=True)
    assert order(plan) == ["large", "claude", "small"]
    assert plan.target is Tier.LOCAL_QUALITY
    assert plan.chain[0].why == "named by the rule"
    plan = planner(file).plan(seen(), survey=(report(SMALL), remote()), tokens=10)
    assert order(plan) == ["small"]
    (notice,) = plan.notices
    assert notice == "the rule asks for large, which is not ready: small at http://x:1 is asked"


def test_a_remote_model_may_be_named_as_in_the_settings(file: Path):
    file.write_text("- condition: true\n  target: 'model: anthropic/claude'\n")
    plan = planner(file).plan(seen(), survey=ALL, tokens=10, allow_remote=True)
    assert (order(plan)[0], plan.target) == ("claude", Tier.API_FALLBACK)
    plan = planner(file).plan(seen(), survey=ALL, tokens=10)
    assert order(plan) == ["small", "large"]
    (notice,) = plan.notices
    assert notice.startswith("the rule asks for anthropic/claude, which is not ready: small at")


def test_rules_of_the_user_hold_for_the_need_of_a_task_too(file: Path):
    file.write_text("- condition: remote_ready and local_fast_ready\n  target: LOCAL_QUALITY\n")
    found = planner(file).need("What is a mutex?")
    assert (found.tier, found.rule) == (Tier.LOCAL_QUALITY, "line 1 (rules.yaml, line 1)")


def test_an_edit_holds_from_the_next_call_on_and_a_bad_one_keeps_the_old_rules(file: Path):
    plan = planner(file)

    def target() -> tuple[Tier, tuple[str, ...]]:
        found = plan.plan(seen(), survey=LOCAL, tokens=10)
        return found.target, found.notices

    assert target() == (Tier.LOCAL_FAST, ())
    file.write_text("- condition: true\n  target: LOCAL_QUALITY\n")
    assert target() == (Tier.LOCAL_QUALITY, ())
    file.write_text("- condition: files > 1\n  target: LOCAL_QUALITY\n- condition: tokenz > 1\n")
    tier, (notice,) = target()
    assert tier is Tier.LOCAL_QUALITY
    assert "line 3: condition: there is no fact `tokenz`; did you mean tokens?" in notice
    assert notice.endswith("(the previous rules stay in force)")
    assert plan.notice() == notice
    file.write_text("- condition: true\n  target: LOCAL_FAST\n")
    assert target() == (Tier.LOCAL_FAST, ())
    file.unlink()
    assert target() == (Tier.LOCAL_FAST, ())
    assert planner(file).plan(seen(), survey=LOCAL, tokens=10).rule == "simple complexity"


def test_a_link_that_is_switched_is_a_change_even_to_rules_of_the_same_size_and_time(file: Path):
    for name, target in (("first", "LOCAL_FAST"), ("other", "REMOTE_ANY")):
        made = file.with_name(f"{name}.yaml")
        made.write_text(f"- condition: true\n  target: 'model: {target}'\n")
        os.utime(made, ns=(0, 0))
    file.symlink_to(file.with_name("first.yaml"))
    store = RuleStore(file)
    assert "LOCAL_FAST" in str(store.own())
    link = file.with_name("link")
    link.symlink_to(file.with_name("other.yaml"))
    link.rename(file)
    assert "REMOTE_ANY" in str(store.own())


def test_a_file_that_is_bad_from_the_start_leaves_the_preset_in_force(file: Path):
    file.write_text("- 3\n")
    store = RuleStore(file)
    assert store.current("weak") == preset_book("weak")
    assert (store.notice() or "").endswith("(the rules of the preset stay in force)")


def test_the_bound_that_a_file_leaves_open_is_the_presets(file: Path):
    file.write_text("rules: []\n")
    weak, strong = RuleStore(file).current("weak"), RuleStore(file).current("strong")
    assert (weak.quality_billions, strong.quality_billions) == (3, 7)


@pytest.mark.parametrize("name", ["weak", "strong"])
def test_the_presets_are_ordinary_rules_files(name):
    book = preset_book(name)
    assert book.source == f"the preset for {name} machines"
    assert book.quality_billions
    assert all(rule.description and rule.confidence < 1 for rule in book.rules)


def test_the_example_of_the_documentation_is_a_rules_file(file: Path):
    page = Path(__file__).parents[3] / "docs" / "rules.md"
    example = page.read_text(encoding="utf-8").split("```yaml\n")[1].split("```")[0]
    book = load(file, example)
    assert [rule.target or rule.model for rule in book.rules] == [
        Tier.API_FALLBACK,
        "qwen2.5-coder:7b",
    ]


def test_on_a_weak_machine_a_larger_model_gets_short_prompts_only():
    task = seen(Complexity.MODERATE)
    survey = (report(LocalModel("tiny", loaded=True, parameters=1.0), LARGE),)
    short = planner(preset="weak").plan(task, survey=survey, tokens=200)
    long = planner(preset="weak").plan(task, survey=survey, tokens=2000)
    assert (order(short), order(long)) == (["large", "tiny"], ["tiny", "large"])
    assert "on this machine (the preset for weak machines, line" in long.rule
    strong = planner(preset="strong").plan(task, survey=survey, tokens=2000)
    assert order(strong) == ["large", "tiny"]


def test_small_models_get_moderate_work_of_the_easy_kinds_rather_than_costly_ones():
    survey = (report(LocalModel("small", loaded=True, parameters=1.0)), remote(LARGE))

    def first(preset: str, task_type: TaskType) -> str:
        plan = planner(preset=preset).plan(
            seen(Complexity.MODERATE, task_type), survey=survey, tokens=9, allow_remote=True
        )
        return order(plan)[0]

    for preset in ("weak", "strong"):
        assert first(preset, TaskType.EXTRACTION) == "small"
        assert first(preset, TaskType.DEBUGGING) == "large"
