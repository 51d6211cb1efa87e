"""Knowledge: what a search found, in every collection and why, and how much the index holds."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from playwright.sync_api import expect

from tests.dashboard.conftest import Visit
from tests.support.browser import Dashboard
from tests.support.page_words import cells, number, rounded

COLLECTIONS = {
    "codebase-context": "Code",
    "skills-patterns": "Skills and patterns",
    "error-solutions": "Error solutions",
    "best-practices": "Best practices",
    "interaction-history": "Past work",
}
QUESTION = "invoice_total"
USED = (
    "SELECT count(*) AS uses, sum(CASE outcome WHEN 'success' THEN 1 WHEN 'partial' THEN 0.5 "
    "WHEN 'failure' THEN 0 END)::float "
    "/ count(*) FILTER (WHERE outcome IN ('success', 'partial', 'failure')) AS rate "
    "FROM exposures JOIN current_interactions AS i ON i.id = interaction_id "
    "WHERE NOT withheld AND item_id = $1::text::uuid"
)


def project_with_past_work(large: Dashboard, visit: Visit) -> str:
    """The project whose code is indexed, with a task on record that was about it and went well."""
    project = large.value("SELECT project FROM source_files WHERE path = 'total.py'")
    task = large.value(
        "INSERT INTO interactions (id, project, query, response, agent_type, model_used, "
        "tokens_used, latency_ms) VALUES (gen_random_uuid(), $1, 'Round the invoice total', "
        "'The cause is in invoice_total, which is called twice. The tests pass with it.', "
        "'local', 'gemma-3n-e4b', 400, 300) RETURNING id::text",
        project,
    )
    seen = visit(large.at(f"/interactions/{task}"))
    seen.page.get_by_role("button", name="Say how it ended").click()
    dialog = seen.page.get_by_role("dialog")
    dialog.get_by_label("It went well").check()
    dialog.get_by_role("button", name="Save").click()
    seen.says("Saved.")
    large.settle()
    return str(project)


def test_a_search_tells_of_every_collection_what_it_found_and_why(
    large: Dashboard, visit: Visit
) -> None:
    project = project_with_past_work(large, visit)
    listed = large.api(f"/api/knowledge?project={project}&query={quote(QUESTION)}")
    items = [each["item"] for each in listed["candidates"]]
    assert {item["collection"] for item in items} == set(COLLECTIONS)

    seen = visit(large.at(f"/knowledge?query={quote(QUESTION)}&as={project}"))
    results = seen.section("Search as an agent would").locator(".results > li")
    expect(results).to_have_count(len(items))
    shown = {
        row.locator(".result-head b, .result-head a").text_content(): row.locator(
            "p.note"
        ).text_content()
        for row in results.all()
    }
    assert shown == {
        item["title"]: " \u00b7 ".join(
            (
                COLLECTIONS[item["collection"]],
                item["source"],
                item["why"],
                f"score {rounded(item['score'], 3)}",
            )
        )
        for item in items
    }
    check_reasons(large, items)


def check_reasons(large: Dashboard, items: list[dict[str, Any]]) -> None:
    """Why each one was found: by its words or its name, and by how it did where it was used."""
    words = {item["collection"]: item["why"] for item in items if "matches" in item["why"]}
    assert words["codebase-context"].startswith("defines invoice_total; matches invoice_total")
    assert words["interaction-history"].startswith("a past success (value 0.")
    lessons = [item for item in items if item["collection"] in list(COLLECTIONS)[1:4]]
    for item in lessons:
        (used,) = large.sql(USED, item["id"])
        assert (item["uses"], item["success_rate"]) == (used["uses"], used["rate"])
        how = f"used {used['uses']} times, {used['rate']:.0%} success where known"
        assert item["why"].endswith(how)


def test_points_of_every_collection_are_what_the_record_has_for_the_index(
    large: Dashboard, visit: Visit
) -> None:
    large.settle()
    kept = large.sql(
        "SELECT collection, count(*) AS many FROM current_knowledge WHERE delta <> 'DEPRECATE' "
        "GROUP BY collection"
    )
    points = {row["collection"]: row["many"] for row in kept}
    # The rows of a directory that is not there, and all tasks but the latest hundred, say that they
    # are in the index and are not (large_record.sql); tasks that changed since are in it.
    points["codebase-context"] = large.value(
        "SELECT sum(cardinality(chunk_ids)) FROM source_files WHERE root <> '/srv/website'"
    )
    points["interaction-history"] = large.value(
        "SELECT count(*) FROM interactions "
        "WHERE revision > 1 "
        "OR coalesce(substring(query FROM '#([0-9]+)\\)')::integer, 100000) > 99900"
    )
    seen = visit(large.at("/knowledge"))
    table = seen.section("Index").get_by_role("table", name="Collections of the index")
    assert cells(table) == [[words, number(points[name])] for name, words in COLLECTIONS.items()]
