"""One interaction: the figures of its answer, its attempts and what was shown, as SQL has them."""

from __future__ import annotations

from playwright.sync_api import expect

from tests.dashboard.conftest import Visit
from tests.support.browser import Dashboard
from tests.support.page_words import (
    cells,
    duration,
    fact,
    money,
    number,
    percent,
    rounded,
)

KINDS = {
    "skills-patterns": "Skills and patterns",
    "error-solutions": "Error solutions",
    "best-practices": "Best practices",
}
ENDS = {"ok": "passed", "low_confidence": "not good enough"}


def test_each_figure_of_an_interaction_is_the_records(large: Dashboard, visit: Visit) -> None:
    (one,) = large.sql(
        "SELECT id, id::text AS name, tokens_used, latency_ms, value_score "
        "FROM current_interactions AS i WHERE value_score IS NOT NULL "
        "AND (SELECT count(*) FROM route_attempts WHERE interaction_id = i.id) = 3 "
        "AND (SELECT count(*) FROM exposures WHERE interaction_id = i.id) = 3 "
        "AND EXISTS (SELECT FROM exposures WHERE interaction_id = i.id AND withheld) "
        "AND EXISTS (SELECT FROM exposures WHERE interaction_id = i.id AND cited) "
        "ORDER BY created_at DESC LIMIT 1"
    )
    seen = visit(large.at(f"/interactions/{one['name']}"))
    facts = seen.page.locator(".in-short")
    worth = ", worth learning from" if one["value_score"] >= 0.7 else ""
    expect(fact(facts, "Value")).to_have_text(rounded(one["value_score"], 2) + worth)
    expect(fact(facts, "Tokens")).to_have_text(number(one["tokens_used"]))
    expect(fact(facts, "Took")).to_have_text(duration(one["latency_ms"]))

    attempts = large.sql(
        "SELECT * FROM route_attempts WHERE interaction_id = $1 ORDER BY position", one["id"]
    )
    assert cells(seen.section("Which models were tried")) == [
        [
            f"{each['model']}{each['endpoint']}"
            + (f": {each['reason']}" if each["reason"] else ""),
            "remote" if each["remote"] else "local",
            each["tier"],
            ENDS[each["outcome"]],
            percent(each["confidence"]),
            duration(each["latency_ms"]),
            f"{number(each['tokens_in'])}, {number(each['tokens_out'])}",
            money(each["cost_usd"]),
            each["rule"],
        ]
        for each in attempts
    ]

    shown = large.sql(
        "SELECT exposures.*, title, collection FROM exposures "
        "JOIN current_knowledge AS entry ON entry.id = item_id "
        "WHERE interaction_id = $1 ORDER BY rank",
        one["id"],
    )
    table = cells(seen.section("What was shown"))
    assert [row[1:] for row in table] == [
        [
            number(each["rank"]),
            KINDS[each["collection"]],
            "held back"
            if each["withheld"]
            else "the answer used it"
            if each["cited"]
            else "shown, not named",
            rounded(each["score"], 3),
            percent(each["propensity"]),
        ]
        for each in shown
    ]
    for row, each in zip(table, shown, strict=True):
        assert row[0].startswith(each["title"])
