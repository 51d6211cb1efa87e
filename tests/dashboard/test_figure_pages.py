"""Overview, Routing and Interactions: each figure is what the record counts."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from tests.dashboard.conftest import Visit
from tests.support.browser import Dashboard
from tests.support.page_words import money, number, percent

CALLS = "SELECT count(DISTINCT interaction_id) FROM route_attempts"


def test_overview_says_what_was_done_and_saved(large: Dashboard, visit: Visit) -> None:
    seen = visit(large.at("/?days=365"))
    counts = large.sql(
        "SELECT count(*) AS all, count(*) FILTER (WHERE value_score >= 0.7) AS high, "
        "sum(CASE outcome WHEN 'success' THEN 1 WHEN 'partial' THEN 0.5 ELSE 0 END)::float "
        "/ count(*) FILTER (WHERE outcome IN ('success', 'partial', 'failure')) AS rate "
        "FROM current_interactions"
    )[0]
    expect(seen.figure("Interactions")).to_have_text(number(counts["all"]))
    expect(seen.figure("Worth learning from")).to_have_text(number(counts["high"]))
    expect(seen.figure("Success rate")).to_have_text(percent(counts["rate"]))
    lessons = large.value("SELECT count(*) FROM current_knowledge WHERE delta <> 'DEPRECATE'")
    expect(seen.figure("Lessons in use")).to_have_text(number(lessons))
    fresh = large.value(
        "SELECT count(*) FROM knowledge_items WHERE version = 1 AND created_at >= "
        "(date_trunc('day', now() AT TIME ZONE 'UTC') - interval '364 days') AT TIME ZONE 'UTC'"
    )
    expect(seen.section("In short")).to_contain_text(
        f"It learned {number(fresh)} lessons in that time and has {number(lessons)} in all"
    )
    expect(seen.section("What it learned")).to_contain_text("cannot be told from chance yet")
    jobs = large.value("SELECT count(*) FROM jobs WHERE NOT parked")
    expect(seen.figure("Jobs in the queue")).to_have_text(number(jobs))
    spent = large.value("SELECT sum(amount_usd) FROM spend WHERE settled")
    expect(seen.figure("Spent on remote models")).to_have_text(money(spent))
    tokens = large.value(
        "SELECT sum(tokens_in + tokens_out) FROM ("
        "SELECT DISTINCT ON (interaction_id) * FROM route_attempts "
        "ORDER BY interaction_id, confidence DESC NULLS LAST, position) AS answers WHERE NOT remote"
    )
    expect(seen.figure("Tokens kept local")).to_have_text(number(tokens))


def test_a_period_and_a_project_bound_the_figures(large: Dashboard, visit: Visit) -> None:
    seen = visit(large.at("/?days=7"))
    week = (
        "FROM interactions WHERE created_at >= "
        "(date_trunc('day', now() AT TIME ZONE 'UTC') - interval '6 days') AT TIME ZONE 'UTC'"
    )
    expect(seen.figure("Interactions")).to_have_text(number(large.value(f"SELECT count(*) {week}")))
    seen.page.get_by_role("combobox", name="Project").select_option("website-5e6f7a8b")
    of_project = large.value(f"SELECT count(*) {week} AND project = 'website-5e6f7a8b'")
    expect(seen.figure("Interactions")).to_have_text(number(of_project))
    expect(seen.page).to_have_url(re.compile(r"project=website-5e6f7a8b"))


def test_routing_counts_calls_by_where_they_were_answered(large: Dashboard, visit: Visit) -> None:
    seen = visit(large.at("/routing?days=365"))
    calls = large.value(CALLS)
    expect(seen.figure("Calls")).to_have_text(number(calls))
    remote = large.value(f"{CALLS} WHERE remote")
    expect(seen.figure("Answered remotely")).to_have_text(percent(remote / calls))
    stepped = large.value(f"{CALLS} WHERE position = 2")
    expect(seen.figure("Stepped up")).to_have_text(percent(stepped / calls))


@pytest.mark.parametrize(
    ("label", "value", "condition"),
    [
        ("How it ended", "failure", "outcome = 'failure'"),
        ("How it ended", "none", "outcome IS NULL"),
        ("Who did it", "local", "agent_type = 'local'"),
        ("Model", "qwen3-coder-30b", "model_used = 'qwen3-coder-30b'"),
        ("Value", "0.9", "value_score >= 0.9"),
    ],
)
def test_interactions_are_filtered_by_the_server(
    large: Dashboard, visit: Visit, label: str, value: str, condition: str
) -> None:
    seen = visit(large.at("/interactions"))
    seen.page.get_by_role("combobox", name=label).select_option(value)
    many = large.value(f"SELECT count(*) FROM current_interactions WHERE {condition}")
    shown = seen.page.get_by_role("status").filter(has_text="interactions")
    expect(shown).to_have_text(f"1\u201350 of {number(many)} interactions")


def test_interactions_are_searched_sorted_and_paged(large: Dashboard, visit: Visit) -> None:
    seen = visit(large.at("/interactions"))
    page, status = seen.page, seen.page.get_by_role("status").filter(has_text="interactions")
    expect(status).to_contain_text(f"of {number(large.value('SELECT count(*) FROM interactions'))}")
    page.get_by_label("Asked or answered").fill("' OR 1=1; DROP TABLE interactions --")
    expect(page.get_by_text("No interactions match these filters.")).to_be_visible()
    page.get_by_label("Asked or answered").fill("(#777)")
    expect(page.locator("tbody tr")).to_have_count(1)
    page.get_by_role("button", name="Clear filters").click()
    expect(status).to_contain_text("1\u201350 of")
    page.get_by_role("button", name="Value").click()
    best = large.sql(
        "SELECT id::text FROM current_interactions "
        "ORDER BY value_score DESC NULLS LAST, created_at DESC, id DESC LIMIT 60"
    )
    first = page.locator("tbody tr a").first
    expect(first).to_have_attribute("href", f"/interactions/{best[0]['id']}")
    page.get_by_role("button", name="Next").click()
    expect(first).to_have_attribute("href", f"/interactions/{best[50]['id']}")


def test_the_last_of_a_hundred_thousand_is_reached(large: Dashboard, visit: Visit) -> None:
    seen = visit(large.at("/interactions"))
    seen.page.get_by_role("button", name="Last").click()
    seen.ready()
    oldest = large.value("SELECT id::text FROM interactions ORDER BY created_at, id LIMIT 1")
    last = seen.page.locator("tbody tr a").last
    expect(last).to_have_attribute("href", f"/interactions/{oldest}")


def test_an_interaction_tells_all_about_it(large: Dashboard, visit: Visit) -> None:
    (one,) = large.sql(
        "SELECT i.id, i.id::text AS name, query, response, value_score FROM current_interactions "
        "AS i WHERE i.id IN (SELECT interaction_id FROM route_attempts WHERE position = 3) "
        "AND context_provided > 1 AND value_score IS NOT NULL ORDER BY created_at DESC LIMIT 1"
    )
    seen = visit(large.at(f"/interactions/{one['name']}"))
    main = seen.page.locator("main")
    expect(main).to_contain_text(one["query"])
    expect(main).to_contain_text(one["response"].splitlines()[0])
    attempts = large.sql(
        "SELECT model FROM route_attempts WHERE interaction_id = $1 ORDER BY position", one["id"]
    )
    for attempt in attempts:
        expect(main).to_contain_text(attempt["model"])
    shown = large.sql(
        "SELECT title FROM exposures JOIN current_knowledge AS entry ON entry.id = item_id "
        "WHERE interaction_id = $1",
        one["id"],
    )
    for item in shown:
        expect(main).to_contain_text(item["title"])


def test_a_person_says_how_it_ended(large: Dashboard, visit: Visit) -> None:
    task = large.value(
        "SELECT id::text FROM current_interactions WHERE outcome IS NULL "
        "ORDER BY created_at DESC LIMIT 1"
    )
    seen = visit(large.at(f"/interactions/{task}"))
    seen.page.get_by_role("button", name=re.compile("how it ended|ended", re.IGNORECASE)).click()
    dialog = seen.page.get_by_role("dialog")
    dialog.get_by_label("It went well").check()
    dialog.get_by_label("What showed it (optional)").fill("it runs")
    dialog.get_by_role("button", name="Save").click()
    seen.says("Saved. Its value is")
    (stated,) = large.sql(
        "SELECT outcome, evidence, source FROM outcomes WHERE interaction_id = $1::text::uuid", task
    )
    assert stated == {"outcome": "success", "evidence": "it runs", "source": "stated"}
