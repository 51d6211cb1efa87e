"""One interaction: all that is on record of it, and what a person says of its end."""

from __future__ import annotations

from playwright.sync_api import expect

from tests.dashboard.conftest import Visit
from tests.support.browser import Dashboard

FAILED = (
    "SELECT id::text, query FROM current_interactions "
    "WHERE outcome = 'failure' AND outcome_source = 'inferred' AND project LIKE 'shop%' "
    "ORDER BY created_at DESC LIMIT 1"
)


def test_a_person_says_how_it_ended_and_every_figure_follows(
    large: Dashboard, visit: Visit
) -> None:
    (failed,) = large.sql(FAILED)
    before = large.api("/api/overview?days=365")["totals"]["outcomes"]
    seen = visit(large.at(f"/interactions/{failed['id']}"))
    expect(seen.section("What was asked")).to_contain_text(failed["query"])
    opener = seen.page.get_by_role("button", name="Say how it ended")
    opener.click()
    dialog = seen.page.get_by_role("dialog", name="How did it end?")
    expect(dialog.get_by_role("radio", name="It failed")).to_be_checked()
    seen.page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    expect(opener).to_be_focused()

    opener.click()
    dialog.get_by_role("radio", name="It went well").check()
    dialog.get_by_label("What showed it").fill("<b>it shipped</b>")
    dialog.get_by_role("button", name="Save").click()
    seen.says("Saved.")
    ended = seen.section("How it ended").get_by_role("listitem")
    expect(ended.first).to_contain_text("success")
    expect(ended.first).to_contain_text("<b>it shipped</b>")
    expect(ended.nth(1)).to_contain_text("replaced since")

    latest = large.sql(
        "SELECT outcome, user_feedback, source, evidence FROM outcomes "
        "WHERE interaction_id = $1::uuid ORDER BY id DESC LIMIT 1",
        failed["id"],
    )
    assert latest == [
        {
            "outcome": "success",
            "user_feedback": 1,
            "source": "stated",
            "evidence": "<b>it shipped</b>",
        }
    ]
    after = large.api("/api/overview?days=365")["totals"]["outcomes"]
    assert after["success"] == before["success"] + 1
    assert after["failure"] == before["failure"] - 1


def test_an_unknown_one_is_said(large: Dashboard, visit: Visit) -> None:
    nobody = "01890000-0000-7000-8000-000000000000"
    seen = visit(large.at("/datasets"))
    seen.expected += [nobody]
    seen.go(large.at(f"/interactions/{nobody}"))
    expect(seen.page.get_by_role("alert")).to_contain_text(nobody)


def test_the_longest_span_is_small_on_the_wire(large: Dashboard, visit: Visit) -> None:
    page = visit(large.at("/?days=365")).page
    sent = page.evaluate(
        "[...performance.getEntriesByType('navigation'), "
        "...performance.getEntriesByType('resource')]"
        ".reduce((sum, entry) => sum + entry.transferSize, 0)"
    )
    assert 50_000 < sent < 300_000
