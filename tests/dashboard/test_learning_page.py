"""Learning: its figures are the record's, and what a person decides there happens."""

from __future__ import annotations

import re

from playwright.sync_api import Locator, expect

from tests.dashboard.conftest import Visit
from tests.support.browser import Dashboard, Watched
from tests.support.stdio import wait_until

IN_USE = "SELECT count(*) FROM current_knowledge WHERE delta <> 'DEPRECATE'"


def words(number: int) -> str:
    return f"{number:,}"


def entries(seen: Watched) -> Locator:
    return seen.section("Entries").locator("tbody tr")


def skill_points(large: Dashboard) -> int:
    collections = large.api("/api/index")["collections"]
    return next(each["points"] for each in collections if each["name"] == "skills-patterns")


def test_figures_are_those_of_the_record(large: Dashboard, visit: Visit) -> None:
    seen = visit(large.at("/learning?days=365"))
    expect(seen.figure("Lessons in use")).to_have_text(words(large.value(IN_USE)))
    skills = large.value(f"{IN_USE} AND origin = 'skill'")
    expect(seen.figure("Skills")).to_have_text(words(skills))
    waiting = large.value("SELECT count(*) FROM jobs WHERE NOT parked")
    expect(seen.figure("Jobs waiting")).to_have_text(words(waiting))
    compared = large.value(
        "WITH latest AS (SELECT interaction_id FROM exposures WHERE propensity < 1 "
        "ORDER BY interaction_id DESC LIMIT 15000) "
        "SELECT count(DISTINCT interaction_id) FROM latest JOIN current_interactions AS i "
        "ON i.id = interaction_id WHERE outcome IN ('success', 'partial', 'failure')"
    )
    expect(seen.figure("Outcomes compared")).to_have_text(words(compared))


def test_the_histogram_counts_every_interaction_with_a_value(
    large: Dashboard, visit: Visit
) -> None:
    seen = visit(large.at("/learning?days=365"))
    counted = large.sql(
        "SELECT least(floor(value_score * 10), 9)::integer AS bin, count(*) AS many "
        "FROM current_interactions WHERE value_score IS NOT NULL GROUP BY 1 ORDER BY 1"
    )
    part = seen.section("How much interactions were worth")
    part.get_by_text("Figures as a table").click()
    for row, (bin_, many) in zip(
        part.locator("tbody tr").all(), [(r["bin"], r["many"]) for r in counted], strict=True
    ):
        first, less, worth = row.locator("th, td").all_inner_texts()
        assert (first, (worth if bin_ >= 7 else less)) == (f"{bin_ / 10:.1f}", words(many))
    total = sum(row["many"] for row in counted)
    expect(part).to_contain_text(f"{words(total)} interactions with an outcome")


def test_entries_are_sorted_filtered_and_paged_by_the_server(
    large: Dashboard, visit: Visit
) -> None:
    seen = visit(large.at("/learning"))
    part = seen.section("Entries")
    many = large.value(IN_USE)
    expect(part.get_by_role("status")).to_have_text(f"1\u201350 of {many} entries")
    uses = large.sql("SELECT uses FROM item_stats ORDER BY uses DESC LIMIT 3")
    shown = [row.locator("td").nth(0).inner_text() for row in entries(seen).all()[:3]]
    assert shown == [words(row["uses"]) for row in uses]

    part.get_by_role("button", name="Entry").click()
    titles = large.sql(
        "SELECT title FROM current_knowledge WHERE delta <> 'DEPRECATE' "
        "ORDER BY lower(title), id LIMIT 1"
    )
    expect(entries(seen).first.get_by_role("link")).to_have_text(titles[0]["title"])
    part.get_by_role("button", name="Next").click()
    expect(part.get_by_role("status")).to_have_text(f"51\u2013100 of {many} entries")

    part.get_by_label("Words").fill("currency conversion")
    matching = large.value(f"{IN_USE} AND title || content ILIKE '%currency conversion%'")
    expect(part.get_by_role("status")).to_contain_text(f"of {matching} entries")
    part.get_by_label("Origin").select_option("failure")
    failures = large.value(
        f"{IN_USE} AND origin = 'failure' AND title ILIKE '%currency conversion%'"
    )
    expect(part.get_by_role("status")).to_contain_text(f"of {failures} entries")
    assert "text=currency+conversion" in seen.page.url


def test_uplift_is_the_difference_that_showing_made_with_its_interval(
    large: Dashboard, visit: Visit
) -> None:
    seen = visit(large.at("/learning?text=number+3"))
    arms = large.sql(
        "SELECT withheld, sum(outcome_confidence * CASE outcome WHEN 'success' THEN 1 "
        "WHEN 'partial' THEN 0.5 ELSE 0 END) / sum(outcome_confidence) AS rate "
        "FROM exposures JOIN current_interactions AS i ON i.id = interaction_id "
        "WHERE item_id = md5('lesson 3')::uuid AND outcome IN ('success', 'partial', 'failure') "
        "GROUP BY withheld ORDER BY withheld"
    )
    difference = round(100 * (arms[0]["rate"] - arms[1]["rate"]))
    row = entries(seen).filter(has_text=re.compile(r", number 3\b"))
    expect(row.locator(".interval-success")).to_contain_text(f"+{difference} points (+")
    # Of the other lessons chance has not told yet whether they help.
    open_ = seen.page.locator(".interval-open").filter(has_text="cannot be told yet")
    expect(open_.first).to_be_visible()


