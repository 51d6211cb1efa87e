"""Overview: what was saved, how work ended and where calls were answered, as SQL counts them."""

from __future__ import annotations

import datetime as dt

import pytest
import yaml
from playwright.sync_api import expect

from hybrid_coordinator.inference.prices import PRICES_FILE
from hybrid_coordinator.routing.reporting import REFERENCE
from hybrid_coordinator.settings import RemoteSettings
from tests.dashboard.conftest import Visit
from tests.support.browser import Dashboard
from tests.support.call_counts import CALLS, COUNTS, TODAY, with_all_kinds
from tests.support.page_words import cells, detail, fact, money, number, percent

DAY = "(created_at AT TIME ZONE 'UTC')::date"
RATE = (
    "sum(CASE outcome WHEN 'success' THEN 1 WHEN 'partial' THEN 0.5 ELSE 0 END)::float "
    "/ nullif(count(*) FILTER (WHERE outcome IN ('success', 'partial', 'failure')), 0)"
)


@pytest.fixture(scope="module", autouse=True)
def calls_of_all_kinds(large: Dashboard) -> None:
    with_all_kinds(large)


def test_saved_is_what_the_local_tokens_would_have_cost(large: Dashboard, visit: Visit) -> None:
    seen = visit(large.at("/?days=365"))
    (tokens,) = large.sql(
        "SELECT sum((best).tokens_in)::bigint AS read, sum((best).tokens_out)::bigint AS written "
        f"FROM {CALLS} WHERE NOT (best).remote"
    )
    prices = yaml.safe_load(PRICES_FILE.read_text(encoding="utf-8"))["models"][REFERENCE]
    saved = (tokens["read"] * prices["input"] + tokens["written"] * prices["output"]) / 1e6
    spent = large.value("SELECT sum(amount_usd) FROM spend WHERE settled")
    expect(seen.figure("Saved")).to_have_text(money(saved))
    expect(detail(seen, "Saved")).to_have_text(f"of {money(saved + spent)} if all were remote")
    expect(seen.section("In short")).to_contain_text(
        f"That saved {money(saved)} ({percent(saved / (saved + spent))}) against asking {REFERENCE}"
    )
    today = large.value(f"SELECT coalesce(sum(amount_usd), 0) FROM spend WHERE day = {TODAY}")
    expect(detail(seen, "Spent on remote models")).to_have_text(
        f"{money(today)} today, budget {money(RemoteSettings().daily_budget_usd)} a day"
    )


@pytest.mark.parametrize(("days", "each", "length"), [(365, "week", 7), (30, "day", 1)])
def test_the_course_of_success_is_that_of_the_record(
    large: Dashboard, visit: Visit, days: int, each: str, length: int
) -> None:
    seen = visit(large.at(f"/?days={days}"))
    course = large.sql(
        f"WITH work AS (SELECT {DAY} AS day, outcome FROM current_interactions "
        f"WHERE {DAY} > {TODAY} - $1::integer), start AS (SELECT min(day) AS first FROM work) "
        f"SELECT first + (day - first) / $2::integer * $2::integer AS since, {RATE} AS rate "
        "FROM work, start GROUP BY since ORDER BY since",
        days,
        length,
    )
    part = seen.section("Success over time")
    assert cells(part) == [[words(row["since"]), percent(row["rate"])] for row in course]
    whole = large.value(
        f"SELECT {RATE} FROM current_interactions WHERE {DAY} > {TODAY} - $1::integer", days
    )
    expect(part.locator("figcaption")).to_have_text(
        f"{percent(whole)} over the whole time, a partial success counting half; "
        f"{percent(course[0]['rate'])} in the first {each}, {percent(course[-1]['rate'])} "
        "in the last."
    )


def words(day: dt.date) -> str:
    """Nov 3"""
    return f"{day:%b} {day.day}"


def test_every_ending_is_counted(large: Dashboard, visit: Visit) -> None:
    seen = visit(large.at("/?days=365"))
    (ends,) = large.sql(
        "SELECT count(*) FILTER (WHERE outcome = 'success') AS success, "
        "count(*) FILTER (WHERE outcome = 'partial') AS partial, "
        "count(*) FILTER (WHERE outcome = 'failure') AS failure, "
        "count(*) FILTER (WHERE outcome IS NULL OR outcome = 'unknown') AS \"not known\" "
        "FROM current_interactions"
    )
    shown = seen.section("Success over time").locator(".shares li")
    expect(shown).to_have_text([f"{end} {number(many)}" for end, many in ends.items()])


def test_calls_are_counted_by_what_came_of_them(large: Dashboard, visit: Visit) -> None:
    seen = visit(large.at("/?days=365"))
    (calls,) = large.sql(f"SELECT {COUNTS} FROM {CALLS}")

    def part_of_all(many: int) -> str:
        return f"{number(many)} ({percent(many / calls['all'])})"

    part = seen.section("Where calls were answered")
    expect(part.locator(".shares li")).to_have_text(
        [
            f"local {part_of_all(calls['local'])}",
            f"remote {part_of_all(calls['remote'])}",
            f"no answer {part_of_all(calls['failed'])}",
        ]
    )
    expect(fact(part, "Good enough by its check")).to_have_text(part_of_all(calls["passed"]))
    expect(fact(part, "Asked a stronger model too")).to_have_text(part_of_all(calls["escalated"]))
    expect(fact(part, "From the cache")).to_have_text(part_of_all(calls["cached"]))


def test_lessons_are_counted_by_where_they_come_from(large: Dashboard, visit: Visit) -> None:
    large.settle()
    seen = visit(large.at("/?days=365"))
    origins = {
        "pattern": "Pattern from what worked",
        "failure": "Failure that was solved",
        "skill": "Accepted skill",
        "stated": "Stated",
    }
    kept = large.sql(
        "SELECT origin, count(*) AS many FROM current_knowledge WHERE delta <> 'DEPRECATE' "
        "GROUP BY origin"
    )
    rows = seen.section("What it learned").locator(".bars li").all()
    shown = {
        each.locator(".bar-label").inner_text(): each.locator(".bar-value").inner_text()
        for each in rows
    }
    assert shown == {origins[row["origin"]]: number(row["many"]) for row in kept}
    patterns = next(row["many"] for row in kept if row["origin"] == "pattern")
    expect(detail(seen, "Lessons in use")).to_have_text(f"{number(patterns)} of them patterns")
    waiting = large.value(
        "SELECT (SELECT count(*) FROM interactions WHERE projected < revision) "
        "+ (SELECT count(*) FROM current_knowledge WHERE NOT projected)"
    )
    expect(fact(seen.section("What waits"), "Not in the index yet")).to_have_text(number(waiting))
