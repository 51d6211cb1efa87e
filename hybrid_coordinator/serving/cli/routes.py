"""route: where work should go, and why."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from hybrid_coordinator.errors import InvalidArgumentError
from hybrid_coordinator.home import Home
from hybrid_coordinator.serving.cli.live import printable
from hybrid_coordinator.serving.cli.output import add_json_flag, print_json, usd
from hybrid_coordinator.serving.client import Client, Json, connected

_BATCH = 200
"""Prompts of one request: an answer comes back while the next ones are read."""


def add_commands(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register this group."""
    route = commands.add_parser("route", help="where a prompt would go, and why; calls no model")
    source = route.add_mutually_exclusive_group(required=True)
    source.add_argument("prompt", metavar="PROMPT", nargs="?")
    source.add_argument(
        "--jsonl", type=Path, metavar="FILE", help='lines of {"id", "prompt" or "messages"}'
    )
    add_json_flag(route)
    route.set_defaults(run=_route)


def _route(options: argparse.Namespace) -> int:
    with connected(Home.from_environment()) as client:
        if options.jsonl is not None:
            return _route_lines(client, options.jsonl)
        decision = client.request("hybrid/route_here", {"prompt": options.prompt})
    if options.json:
        print_json(decision)
        return 0
    print(f"{decision['target']} / {decision['tier']}: {decision['reason']}")
    print(
        f"  complexity  {decision['complexity_score']:.1f} of 10: {decision['complexity']}; need "
        f"of the strongest tier {decision['score']:.2f}, confidence {decision['confidence']:.2f}"
    )
    print(f"  rule        {decision['rule']}")
    _print_here(decision["here"], decision["rule"])
    return 0


def _print_here(here: Json, rule: str) -> None:
    """What the decision comes to with the models that are there now."""
    print(f"here and now: {here['target']} / {here['tier']}: {here['reason'].rpartition(': ')[2]}")
    if here["rule"] != rule:
        print(f"  rule        {here['rule']}")
    for place, each in enumerate(here["chain"], start=1):
        print(f"  {place:>2}. {printable(each)}")
    if len(here["chain"]) > 1:
        print("  the next one is asked where one fails, or its answer does not pass the check")
    if not here["chain"]:
        print("  no model could be asked; `hybrid-coordinator doctor` says how to start one")
    for each in here["skipped"]:
        print(f"  not asked: {printable(each)}")
    if here["budget_left_usd"] is not None:
        print(f"  budget      {usd(max(0.0, here['budget_left_usd']))} left today (UTC)")
    for notice in here["notices"]:
        print(f"  note: {printable(notice)}")


def _route_lines(client: Client, file: Path) -> int:
    rows = _read_rows(file)
    for start in range(0, len(rows), _BATCH):
        batch = rows[start : start + _BATCH]
        prompts = [prompt for _, prompt in batch]
        routes = client.request("hybrid/route", {"prompts": prompts})["routes"]
        for (identifier, _), decision in zip(batch, routes, strict=True):
            kept = {name: decision[name] for name in ("score", "tier", "task_type", "complexity")}
            print(json.dumps({"id": identifier, **kept}))
    return 0


def _read_rows(file: Path) -> list[tuple[Any, str | list[Any]]]:
    """(id, prompt or messages) a line.

    Raises:
        InvalidArgumentError: the file cannot be read, or a line is off; it names the line.
    """
    try:
        # Only this ends a line of JSON Lines: a string may hold U+2028 and its like.
        lines = file.read_bytes().decode("utf-8").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidArgumentError("--jsonl", f"{file} cannot be read: {error}") from error
    rows: list[tuple[Any, str | list[Any]]] = []
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise InvalidArgumentError("--jsonl", f"line {number} is not JSON: {error}") from error
        prompt = row.get("prompt", row.get("messages")) if isinstance(row, dict) else None
        if not isinstance(prompt, str | list) or "id" not in row:
            raise InvalidArgumentError(
                "--jsonl", f'line {number} must be an object with "id" and "prompt" or "messages"'
            )
        rows.append((row["id"], prompt))
    return rows
