"""Learning: what showing lessons changed and how entries did, as SQL reckons it."""

from __future__ import annotations

from playwright.sync_api import expect

from tests.dashboard.conftest import Visit
from tests.support.browser import Dashboard
from tests.support.page_words import cells, number, percent, rounded

ARMS = (
    # How sure and how good the outcomes of the latest calls are in which chance may have held a
    # lesson back, where it did and where it did not; with Wilson's interval of 95%.
    "WITH latest AS (SELECT interaction_id, propensity, withheld FROM exposures "
    "WHERE propensity < 1 ORDER BY interaction_id DESC LIMIT 15000), "
    "calls AS (SELECT interaction_id, bool_or(withheld) AS withheld FROM latest "
    "GROUP BY interaction_id), "
    "sums AS (SELECT withheld, count(*) AS many, sum(outcome_confidence) AS n, "
    "sum(outcome_confidence * CASE outcome WHEN 'success' THEN 1 WHEN 'partial' THEN 0.5 "
    "ELSE 0 END) / sum(outcome_confidence) AS p FROM calls "
    "JOIN current_interactions AS i ON i.id = interaction_id "
    "WHERE outcome IN ('success', 'partial', 'failure') GROUP BY withheld), "
    "z AS (SELECT 1.959964::float AS z) "
    "SELECT many, p, "
    "(p + z ^ 2 / (2 * n) - z * sqrt(p * (1 - p) / n + z ^ 2 / (4 * n ^ 2))) / (1 + z ^ 2 / n) "
    "AS low, "
    "(p + z ^ 2 / (2 * n) + z * sqrt(p * (1 - p) / n + z ^ 2 / (4 * n ^ 2))) / (1 + z ^ 2 / n) "
    "AS high FROM sums, z ORDER BY withheld"
)


def points(share: float) -> str:
    """+12 of a hundred."""
    words = rounded(share * 100)
    if words in ("0", "-0"):
        return "0"
    return words if share < 0 else f"+{words}"


def test_the_uplift_of_all_lessons_has_its_interval(large: Dashboard, visit: Visit) -> None:
    seen = visit(large.at("/learning?days=365"))
    shown, withheld = large.sql(ARMS)
    difference = shown["p"] - withheld["p"]
    # Newcombe 1998, method 10.
    down = ((shown["p"] - shown["low"]) ** 2 + (withheld["high"] - withheld["p"]) ** 2) ** 0.5
    up = ((shown["high"] - shown["p"]) ** 2 + (withheld["p"] - withheld["low"]) ** 2) ** 0.5
    said = points(difference)
    unit = "point" if said in ("+1", "-1") else "points"
    part = seen.section("What showing lessons changed")
    expect(part).to_contain_text(
        f"{said} {unit} ({points(difference - down)} to {points(difference + up)})"
    )
    told = difference - down > 0 or difference + up < 0
    expect(part.locator(".lead")).to_contain_text(
        f"{percent(shown['p'])} went well with it, {percent(withheld['p'])} without."
        if told
        else "It cannot be told yet"
    )
    expect(part).to_contain_text(
        f"{number(shown['many'])} known outcomes where a lesson was shown, "
        f"{number(withheld['many'])} where chance held one back"
    )


def test_each_entry_says_how_often_it_went_well(large: Dashboard, visit: Visit) -> None:
    seen = visit(large.at("/learning"))
    rates = large.sql(
        "SELECT title, count(*) AS uses, sum(CASE outcome WHEN 'success' THEN 1 "
        "WHEN 'partial' THEN 0.5 WHEN 'failure' THEN 0 END)::float "
        "/ count(*) FILTER (WHERE outcome IN ('success', 'partial', 'failure')) AS rate "
        "FROM exposures JOIN current_knowledge AS entry ON entry.id = item_id "
        "JOIN current_interactions AS i ON i.id = interaction_id "
        "WHERE NOT withheld AND delta <> 'DEPRECATE' GROUP BY item_id, title"
    )
    well = {row["title"]: (number(row["uses"]), percent(row["rate"])) for row in rates}
    rows = seen.section("Entries").locator("tbody tr")
    titles = rows.get_by_role("link").all_text_contents()
    assert len(titles) == 50
    shown = [(row[1], row[2]) for row in cells(seen.section("Entries"))]
    assert shown == [well[title] for title in titles]
