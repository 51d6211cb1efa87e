"""From shown context to outcome and back: what counts once, what replaces, what is kept."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.stdio import Json, StdioSession, command, session, wait_until

QUESTION = "retry a flaky network call with exponential backoff"
ENTRY = {
    "collection": "skills-patterns",
    "title": "Retry a network call with exponential backoff",
    "content": "Double the delay after each failed network call, with jitter, and give up after 5.",
}
STATED = {"source": "stated", "confidence": 1.0}
RATES = {"success": 1.0, "partial": 0.5, "failure": 0.0, "unknown": None}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    root = tmp_path / "project"
    root.mkdir()
    return root


def learned(opened: StdioSession) -> str:
    """Store the entry and wait until it can be found: each question waits two seconds for what was
    stored, and a machine under load may take longer."""
    item: str = opened.tool("store_knowledge", **ENTRY)["id"]
    for _ in range(30):
        found = opened.tool("search_knowledge", query=QUESTION, collection="skills-patterns")
        if any(each["id"] == item for each in found["items"]):
            return item
    pytest.fail("what was stored cannot be found")


def work(opened: StdioSession, item: str) -> str:
    """Be shown the item for a question, do the work, and track it."""
    found = opened.tool("augment_query", query=QUESTION)
    assert item in found["context_ids"]
    return opened.tool(
        "track_interaction",
        query=QUESTION,
        response="Wrapped the call in a loop with jitter.",
        agent_type="remote",
        model_used="m",
        context_ids=found["context_ids"],
        tokens_used=10,
    )["interaction_id"]


def rate(opened: StdioSession, interaction: str, outcome: str, **more: object) -> Json:
    return opened.tool("update_outcome", interaction_id=interaction, outcome=outcome, **more)


def seen(opened: StdioSession, item: str) -> tuple[int, float | None]:
    """Uses and success rate of the item, as agents are shown them."""
    found = opened.tool("search_knowledge", query=QUESTION, collection="skills-patterns", limit=20)[
        "items"
    ]
    (one,) = [each for each in found if each["id"] == item]
    return one["uses"], one["success_rate"]


def record(opened: StdioSession) -> tuple[list[Json], Json]:
    """The project's interactions in the export, and its totals; not what files take on disk, which
    a restart changes. Recounts that outcomes order are done first."""
    project = opened.request("hybrid/status")["project"]
    wait_until(
        lambda: (
            "recount" not in opened.request("hybrid/stats", {"project": project})["jobs"]["words"]
        ),
        what="for the recounts that outcomes order",
    )
    rows = opened.request("hybrid/export", {"kind": "interactions"})["rows"]
    totals = opened.request("hybrid/stats", {"project": project})
    del totals["disk"]
    return [row for row in rows if row["project"] == project], totals


def counts(totals: Json) -> dict[str, int]:
    """The outcomes that were counted."""
    return {kind: count for kind, count in totals["outcomes"].items() if count}


def test_outcomes_count_once_replace_each_other_and_survive_a_restart(
    home: Path, project: Path
) -> None:
    with session(home, cwd=project) as opened:
        item = learned(opened)
        assert seen(opened, item) == (0, None)

        first = work(opened, item)
        assert seen(opened, item) == (1, None), "shown, and nobody knows yet how it went"
        assert record(opened)[1]["success_rate"] is None

        scored = rate(opened, first, "success", evidence="pytest: exit code 0")
        assert seen(opened, item) == (1, 1.0)
        rows, totals = record(opened)
        assert [row["outcome"] for row in rows] == [
            {"kind": "success", "feedback": 0, "evidence": "pytest: exit code 0", **STATED}
        ]
        assert rows[0]["value_score"] == scored["value_score"]
        assert (counts(totals), totals["success_rate"]) == ({"success": 1}, 1.0)

        again = rate(opened, first, "success", evidence="pytest: exit code 0")
        assert again == scored
        assert record(opened) == (rows, totals)
        assert seen(opened, item) == (1, 1.0)

        failed = rate(opened, first, "failure", user_feedback=-1)
        assert failed["value_score"] < scored["value_score"]
        assert seen(opened, item) == (1, 0.0)
        rows, totals = record(opened)
        assert [row["outcome"]["kind"] for row in rows] == ["failure"]
        assert rows[0]["value_score"] == failed["value_score"]
        assert (counts(totals), totals["success_rate"]) == ({"failure": 1}, 0.0)
        assert (totals["interactions"], totals["tokens_remote"]) == (1, 10)

        second = work(opened, item)
        assert seen(opened, item) == (2, 0.0)
        rate(opened, second, "success")
        assert seen(opened, item) == (2, 0.5)
        before = record(opened)
        assert counts(before[1]) == {"success": 1, "failure": 1}

    assert command(home, "stop").returncode == 0
    with session(home, cwd=project) as opened:
        assert seen(opened, item) == (2, 0.5)
        assert record(opened) == before
        again = rate(opened, first, "failure", user_feedback=-1)
        assert again == failed
        assert record(opened) == before
        rate(opened, first, "success")
        assert seen(opened, item) == (2, 1.0)
        assert counts(record(opened)[1]) == {"success": 2}


def test_each_kind_of_outcome_has_its_rate_and_follows_the_last(
    shared_home: Path, project: Path
) -> None:
    with session(shared_home, cwd=project) as opened:
        item = learned(opened)
        interaction = work(opened, item)
        scores = {}
        for outcome in ("success", "failure", "partial", "unknown", "success"):
            scored = rate(opened, interaction, outcome)
            assert seen(opened, item) == (1, RATES[outcome]), outcome
            rows, totals = record(opened)
            assert [row["outcome"]["kind"] for row in rows] == [outcome]
            assert (counts(totals), totals["success_rate"]) == ({outcome: 1}, RATES[outcome])
            # The same outcome is worth the same, whatever came in between.
            assert scores.setdefault(outcome, scored["value_score"]) == scored["value_score"]
        assert scores["success"] > scores["partial"] > scores["failure"] == scores["unknown"]


def test_feedback_alone_is_a_new_outcome(shared_home: Path, project: Path) -> None:
    with session(shared_home, cwd=project) as opened:
        item = learned(opened)
        interaction = work(opened, item)
        plain = rate(opened, interaction, "success")
        liked = rate(opened, interaction, "success", user_feedback=1, evidence="user: thanks")
        assert liked["value_score"] > plain["value_score"]
        rows, totals = record(opened)
        assert [row["outcome"] for row in rows] == [
            {"kind": "success", "feedback": 1, "evidence": "user: thanks", **STATED}
        ]
        assert counts(totals) == {"success": 1}
        assert seen(opened, item) == (1, 1.0)
