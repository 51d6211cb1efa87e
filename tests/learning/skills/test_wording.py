"""The text of a skill is what its tasks and answers have in common, and fits."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from hybrid_coordinator.domain.interactions import OutcomeKind
from hybrid_coordinator.domain.skills import Task
from hybrid_coordinator.learning.skills.kinds import Kind
from hybrid_coordinator.learning.skills.wording import Wording, word

STEPS = (
    "1. Add the column in a migration.\n2. {}\n3. Run the migration tests.\n\n```\n{}\n```\nDone."
)


def kind(*queries: str, failed: str | None = None) -> Kind:
    tasks = [
        Task(str(at), query, f"session {at}", OutcomeKind.SUCCESS, 1.0)
        for at, query in enumerate(queries)
    ]
    central = tasks[0]
    if failed is not None:
        tasks.append(replace(central, id="failed", query=failed, outcome=OutcomeKind.FAILURE))
    return Kind(tuple(tasks), central)


def worded(of: Kind, *answers: str) -> Wording:
    by_task = {task.id: answer for task, answer in zip(of.successes, answers, strict=True)}
    return word(of, by_task, {}, dict.fromkeys(by_task, 0.7))


COLUMNS = kind(
    "Add a column for the phone number to the users table",
    "Add a column for the tax rate to the orders table",
    "Add a column for the colour to the items table",
    failed="Add a column for everything to the logs table",
)


def test_the_title_has_the_words_of_most_and_gaps_for_the_others() -> None:
    made = worded(COLUMNS, "a", "b", "c")
    assert made.title == "Add a column for the … to the … table"


def test_steps_that_most_answers_have_are_listed_but_not_code_and_not_what_one_did() -> None:
    made = worded(
        COLUMNS,
        STEPS.format("Ask the phone company about formats.", "import phone_number_formats"),
        STEPS.format("Look up rates.", "import phone_number_formats"),
        STEPS.format("Choose a palette together.", "import phone_number_formats"),
    )
    steps, example = made.content.split("\n\n", 1)
    assert steps == (
        "What was done each time:\n- Add the column in a migration.\n- Run the migration tests."
    )
    assert example.startswith('What worked for "Add a column for the phone number to the users')
    assert "Ask the phone company" in example


def test_tasks_are_examples_each_once_the_latest_first() -> None:
    again = kind(*(task.query for task in COLUMNS.successes), "add column for tax rates to orders")
    made = worded(again, "a", "b", "c", "d")
    assert made.fields["success_examples"] == [
        "add column for tax rates to orders",
        "Add a column for the colour to the items table",
        "Add a column for the tax rate to the orders table",
        "Add a column for the phone number to the users table",
    ]
    assert worded(COLUMNS, "a", "b", "c").fields["failure_examples"] == [
        "Add a column for everything to the logs table"
    ]
    assert made.fields["value_score"] == 0.7


@given(st.lists(st.text(min_size=1, max_size=3000), min_size=3, max_size=4))
def test_whatever_was_said_a_title_is_one_short_line_and_the_text_is_bounded(
    texts: list[str],
) -> None:
    made = worded(kind(*(f"task {text}" for text in texts)), *texts)
    assert 0 < len(made.title) <= 80
    assert len(made.title.splitlines()) == 1
    assert made.content.strip()
    assert len(made.content) < 2_000 + 240 * 41
    assert made == worded(kind(*(f"task {text}" for text in texts)), *texts)


def test_a_megabyte_of_blank_lines_is_read_in_one_go() -> None:
    """Which took hours when each of them was tried as the beginning of a step."""
    blank = "\n\n  " * 250_000
    made = worded(COLUMNS, *(f"Add the column in a migration.{blank}" for _ in range(3)))
    assert made.content.startswith("What was done each time:\n- Add the column in a migration.")
