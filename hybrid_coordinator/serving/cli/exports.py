"""export: interactions and knowledge, the log of what models were asked, or training data."""

from __future__ import annotations

import argparse
import csv
import json
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TextIO

from hybrid_coordinator.errors import InvalidArgumentError, StorageError
from hybrid_coordinator.home import Home
from hybrid_coordinator.serving.cli.output import (
    add_json_flag,
    positive,
    print_json,
    print_table,
    progress_bar,
)
from hybrid_coordinator.serving.client import Client, Json, connected

_Writer = Callable[[Iterator[Json], TextIO], int]

_KNOWLEDGE = ("skills-patterns", "error-solutions", "best-practices")
_CHECKS = ("format", "completeness", "coherence", "self_critique")
_COLUMNS = (
    "id", "created_at", "project", "interaction_id", "task_type", "complexity", "position",
    "model", "endpoint", "tier", "remote", "rule", "outcome", "confidence",
    *(f"check_{name}" for name in _CHECKS), "reason", "latency_ms", "first_token_ms",
    "tokens_per_second", "tokens_in", "tokens_out", "cost_usd",
)  # fmt: skip


def add_commands(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register this group."""
    export = commands.add_parser(
        "export",
        help="write interactions and knowledge as JSON lines; `export usage`: what models did; "
        "`export training`: data to train a model on; "
        "`export knowledge`: what other machines may learn",
        description="Write interactions and knowledge as JSON lines.",
    )
    export.add_argument("--output", type=Path, metavar="FILE", help="a file instead of stdout")
    add_json_flag(export)  # its output is JSON lines in any case
    export.set_defaults(run=_export)
    kinds = export.add_subparsers(dest="kind", metavar="usage | training | knowledge")
    usage = kinds.add_parser(
        "usage",
        help="write the log of attempts instead: each call of each model",
        description="Write the log of attempts: each call of each model, oldest first.",
    )
    usage.add_argument("--format", choices=("csv", "jsonl"), default="csv", help="csv")
    usage.add_argument(
        "--output",
        type=Path,
        metavar="FILE",
        default=argparse.SUPPRESS,
        help="a file instead of stdout",
    )
    usage.add_argument(
        "--since", metavar="DATE", help="from this day or time on (2026-11-21, UTC if not said)"
    )
    usage.add_argument("--project", help="one project only")
    usage.set_defaults(run=_export_usage)
    _add_training(kinds)
    _add_knowledge(kinds)


def _add_knowledge(kinds: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    knowledge = kinds.add_parser(
        "knowledge",
        help="write knowledge for other machines instead: `import knowledge` reads it",
        description="Write the entries in use as JSON lines for other machines, with where they "
        "come from and how they did, without secrets and personal data.",
    )
    knowledge.add_argument(
        "--output",
        type=Path,
        metavar="FILE",
        default=argparse.SUPPRESS,
        help="a file instead of stdout",
    )
    knowledge.add_argument("--project", help="one project only")
    knowledge.add_argument(
        "--collection", choices=_KNOWLEDGE, metavar="NAME", help="one collection only"
    )
    knowledge.add_argument(
        "--since", metavar="DATE", help="changed from this day or time on (2026-11-21)"
    )
    knowledge.set_defaults(run=_export_knowledge)


def _add_training(kinds: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    training = kinds.add_parser(
        "training",
        help="write training data instead: what went well, without secrets and duplicates",
        description="Write training data to a new directory: train, validation and test as JSON "
        "lines, with a card, a manifest and where each example comes from.",
    )
    training.add_argument(
        "--format",
        choices=("openai", "sharegpt", "dpo"),
        default="openai",
        help="chat messages (openai), ShareGPT turns, or preference pairs (dpo)",
    )
    training.add_argument(
        "--min-value", type=float, default=0.7, metavar="0-1", help="of an interaction; 0.7"
    )
    training.add_argument("--max", type=positive, metavar="N", help="the oldest N examples only")
    training.add_argument("--project", help="one project only")
    training.add_argument(
        "--output",
        type=Path,
        metavar="DIRECTORY",
        default=argparse.SUPPRESS,
        help="where the new directory goes",
    )
    training.add_argument(
        "--json", action="store_true", default=argparse.SUPPRESS, help="print JSON"
    )
    training.set_defaults(run=_export_training)


def _export(options: argparse.Namespace) -> int:
    with connected(Home.from_environment()) as client:
        return _put(_rows(client), options.output, _write_lines)


def _export_knowledge(options: argparse.Namespace) -> int:
    params: Json = {"project": options.project, "collection": options.collection}
    if options.since is not None:
        params["since"] = _time(options.since)
    with connected(Home.from_environment()) as client:
        rows = _pages(client, "hybrid/export_knowledge", params)
        return _put(rows, options.output, _write_lines)


def _export_usage(options: argparse.Namespace) -> int:
    params: Json = {"project": options.project}
    if options.since is not None:
        params["since"] = _time(options.since)
    with connected(Home.from_environment()) as client:
        writer = _write_csv if options.format == "csv" else _write_lines
        return _put(_attempts(client, params), options.output, writer)


def _export_training(options: argparse.Namespace) -> int:
    arguments: Json = {"format": options.format, "min_value": options.min_value}
    if options.max is not None:
        arguments["max_examples"] = options.max
    if options.output is not None:
        arguments["output_dir"] = str(options.output.absolute())
    with connected(Home.from_environment()) as client, progress_bar("exporting") as bar:
        asked = {"arguments": arguments, "project": options.project}
        made = client.request("hybrid/export_training", asked, bar)
    if options.json:
        print_json(made)
        return 0
    print(Path(made["paths"]["train"]).parent)
    print_table(("split", "examples"), made["counts"].items(), numbers_from=1)
    if made["dropped"]:
        print_table(("dropped", "interactions"), made["dropped"].items(), numbers_from=1)
    return 0


def _put(rows: Iterator[Json], output: Path | None, write: _Writer) -> int:
    """Write rows to a file, which is whole or not there, or to stdout."""
    if output is None:
        write(rows, sys.stdout)
        return 0
    # Written beside the target and renamed.
    part = output.with_name(output.name + ".part")
    try:
        try:
            with part.open("w", encoding="utf-8", newline="") as file:
                count = write(rows, file)
            part.replace(output)
        except BaseException:
            part.unlink(missing_ok=True)
            raise
    except OSError as error:
        raise StorageError(f"{output} cannot be written: {error.strerror}") from error
    print(f"{count} rows written to {output}", file=sys.stderr)
    return 0


def _time(text: str) -> str:
    try:
        given = datetime.fromisoformat(text)
    except ValueError as error:
        raise InvalidArgumentError("--since", f"{text} is no date; write 2026-11-21") from error
    return (given if given.tzinfo else given.replace(tzinfo=UTC)).isoformat()


def _rows(client: Client) -> Iterator[Json]:
    for kind in ("interactions", "knowledge"):
        yield from _pages(client, "hybrid/export", {"kind": kind})


def _attempts(client: Client, params: Json) -> Iterator[Json]:
    return _pages(client, "hybrid/usage_log", params)


def _pages(client: Client, method: str, params: Json) -> Iterator[Json]:
    after: object = None
    while True:
        page = client.request(method, {**params, "after": after})
        yield from page["rows"]
        after = page["after"]
        if after is None:
            break


def _write_lines(rows: Iterator[Json], file: TextIO) -> int:
    count = 0
    for row in rows:
        file.write(json.dumps(row, ensure_ascii=False) + "\n")
        count += 1
    return count


def _write_csv(rows: Iterator[Json], file: TextIO) -> int:
    """With a header, quoted where a cell needs it."""
    count = 0
    table = csv.DictWriter(file, _COLUMNS, lineterminator="\n")
    table.writeheader()
    for row in rows:
        checks = row.pop("checks") or {}
        row |= {f"check_{name}": checks.get(name) for name in _CHECKS}
        table.writerow({name: _cell(value) for name, value in row.items()})
        count += 1
    return count


def _cell(value: object) -> object:
    """A spreadsheet takes text that begins like a formula for one, and runs it (OWASP, CSV
    Injection): an apostrophe before it makes it text."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str) and value.startswith(("=", "+", "-", "@", "\t", "\r")):
        return f"'{value}"
    return value
