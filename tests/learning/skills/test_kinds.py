"""What counts as a kind of task, and what of it is held out."""

from __future__ import annotations

from uuid import UUID

from hybrid_coordinator.domain.interactions import OutcomeKind
from hybrid_coordinator.domain.skills import Covered, Task
from hybrid_coordinator.learning.skills.kinds import candidates, held_out, kinds

QUERY = "Bump the version of package {} to {}.0 and update the changelog"
IDS = [str(UUID(int=number)) for number in range(90)]
HELD = [key for key in IDS if held_out(key)]
KEPT = [key for key in IDS if not held_out(key)]


def task(key: str, outcome: OutcomeKind = OutcomeKind.SUCCESS) -> Task:
    return Task(key, QUERY.format("parser", key[-2:]), f"session {key}", outcome, 1.0)


def test_one_in_three_is_held_out_whatever_else_there_is() -> None:
    assert 20 <= len(HELD) <= 40


def test_the_order_of_the_tasks_changes_no_kind() -> None:
    tasks = [task(key) for key in IDS[:12]]
    (kind,) = kinds(tasks)
    assert kinds(tasks[::-1]) == [kind]
    assert kind.ids == frozenset(IDS[:12])


def test_what_is_kept_of_a_kind_needs_as_much_evidence() -> None:
    (enough,) = kinds([task(key) for key in (*KEPT[:3], *HELD[:2])])
    kept = enough.kept()
    assert kept is not None
    assert kept.ids == frozenset(KEPT[:3])
    (too_few,) = kinds([task(key) for key in (*KEPT[:2], *HELD[:3])])
    assert too_few.kept() is None
    (too_bad,) = kinds(
        [task(key, OutcomeKind.FAILURE) for key in KEPT[:2]]
        + [task(key) for key in (*KEPT[2:3], *HELD[:3])]
    )
    assert too_bad.kept() is None


def test_the_central_task_went_well() -> None:
    failures = [task(key, OutcomeKind.FAILURE) for key in IDS[:9]]
    odd = [
        Task(key, f"{QUERY.format('lexer', 1)}, then tell Tom", key, OutcomeKind.SUCCESS, 1.0)
        for key in IDS[9:11]
    ]
    (kind,) = kinds([*failures, *odd])
    assert kind.central in odd


def test_three_more_successes_are_news_of_a_skill_in_use() -> None:
    (kind,) = kinds([task(key) for key in IDS[:9]])
    for known, closed, found in ((9, False, 0), (7, False, 0), (6, False, 1), (6, True, 0)):
        covered = Covered("skill", closed, frozenset(IDS[:known]))
        assert len(list(candidates([kind], [covered]))) == found
    assert [each.item_id for each in candidates([kind], [])] == [None]


def test_a_task_that_is_worded_anew_is_of_the_same_kind() -> None:
    ways = (
        "fix the flaky test {} in tests/{}.py, it fails about one run in ten",
        "{} (tests/{}.py) flakes on CI - fix the flaky test",
    )
    things = [
        ("test_login", "api"),
        ("test_export", "files"),
        ("test_cache", "web"),
        ("test_tail", "io"),
    ]
    flaky = [
        Task(key, ways[at % 2].format(*things[at]), f"session {at}", OutcomeKind.SUCCESS, 1.0)
        for at, key in enumerate(IDS[:4])
    ]
    (kind, other) = sorted(kinds([*flaky, *map(task, IDS[4:8])]), key=lambda each: each.tasks[0].id)
    assert (kind.ids, other.ids) == (frozenset(IDS[:4]), frozenset(IDS[4:8]))