def test_a_proposal_that_is_accepted_becomes_an_entry_that_agents_find(
    large: Dashboard, visit: Visit
) -> None:
    seen = visit(large.at("/learning"))
    before = skill_points(large)
    (proposal,) = large.sql(
        "SELECT id, title FROM skill_proposals WHERE state = 'proposed' AND title LIKE '%, 2'"
    )
    seen.page.get_by_role("button", name=f"Accept {proposal['title']}", exact=True).click()
    seen.says(f"Accepted: {proposal['title']}")
    expect(seen.page.get_by_role("link", name=proposal["title"], exact=True)).to_have_count(1)
    (state,) = large.sql("SELECT state, item_id FROM skill_proposals WHERE id = $1", proposal["id"])
    assert state["state"] == "accepted"
    origin = large.value("SELECT origin FROM current_knowledge WHERE id = $1", state["item_id"])
    assert origin == "skill"
    wait_until(lambda: skill_points(large) == before + 1, what="for the entry in the index")


def test_a_proposal_is_edited_and_rejected_on_its_page(large: Dashboard, visit: Visit) -> None:
    proposal = large.value("SELECT id FROM skill_proposals WHERE title LIKE '%, 3'")
    seen = visit(large.at(f"/learning/{proposal}"))
    page = seen.page
    members = large.value("SELECT count(*) FROM skill_members WHERE proposal_id = $1", proposal)
    expect(seen.section("What it rests on").locator("li")).to_have_count(members)
    page.get_by_role("button", name="Edit").click()
    page.get_by_role("dialog").get_by_label("Text").fill("Look before you leap.")
    page.get_by_role("dialog").get_by_role("button", name="Save").click()
    seen.says("Saved.")
    expect(page.get_by_label("Text of the skill")).to_have_text("Look before you leap.")
    content = large.value("SELECT content FROM skill_proposals WHERE id = $1", proposal)
    assert content == "Look before you leap."
    page.get_by_role("button", name="Reject").click()
    seen.says("Rejected.")
    expect(page.get_by_text("Rejected: its tasks are not proposed again.")).to_be_visible()
    state = large.value("SELECT state FROM skill_proposals WHERE id = $1", proposal)
    assert state == "rejected"


def test_an_accepted_skill_is_retired_with_its_reason(large: Dashboard, visit: Visit) -> None:
    (skill,) = large.sql(
        "SELECT id, item_id FROM skill_proposals WHERE state = 'accepted' "
        "AND id = md5('proposal 8')::uuid"
    )
    seen = visit(large.at(f"/learning/{skill['id']}"))
    seen.page.get_by_role("button", name="Retire").click()
    seen.page.get_by_role("dialog").get_by_label("Why").fill("it is out of date")
    seen.page.get_by_role("dialog").get_by_role("button", name="Retire").click()
    seen.says("Retired")
    (entry,) = large.sql(
        "SELECT delta, reason FROM current_knowledge WHERE id = $1", skill["item_id"]
    )
    assert entry == {"delta": "DEPRECATE", "reason": "it is out of date"}
    large.settle()
    found = large.api(f"/api/entries/{skill['item_id']}")
    assert found["item"]["delta"] == "DEPRECATE"


def test_jobs_are_retried_and_dropped(large: Dashboard, visit: Visit) -> None:
    seen = visit(large.at("/learning"))
    part = seen.section("Jobs")
    listed = large.sql("SELECT id, parked, reason FROM jobs ORDER BY id")
    expect(part.locator("tbody tr")).to_have_count(len(listed))
    parked = next(each["id"] for each in listed if each["parked"])
    part.get_by_role("button", name=f"Retry job {parked}", exact=True).click()
    seen.says("1 job will be tried now.")
    assert not large.value("SELECT parked FROM jobs WHERE id = $1", parked)
    part.get_by_role("button", name=f"Drop job {parked}", exact=True).click()
    seen.says("Dropped: Look for a pattern.")
    expect(part.locator("tbody tr")).to_have_count(len(listed) - 1)
    assert large.value("SELECT count(*) FROM jobs WHERE id = $1", parked) == 0


def test_every_job_has_its_reason(large: Dashboard, visit: Visit) -> None:
    seen = visit(large.at("/learning"))
    reasons = large.sql("SELECT reason FROM jobs WHERE parked ORDER BY id")
    shown = seen.section("Jobs").locator("tbody tr").filter(has_text="given up")
    assert [row.locator("td").nth(2).inner_text() for row in shown.all()] == [
        each["reason"] for each in reasons
    ]
