"""stats: what the record holds, how models did, and money."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from hybrid_coordinator.domain.insights import DiskBlock, DiskInsight
from hybrid_coordinator.home import Home
from hybrid_coordinator.serving.cli.output import (
    add_json_flag,
    positive,
    print_json,
    print_table,
    share,
    usd,
)
from hybrid_coordinator.serving.client import Json, connected


def add_commands(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register this group."""
    stats = commands.add_parser(
        "stats", help="interactions, outcomes, routes, models, money spent and saved"
    )
    stats.add_argument("--project", help="one project only")
    stats.add_argument(
        "--days",
        type=positive,
        default=30,
        metavar="N",
        help="routes, models and money of the last N days (30)",
    )
    add_json_flag(stats)
    stats.set_defaults(run=_stats)


def _stats(options: argparse.Namespace) -> int:
    wanted = {"project": options.project, "days": options.days}
    with connected(Home.from_environment()) as client:
        totals = client.request("hybrid/stats", wanted)
    if options.json:
        print_json(totals)
        return 0
    rebuild, usage, learning = (totals.pop(name) for name in ("rebuild", "usage", "learning"))
    totals["jobs"] = totals["jobs"]["words"]
    del totals["models"]  # a table below has them
    disk = totals.pop("disk")
    for name, value in totals.items():
        print(f"{name.replace('_', ' '):18} {_shown(value)}")
    print(f"{'disk':18} {_disk(disk)}")
    if rebuild:
        print(f"note: {rebuild['words']}")
    _print_learning(learning)
    _print_usage(usage)
    return 0


def _print_learning(learning: Json) -> None:
    print(f"{'uplift':18} {learning['uplift']['words']}")
    for doubt in learning["doubts"]:
        what = "retired" if doubt["retired"] else "doubtful"
        print(f"{what:18} {doubt['title']} ({doubt['collection']}): {doubt['reason']}")


def _disk(found: Json) -> str:
    blocks = tuple(DiskBlock(**block) for block in found["blocks"])
    return DiskInsight(**{**found, "blocks": blocks}).words


def _shown(value: object) -> str:
    if value is None or value in ({}, []):
        return "-"
    if isinstance(value, dict):
        return ", ".join(f"{name} {count}" for name, count in value.items())
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def _print_usage(usage: Json) -> None:
    total, span = usage["total"], f"the last {usage['days']} days"
    if not total["calls"]:
        print(f"\nno model was asked in {span}")
    else:
        print(f"\n{total['calls']} calls of models in {span}\n")
        rows = [_calls_row("all", total)]
        for kind in ("tiers", "task_types"):
            rows += [_calls_row(one["name"], one, total["calls"]) for one in usage[kind]]
        header = ("", "calls", "share", "local", "remote", "failed", "passed", "stepped up")
        print_table((*header, "from cache"), rows, numbers_from=1)
        print()
        _print_models(usage["models"])
    _print_money(usage)


def _calls_row(name: str, calls: Json, of: int | None = None) -> Sequence[object]:
    count = calls["calls"]
    rates = ("local", "remote", "failed", "passed", "escalated", "cached")
    return (name, count, share(count, of or count), *(share(calls[one], count) for one in rates))


def _print_models(models: Sequence[Json]) -> None:
    header = ("model", "endpoint", "asked", "passed", "failed", "ms p50", "p95")
    more = ("first token p50", "p95", "tokens/s", "tokens in", "out", "cost")
    rows = [
        (
            one["model"],
            one["endpoint"],
            one["attempts"],
            share(one["passed"], one["attempts"]),
            share(one["failed"], one["attempts"]),
            _or_dash(one["latency_p50_ms"]),
            _or_dash(one["latency_p95_ms"]),
            _or_dash(one["first_token_p50_ms"]),
            _or_dash(one["first_token_p95_ms"]),
            _or_dash(one["tokens_per_second"]),
            one["tokens_in"],
            one["tokens_out"],
            _cost(one),
        )
        for one in models
    ]
    print_table((*header, *more), rows, numbers_from=2)


def _or_dash(value: float | None) -> str:
    return "-" if value is None else f"{value:.0f}"


def _cost(model: Json) -> str:
    if model["unpriced"] == model["attempts"]:
        return "unknown"
    known = usd(model["cost_usd"])
    return f"{known} + {model['unpriced']} unknown" if model["unpriced"] else known


def _print_money(usage: Json) -> None:
    money = usage["money"]
    spent = sum(one["spent_usd"] + one["reserved_usd"] for one in money["spent"])
    print(
        f"\nspent on remote models: {usd(money['today_usd'])} today (UTC) of "
        f"{usd(money['daily_budget_usd'])}, {usd(spent)} in {usage['days']} days"
    )
    for one in money["spent"]:
        aside = f", {usd(one['reserved_usd'])} set aside" if one["reserved_usd"] else ""
        print(f"  {one['model']}: {usd(one['spent_usd'])} for {one['calls']} calls{aside}")
    at = f"the tokens of local answers at {money['reference']}"
    if money["saved_usd"] is None:
        print(f"saved: unknown, as is the price of {money['reference']} (set remote.prices)")
    else:
        print(f"saved: {usd(money['saved_usd'])}, {at} (prices of {money['prices_as_of']})")
