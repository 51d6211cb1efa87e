"""Routing: how quick and how good models were, and their money, as SQL counts it."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from hybrid_coordinator.settings import RemoteSettings
from tests.dashboard.conftest import Visit
from tests.support.browser import Dashboard
from tests.support.call_counts import CALLS, COUNTS, TODAY, with_all_kinds
from tests.support.page_words import (
    cells,
    compact,
    detail,
    duration,
    money,
    number,
    percent,
    short,
)


@pytest.fixture(scope="module", autouse=True)
def calls_of_all_kinds(large: Dashboard) -> None:
    with_all_kinds(large)


def test_calls_are_counted_by_what_came_of_them(large: Dashboard, visit: Visit) -> None:
    seen = visit(large.at("/routing?days=365"))
    (calls,) = large.sql(f"SELECT {COUNTS} FROM {CALLS}")
    for label, name, words in (
        ("Passed the check", "passed", "calls"),
        ("Without an answer", "failed", "calls"),
        ("Stepped up", "escalated", "calls asked another model too"),
        ("Answered locally", "local", "calls"),
    ):
        expect(seen.figure(label)).to_have_text(percent(calls[name] / calls["all"]))
        expect(detail(seen, label)).to_have_text(f"{number(calls[name])} {words}")
    expect(detail(seen, "Calls")).to_have_text(f"{number(calls['cached'])} of them from the cache")
    today = large.value(f"SELECT coalesce(sum(amount_usd), 0) FROM spend WHERE day = {TODAY}")
    expect(seen.figure("Spent today")).to_have_text(money(today))
    budget = money(RemoteSettings().daily_budget_usd)
    expect(detail(seen, "Spent today")).to_have_text(f"of a budget of {budget}")


def test_each_model_has_its_times_tokens_and_failures(large: Dashboard, visit: Visit) -> None:
    seen = visit(large.at("/routing?days=365"))
    models = large.sql(
        "SELECT model, endpoint, count(*) AS asked, "
        "count(*) FILTER (WHERE outcome = 'ok') AS passed, "
        "count(*) FILTER (WHERE outcome = 'timeout') AS failed, "
        "percentile_disc(0.5) WITHIN GROUP (ORDER BY latency_ms) FILTER (WHERE answered) AS p50, "
        "percentile_disc(0.95) WITHIN GROUP (ORDER BY latency_ms) FILTER (WHERE answered) AS p95, "
        "percentile_disc(0.99) WITHIN GROUP (ORDER BY latency_ms) FILTER (WHERE answered) AS p99, "
        "percentile_disc(0.5) WITHIN GROUP (ORDER BY first_token_ms) AS first, "
        "percentile_cont(0.5) WITHIN GROUP (ORDER BY tokens_per_second) AS speed, "
        "sum(tokens_in) AS read, sum(tokens_out) AS written, sum(cost_usd) AS cost "
        "FROM (SELECT *, outcome <> 'timeout' AS answered FROM route_attempts) AS attempt "
        "WHERE outcome <> 'cached' GROUP BY model, endpoint ORDER BY asked DESC"
    )
    assert cells(seen.section("Models")) == [
        [
            f"{one['model']}{one['endpoint']}",
            number(one["asked"]),
            percent(one["passed"] / one["asked"]),
            percent(one["failed"] / one["asked"]),
            ", ".join(duration(one[share]) for share in ("p50", "p95", "p99")),
            duration(one["first"]),
            short(one["speed"]),
            f"{compact(one['read'])} in{compact(one['written'])} out",
            money(one["cost"]),
        ]
        for one in models
    ]


@pytest.mark.parametrize(
    ("section", "by"),
    [
        ("By tier", "CASE (best).outcome WHEN 'timeout' THEN 'no answer' ELSE (best).tier END"),
        ("By kind of work", "(best).task_type"),
    ],
)
def test_calls_are_counted_by_their_group(
    large: Dashboard, visit: Visit, section: str, by: str
) -> None:
    seen = visit(large.at("/routing?days=365"))
    every = large.value(f"SELECT count(*) FROM {CALLS}")
    groups = large.sql(
        f'SELECT {by} AS name, {COUNTS} FROM {CALLS} GROUP BY name ORDER BY "all" DESC, name'
    )
    assert cells(seen.section(section)) == [
        [
            one["name"],
            number(one["all"]),
            percent(one["all"] / every),
            *(percent(one[name] / one["all"]) for name in ("local", "passed", "escalated")),
        ]
        for one in groups
    ]


def test_spend_is_that_of_the_ledger(large: Dashboard, visit: Visit) -> None:
    seen = visit(large.at("/routing?days=365"))
    ledger = large.sql(
        "SELECT model, count(*) FILTER (WHERE settled) AS calls, "
        "coalesce(sum(amount_usd) FILTER (WHERE settled), 0) AS spent, "
        "coalesce(sum(amount_usd) FILTER (WHERE NOT settled), 0) AS aside "
        "FROM spend GROUP BY model ORDER BY spent DESC"
    )
    table = seen.section("Spend").get_by_role("table", name="Spend by model")
    assert cells(table) == [
        [one["model"], number(one["calls"]), money(one["spent"]), money(one["aside"])]
        for one in ledger
    ]
    assert [one["aside"] for one in ledger] == [0, 0.25]
    budget = money(RemoteSettings().daily_budget_usd)
    today = large.value(f"SELECT coalesce(sum(amount_usd), 0) FROM spend WHERE day = {TODAY}")
    expect(seen.section("Spend").locator("figcaption")).to_have_text(
        f"{money(sum(one['spent'] for one in ledger))} in the last 365 days, {money(today)} of it "
        f"today; the budget is {budget} a day."
    )
