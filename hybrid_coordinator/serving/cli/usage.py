"""stats, export: what the record holds."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

from hybrid_coordinator.errors import StorageError
from hybrid_coordinator.home import Home
from hybrid_coordinator.serving.cli.output import add_json_flag, print_json
from hybrid_coordinator.serving.client import Client, Json, connected


def add_commands(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register this group."""
    stats = commands.add_parser("stats", help="interactions, outcomes, tokens, models")
    stats.add_argument("--project", help="one project only")
    add_json_flag(stats)
    stats.set_defaults(run=_stats)

    export = commands.add_parser("export", help="write interactions and knowledge as JSON lines")
    export.add_argument("--output", type=Path, metavar="FILE", help="a file instead of stdout")
    add_json_flag(export)  # its output is JSON lines in any case
    export.set_defaults(run=_export)


def _stats(options: argparse.Namespace) -> int:
    with connected(Home.from_environment()) as client:
        totals = client.request("hybrid/stats", {"project": options.project})
    if options.json:
        print_json(totals)
        return 0
    rebuild = totals.pop("rebuild")
    for name, value in totals.items():
        print(f"{name.replace('_', ' '):18} {_shown(value)}")
    if rebuild:
        print(f"note: {rebuild['words']}")
    return 0


def _shown(value: object) -> str:
    if value is None or value in ({}, []):
        return "-"
    if isinstance(value, dict):
        return ", ".join(f"{name} {count}" for name, count in value.items())
    if isinstance(value, list):
        return "; ".join(_shown(each) for each in value)
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def _export(options: argparse.Namespace) -> int:
    with connected(Home.from_environment()) as client:
        if options.output is None:
            _write(_rows(client), sys.stdout)
            return 0
        # Written beside the target and renamed: the file is whole or not there.
        part = options.output.with_name(options.output.name + ".part")
        try:
            with part.open("w", encoding="utf-8") as file:
                count = _write(_rows(client), file)
            part.replace(options.output)
        except OSError as error:
            part.unlink(missing_ok=True)
            raise StorageError(f"{options.output} cannot be written: {error.strerror}") from error
    print(f"{count} rows written to {options.output}", file=sys.stderr)
    return 0


def _rows(client: Client) -> Iterator[Json]:
    for kind in ("interactions", "knowledge"):
        after: str | None = None
        while True:
            page = client.request("hybrid/export", {"kind": kind, "after": after})
            yield from page["rows"]
            after = page["after"]
            if after is None:
                break


def _write(rows: Iterator[Json], file: TextIO) -> int:
    count = 0
    for row in rows:
        file.write(json.dumps(row, ensure_ascii=False) + "\n")
        count += 1
    return count
