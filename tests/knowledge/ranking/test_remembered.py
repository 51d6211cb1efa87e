"""Code that helped with a question like this one comes up; the rest stays as it was."""

from __future__ import annotations

import pytest

from hybrid_coordinator.knowledge.ranking.remembered import PastUse, alike, rank_remembered
from hybrid_coordinator.storage.vectors.protocol import ScoredHit

HITS = [ScoredHit(name, score, {}) for name, score in (("a", 1.0), ("b", 0.9), ("c", 0.4))]


def task(query: str) -> ScoredHit:
    return ScoredHit("task", 1.0, {"query": query})


@pytest.mark.parametrize(
    ("asked", "alike_to_it"),
    [
        ("how is the session cookie signed", True),
        ("Please show me where the session cookie is signed", True),
        ("signing of session cookies", True),
        ("the cookie of the session, how is it signed?", True),
        ("how is the session closed", False),
        ("how are invoices mailed", False),
        ("", False),
    ],
)
def test_tasks_are_alike_by_what_they_ask_for(asked: str, alike_to_it: bool):
    found = alike(asked, [task("How is the session cookie signed?")])
    assert list(found) == (["task"] if alike_to_it else [])
    assert all(0.7 <= likeness <= 1 for likeness in found.values())


def order(*uses: PastUse, likeness: float = 1.0) -> str:
    tasks = {"one": likeness, "two": likeness}
    return "".join(hit.id for hit in rank_remembered(HITS, tasks, uses))


def test_what_helped_comes_up_and_what_did_not_goes_down():
    assert order() == "abc"
    assert order(PastUse("one", "b", 1.0)) == "bac"
    assert order(PastUse("one", "a", -1.0)) == "bac"
    assert order(PastUse("one", "b", 0.05)) == "abc", "little says little"


def test_what_is_far_behind_stays_behind():
    assert order(PastUse("one", "c", 1.0), PastUse("two", "c", 1.0)) == "abc"


def test_uses_that_contradict_each_other_say_nothing():
    assert order(PastUse("one", "b", 1.0), PastUse("two", "b", -1.0)) == "abc"


def test_nothing_is_added_to_what_was_found():
    assert rank_remembered([], {"one": 1.0}, [PastUse("one", "x", 1.0)]) == []
    assert order(PastUse("one", "x", 1.0)) == "abc"
