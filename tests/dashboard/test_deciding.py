"""What a person decides on a page, and what the stores hold afterwards: jobs, skills, entries."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import UUID

import pytest
from playwright.sync_api import Page, expect

from tests.dashboard.conftest import Visit, opened
from tests.support.browser import Dashboard
from tests.support.stdio import command, processes_of, session, wait_until

FIRST, SECOND = UUID(int=1), UUID(int=2)
PROPOSE = """
INSERT INTO skill_proposals (id, project, kind, title, content, fields, members, sessions,
    successes, failures, state)
VALUES ($1, $2, 'new', $3, 'By hand.', '{}', 3, 2, 2, 0, 'proposed')
"""
ORDER = """
INSERT INTO jobs (kind, subject, project, payload, parked, tries, reason, rest, tried_at)
VALUES ('extract_pattern', $1, $2, '{}', $3, 5, 'it ended early', $4, now())
"""
SKILL = "SELECT state, item_id FROM skill_proposals WHERE id = $1"
ENTRY = "SELECT content, version, delta, origin FROM current_knowledge WHERE id = $1"


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dashboard]:
    """The dashboard of a home with one interaction, whose project every test adds to."""
    home = tmp_path_factory.mktemp("deciding") / "home"
    home.mkdir()
    dashboard = opened(home)
    with session(home, cwd=home.parent) as agent:
        work = {"query": "Paint the pelican", "response": "It is blue.", "agent_type": "remote"}
        agent.tool("track_interaction", **work, model_used="m")
    yield dashboard
    stopped = command(home, "stop")
    assert stopped.returncode == 0, stopped.stderr
    assert processes_of(home) == []


def project_of(small: Dashboard) -> str:
    return str(small.value("SELECT project FROM interactions"))


def propose(small: Dashboard, identifier: UUID, title: str) -> None:
    small.sql(PROPOSE, identifier, project_of(small), title)


def indexed(small: Dashboard, query: str, identifier: object) -> str | None:
    """The text of an entry as a search for `query` finds it in the index; None if it does not."""
    path = f"/api/knowledge?project={project_of(small)}&query={query}"
    for each in small.api(path)["candidates"]:
        if each["item"]["id"] == str(identifier):
            return str(each["item"]["text"])
    return None


def edit(page: Page, label: str, text: str) -> None:
    page.get_by_role("button", name="Edit", exact=True).click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label(label, exact=True).fill(text)
    dialog.get_by_role("button", name="Save", exact=True).click()


def test_every_job_is_retried_at_once(small: Dashboard, visit: Visit) -> None:
    project = project_of(small)
    for subject, parked, rest in (("one", True, 0.0), ("two", True, 0.0), ("three", False, 9e5)):
        small.sql(ORDER, subject, project, parked, rest)
    seen = visit(small.at("/learning"))
    jobs = seen.section("Jobs")
    expect(jobs.get_by_text("given up", exact=True)).to_have_count(2)
    jobs.get_by_role("button", name="Retry all").click()
    seen.says("3 jobs will be tried now.")
    expect(jobs.get_by_text("given up", exact=True)).to_have_count(0)
    left = "SELECT count(*) FROM jobs WHERE parked OR reason = 'it ended early'"
    assert small.value(left) == 0


def test_a_skill_is_rejected_where_it_is_listed(small: Dashboard, visit: Visit) -> None:
    propose(small, FIRST, "Feed the pelican")
    seen = visit(small.at("/learning"))
    seen.page.get_by_role("button", name="Reject Feed the pelican", exact=True).click()
    seen.says("Rejected: Feed the pelican")
    expect(seen.page.get_by_role("link", name="Feed the pelican")).to_have_count(0)
    assert small.sql(SKILL, FIRST) == [{"state": "rejected", "item_id": None}]
    written = "SELECT count(*) FROM knowledge_items WHERE title = 'Feed the pelican'"
    assert small.value(written) == 0


def test_a_skill_is_accepted_and_edited_on_its_page(small: Dashboard, visit: Visit) -> None:
    propose(small, SECOND, "Weigh the walrus")
    seen = visit(small.at(f"/learning/{SECOND}"))
    page = seen.page
    page.get_by_role("button", name="Accept", exact=True).click()
    seen.says("Accepted: agents are shown it from now on.")
    expect(page.get_by_text("Accepted: agents are shown it where it helps.")).to_be_visible()
    (skill,) = small.sql(SKILL, SECOND)
    assert skill["state"] == "accepted"
    entry = skill["item_id"]
    written = {"content": "By hand.", "version": 1, "delta": "ADD", "origin": "skill"}
    assert small.sql(ENTRY, entry) == [written]
    wait_until(
        lambda: "By hand." in (indexed(small, "weigh+the+walrus", entry) or ""),
        what="for the skill in the index",
    )

    edit(page, "Text", "With the large scales.")
    seen.says("Saved.")
    expect(page.get_by_label("Text of the skill")).to_have_text("With the large scales.")
    (now,) = small.sql(ENTRY, entry)
    assert (now["content"], now["version"]) == ("With the large scales.", 2)
    wait_until(
        lambda: "large scales" in (indexed(small, "weigh+the+walrus", entry) or ""),
        what="for its new text in the index",
    )


def test_the_answer_of_a_past_task_is_edited(small: Dashboard, visit: Visit) -> None:
    (task,) = small.sql("SELECT id, response FROM interactions")
    assert task["response"] == "It is blue."
    seen = visit(small.at(f"/knowledge/{task['id']}"))
    edit(seen.page, "Answer", "It is green.")
    seen.says("Saved.")
    expect(seen.page.get_by_label("Answer")).to_have_text("It is green.")
    assert small.value("SELECT response FROM interactions") == "It is green."
    # What it said before is nowhere any more.
    wait_until(
        lambda: "It is green." in (indexed(small, "paint+the+pelican", task["id"]) or ""),
        what="for the answer in the index",
    )


def test_a_retired_entry_is_deleted(small: Dashboard, visit: Visit) -> None:
    with session(small.home, cwd=small.home.parent) as agent:
        entry = {"collection": "best-practices", "title": "Dry the dodo", "content": "In wind."}
        stored = UUID(agent.tool("store_knowledge", **entry)["id"])
    retired = command(small.home, "memory", "retire", str(stored), "--reason", "it is extinct")
    assert retired.returncode == 0, retired.stderr
    seen = visit(small.at(f"/knowledge/{stored}"))
    page = seen.page
    expect(page.get_by_text("it is extinct")).to_be_visible()
    for gone in ("Edit", "Retire"):
        expect(page.get_by_role("button", name=gone, exact=True)).to_have_count(0)
    page.get_by_role("button", name="Delete", exact=True).click()
    page.get_by_role("dialog").get_by_role("button", name="Delete", exact=True).click()
    seen.says("Deleted: ")
    expect(page.get_by_role("heading", name="Knowledge", exact=True)).to_be_visible()
    assert small.value("SELECT count(*) FROM knowledge_items WHERE id = $1", stored) == 0
    assert indexed(small, "dry+the+dodo", stored) is None
