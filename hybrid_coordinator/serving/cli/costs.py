"""simulate-cost: what a month and a year come to, with routing and without."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from hybrid_coordinator.home import Home
from hybrid_coordinator.serving.cli.output import (
    add_json_flag,
    positive,
    print_json,
    print_table,
    usd,
)
from hybrid_coordinator.serving.client import Json, connected

_SPANS = {30: "a month", 365: "a year"}


def add_commands(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register this group."""
    simulate = commands.add_parser(
        "simulate-cost",
        help="project a month and a year of cost against all-remote",
        description="Project what a month and a year cost with routing, and with every request at "
        "a remote model. What is not given is taken from the record; local answers cost nothing.",
    )
    simulate.add_argument("--requests-per-day", type=_amount, metavar="N")
    simulate.add_argument("--tokens-in", type=_amount, metavar="N", help="of a request, on average")
    simulate.add_argument("--tokens-out", type=_amount, metavar="N", help="of an answer")
    local = simulate.add_mutually_exclusive_group()
    local.add_argument(
        "--local-share", type=_fraction, metavar="SHARE", help="0-1 of requests answered locally"
    )
    local.add_argument(
        "--mix",
        type=_mix,
        metavar="S,M,C",
        help="parts of simple, moderate and complex requests; complex ones go to the remote model",
    )
    simulate.add_argument("--model", help="the remote model; by default the first of remote.models")
    simulate.add_argument("--project", help="the record of one project only")
    simulate.add_argument(
        "--days", type=positive, default=30, metavar="N", help="of the record that count (30)"
    )
    add_json_flag(simulate)
    simulate.set_defaults(run=_simulate)


def _amount(text: str) -> float:
    amount = float(text)
    if not 0 <= amount <= 1e12:
        raise ValueError(text)
    return amount


def _fraction(text: str) -> float:
    fraction = float(text)
    if not 0 <= fraction <= 1:
        raise ValueError(text)
    return fraction


def _mix(text: str) -> float:
    """The share of requests that local tiers take."""
    simple, moderate, complex_ = (_amount(part) for part in text.split(","))
    if not simple + moderate + complex_:
        raise ValueError(text)
    return (simple + moderate) / (simple + moderate + complex_)


def _simulate(options: argparse.Namespace) -> int:
    given = {
        "requestsPerDay": options.requests_per_day,
        "tokensIn": options.tokens_in,
        "tokensOut": options.tokens_out,
        "localShare": options.local_share if options.mix is None else options.mix,
        "model": options.model,
        "project": options.project,
        "days": options.days,
    }
    with connected(Home.from_environment()) as client:
        found = client.request("hybrid/simulate", given)
    if options.json:
        print_json(found)
        return 0
    mix = found["mix"]
    print(
        f"{mix['requests']:g} requests a day of {mix['tokens_in']:.0f} tokens in and "
        f"{mix['tokens_out']:.0f} out, {mix['local_share']:.0%} answered locally"
    )
    print(
        f"a request at {found['model']}: {usd(found['request_usd'])} "
        f"(prices of {found['prices_as_of']})\n"
    )
    print_table(
        ("", "all remote", "with routing", "saved", "share"),
        [_row(span) for span in found["spans"]],
        numbers_from=1,
    )
    if found["spans"][0]["all_remote"]["low"] is not None:
        print(
            f"\nlow to high: what nine of ten such spans come to, if days go on to differ as the "
            f"{found['recorded_days']} recorded ones do"
        )
    return 0


def _row(span: Json) -> Sequence[str]:
    saved = "-" if span["saved_share"] is None else f"{span['saved_share']:.0%}"
    kinds = ("all_remote", "with_routing", "saved")
    return (_SPANS[span["days"]], *(_range(span[kind]) for kind in kinds), saved)


def _range(found: Json) -> str:
    if found["low"] is None:
        return usd(found["usd"])
    return f"{usd(found['usd'])} ({found['low']:,.2f} to {found['high']:,.2f})"
