"""Which failures count as solved, by what, and which do not."""

from __future__ import annotations

from datetime import timedelta

import pytest

from hybrid_coordinator.domain.interactions import Outcome, OutcomeKind
from hybrid_coordinator.domain.turns import Action, ActionKind
from hybrid_coordinator.learning.failures.pairs import Failure, failures_of
from tests.learning.failures.sessions import (
    IMPORT_ERROR,
    IMPORT_TITLE,
    START,
    TYPE_ERROR,
    TYPE_TITLE,
    edited,
    episode,
    failed,
    passed,
    ran,
)


def only(*episodes: object) -> Failure:
    (failure,) = failures_of(episodes)
    return failure


def solved(*actions: Action) -> list[tuple[str, list[str]]]:
    """What was solved in a turn: the titles, and what was changed for each."""
    return [
        (each.signature.title, [change.path or change.line for change in each.fix])
        for each in failures_of([episode(1, *actions)])
        if each.solved_in is not None
    ]


def test_a_failure_within_a_turn_is_solved_by_the_edits_before_the_same_command_passed() -> None:
    failure = only(episode(1, failed(), edited("/w/shop/app/dates.py"), passed()))

    assert failure.signature.title == IMPORT_TITLE
    assert failure.solved_in == 0
    assert [change.path for change in failure.fix] == ["/w/shop/app/dates.py"]
    assert failure.tried == ()
    assert failure.proof is not None
    assert failure.proof.line == "pytest -q"


def test_a_failure_is_solved_in_a_later_turn() -> None:
    failure = only(
        episode(1, failed()), episode(2, ran("ls")), episode(3, edited(), passed("pytest"))
    )
    assert failure.seen == (0,)
    assert failure.solved_in == 2


@pytest.mark.parametrize(
    ("first", "then"),
    [
        ("pytest -q", "python -m pytest -x"),
        ("pytest tests/test_orders.py", "pytest tests"),
        ("cd /w/shop && pytest tests/test_orders.py -q", "pytest -q tests/test_orders.py"),
        ("pytest", "pytest tests/test_orders.py"),
        (".venv/bin/pytest -q 2>&1", "uv run pytest"),
        ("npm test", "npm test"),
        ("cargo build --release", "cargo build"),
        ("make test", "make test"),
        ("python scripts/load.py --all", "python scripts/load.py --all"),
        ("git push origin main", "git push origin main"),
        ("psql -f schema.sql", "psql -f schema.sql"),
    ],
)
def test_the_same_command_is_known_in_other_words(first: str, then: str) -> None:
    assert solved(failed(line=first), edited(), passed(then)) == [
        (IMPORT_TITLE, ["/w/shop/app/dates.py"])
    ]


@pytest.mark.parametrize(
    ("first", "then"),
    [
        ("pytest -q", "ruff check"),
        ("pytest tests/test_orders.py", "pytest tests/test_basket.py"),
        ("pytest", "pytest tests/test_names.py"),  # not what it complained of
        ("cargo test", "cargo build"),
        ("python scripts/load.py --all", "python scripts/load.py --none"),
        ("python scripts/load.py", "python scripts/dump.py"),
        ("npm test", "npm run build"),
        ("pytest -q", "ls app"),
    ],
)
def test_the_success_of_another_command_solves_nothing(first: str, then: str) -> None:
    assert solved(failed(line=first), edited(), passed(then)) == []


def test_what_went_away_without_a_change_was_flaky_and_teaches_nothing() -> None:
    assert failures_of([episode(1, failed(), passed())]) == []
    assert failures_of([episode(1, failed(), failed(), passed())]) == []
    assert failures_of([episode(1, edited(), failed(), ran("git status"), passed())]) == []


@pytest.mark.parametrize(
    "path", ["README.md", "docs/guide.rst", "web/style.css", "NOTES.txt", "CHANGELOG", "logo.png"]
)
def test_an_edit_that_cannot_have_to_do_with_it_solves_nothing(path: str) -> None:
    assert solved(failed(), edited(f"/w/shop/{path}"), passed()) == []


@pytest.mark.parametrize(
    ("path", "printed"),
    [
        ("README.md", "ValueError: README.md is out of date"),
        ("requirements.txt", IMPORT_ERROR),
        ("CMakeLists.txt", IMPORT_ERROR),
        ("pyproject.toml", IMPORT_ERROR),
    ],
)
def test_a_file_that_the_error_names_or_that_configures_can_solve_it(
    path: str, printed: str
) -> None:
    assert [fix for _, fix in solved(failed(printed), edited(f"/w/{path}"), passed())] == [
        [f"/w/{path}"]
    ]


def test_a_command_that_changes_something_solves_as_an_edit_does() -> None:
    missing = "ModuleNotFoundError: No module named 'yaml'"
    assert solved(failed(missing), ran("pip install pyyaml"), passed()) == [
        (missing, ["pip install pyyaml"])
    ]
    assert solved(failed(missing), ran("pip list"), ran("git status"), passed()) == []
    assert solved(failed(missing), ran("pip install pyyml", "", 1), passed()) == []


def test_what_was_tried_before_is_told_apart_from_what_helped() -> None:
    failure = only(
        episode(1, failed(), edited("/w/a.py"), failed(), edited("/w/b.py"), edited("/w/c.py")),
        episode(2, passed()),
    )
    assert [change.path for change in failure.fix] == ["/w/b.py", "/w/c.py"]
    assert [change.path for change in failure.tried] == ["/w/a.py"]
    assert failure.seen == (0, 0)


def test_an_error_that_gave_way_to_another_is_solved_by_what_was_changed_until_then() -> None:
    steps = (failed(), edited("/w/a.py"), failed(TYPE_ERROR), edited("/w/b.py"), passed())
    assert solved(*steps) == [(IMPORT_TITLE, ["/w/a.py"]), (TYPE_TITLE, ["/w/b.py"])]


def test_an_error_that_came_back_was_not_solved_before() -> None:
    steps = (
        *(failed(), edited("/w/a.py"), failed(TYPE_ERROR), edited("/w/b.py"), failed()),
        *(edited("/w/c.py"), passed()),
    )
    found = dict(solved(*steps))
    assert found[IMPORT_TITLE] == ["/w/c.py"]


def test_what_is_not_solved_is_told_with_what_was_tried() -> None:
    failure = only(episode(1, failed(), edited("/w/a.py"), failed(), edited("/w/b.py")))
    assert failure.solved_in is None
    assert [change.path for change in failure.tried] == ["/w/a.py"]


@pytest.mark.parametrize(
    "action",
    [
        failed("KeyboardInterrupt", code=130),
        failed(IMPORT_ERROR, code=124),
        failed(IMPORT_ERROR, code=137),
        failed("", code=1),
        failed("something else", code=1),
        failed("grep: x.py: No such file or directory", line="grep -r foo x.py", code=2),
        failed("app/a.py:3: error: what a match says", line="grep -rn error .", code=2),
    ],
)
def test_what_was_stopped_or_says_nothing_or_only_looked_is_no_failure(action: Action) -> None:
    assert failures_of([episode(1, action, edited(), passed(action.subject))]) == []


def test_an_exit_status_that_is_hidden_is_read_from_what_was_printed() -> None:
    hidden = ran("pytest -q | tail -20", IMPORT_ERROR)
    assert solved(hidden, edited(), ran("pytest -q | tail -20", PASSED_BY_TAIL)) == [
        (IMPORT_TITLE, ["/w/shop/app/dates.py"])
    ]
    assert solved(failed(), edited(), hidden) == []


PASSED_BY_TAIL = "....\n5 passed in 0.31s"


def test_a_tool_that_failed_is_solved_by_the_same_call() -> None:
    call = 'mcp__db__query {"sql": "select 1"}'
    broken = Action(
        ActionKind.TOOL, call, False, None, "Error: connect ECONNREFUSED 127.0.0.1:5432"
    )
    works = Action(ActionKind.TOOL, call, True, None, "1 row")
    other = Action(ActionKind.TOOL, "mcp__db__list {}", True, None, "3 tables")
    start = ran("docker compose up -d db")
    assert solved(broken, start, works) == [
        ("ECONNREFUSED: connect ECONNREFUSED <host>:5432", ["docker compose up -d db"])
    ]
    assert solved(broken, start, other) == []


def test_steps_of_a_subagent_count_when_they_were_taken() -> None:
    """The turn that called it began before it and ended after it."""

    def at(action: Action, minute: int) -> Action:
        return Action(
            action.kind,
            action.subject,
            action.ok,
            action.exit_code,
            action.detail,
            START + timedelta(minutes=minute),
        )

    caller = episode(1, at(failed(), 2), at(passed(), 9))
    subagent = episode(3, at(edited("/w/sub.py"), 4), agent="fixer")

    failure = only(caller, subagent)

    assert failure.solved_in == 0
    assert [change.path for change in failure.fix] == ["/w/sub.py"]
    # The other way round the edit came too late.
    late = episode(3, at(edited("/w/sub.py"), 10), agent="fixer")
    assert failures_of([caller, late]) == []


def test_a_clock_that_goes_back_keeps_the_order_of_a_turn() -> None:
    back = [failed(), edited(), passed()]
    times = [START + timedelta(minutes=minutes) for minutes in (5, 3, 1)]
    actions = [
        Action(each.kind, each.subject, each.ok, each.exit_code, each.detail, moment)
        for each, moment in zip(back, times, strict=True)
    ]
    assert only(episode(0, *actions)).solved_in == 0


FAILED = Outcome(OutcomeKind.FAILURE, evidence="pytest exit 1: ImportError: cannot import name 'x'")
SUCCEEDED = Outcome(OutcomeKind.SUCCESS, evidence="pytest exit 0")


def test_an_outcome_that_became_a_success_tells_a_solution() -> None:
    failure = only(episode(1, outcomes=(FAILED, SUCCEEDED), response="Renamed x to y."))
    assert failure.signature.title == "ImportError: cannot import name 'x'"
    assert failure.solved_in == 0
    assert failure.told == "pytest exit 0"


def test_a_later_success_at_the_same_task_tells_a_solution() -> None:
    task = "Fix the failing import of x in the orders module"
    failure = only(
        episode(1, query=task, outcomes=(FAILED,)),
        episode(2, query="What is the weather like", outcomes=(SUCCEEDED,)),
        episode(3, query=f"{task}, again", outcomes=(SUCCEEDED,)),
    )
    assert failure.solved_in == 2


def test_a_success_at_another_task_tells_nothing() -> None:
    failure = only(
        episode(1, query="Fix the failing import of x", outcomes=(FAILED,)),
        episode(2, query="Write the release notes for May", outcomes=(SUCCEEDED,)),
    )
    assert failure.solved_in is None


def test_a_success_that_became_a_failure_solves_nothing() -> None:
    assert only(episode(1, outcomes=(FAILED, SUCCEEDED, FAILED))).solved_in is None


def test_what_was_seen_is_not_told_again() -> None:
    seen = episode(
        1,
        failed(),
        edited(),
        passed(),
        outcomes=(Outcome(OutcomeKind.FAILURE, evidence=IMPORT_ERROR), SUCCEEDED),
    )
    assert len(failures_of([seen])) == 1
