"""import knowledge: entries that another machine has exported."""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

from hybrid_coordinator.errors import InvalidArgumentError
from hybrid_coordinator.home import Home
from hybrid_coordinator.serving.cli.live import printable
from hybrid_coordinator.serving.cli.output import add_json_flag, print_json, progress_bar
from hybrid_coordinator.serving.client import Client, Json, connected

_LINES, _CHARACTERS = 200, 2_000_000
"""Of a request, at most; a single line may be as long by itself."""
_LONGEST = 400_001
"""Characters that are read of a line: the coordinator refuses longer ones."""
_SHOWN = 20


def add_knowledge_command(sources: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register it."""
    knowledge = sources.add_parser(
        "knowledge",
        help="what another machine wrote with `export knowledge`",
        description="Import entries that `export knowledge` wrote. What was stated here stays as "
        "it is said, and what was retired here stays so; the same file again changes nothing. "
        "Entries of a directory that has the name of this one go to the project here.",
    )
    knowledge.add_argument("file", metavar="FILE", type=Path)
    knowledge.add_argument("--project", metavar="NAME", help="import all of it into this project")
    knowledge.add_argument("--dry-run", action="store_true", help="say what would be, and stop")
    add_json_flag(knowledge)
    knowledge.set_defaults(run=_import_knowledge)


def _import_knowledge(options: argparse.Namespace) -> int:
    params: Json = {"project": options.project, "dryRun": options.dry_run}
    counts: Counter[str] = Counter(created=0, merged=0, unchanged=0)
    refused: list[Json] = []
    filed_as: dict[str, str] = {}
    unknown: dict[str, None] = {}
    try:
        with (
            options.file.open(encoding="utf-8", errors="surrogateescape", newline="\n") as file,
            connected(Home.from_environment()) as client,
        ):
            for report in _reports(client, file, params):
                counts.update(report["actions"])
                refused += report["refused"]
                filed_as |= report["filed_as"]
                unknown |= dict.fromkeys(report["unknown"])
    except OSError as error:
        raise InvalidArgumentError("FILE", f"{options.file}: {error.strerror}") from error
    if options.json:
        print_json(
            {
                **counts,
                "refused": refused,
                "filed_as": filed_as,
                "unknown": list(unknown),
                "dry_run": options.dry_run,
            }
        )
    else:
        _print_counts(counts, refused, dry_run=options.dry_run)
        _print_projects(filed_as, list(unknown), dry_run=options.dry_run)
    return 1 if refused else 0


def _reports(client: Client, file: TextIO, params: Json) -> Iterator[Json]:
    with progress_bar("importing") as bar:
        done = 0
        for lines in _batches(file):
            yield client.request("hybrid/import_knowledge", {**params, "lines": lines})
            done += len(lines)
            if bar is not None:
                bar(done, None, "entries")


def _batches(file: TextIO) -> Iterator[list[tuple[int, str]]]:
    batch: list[tuple[int, str]] = []
    size = 0
    for number, line in enumerate(_lines(file), start=1):
        if not line.strip():
            continue
        if batch and (len(batch) == _LINES or size + len(line) > _CHARACTERS):
            yield batch
            batch, size = [], 0
        batch.append((number, line))
        size += len(line)
    if batch:
        yield batch


def _lines(file: TextIO) -> Iterator[str]:
    """The lines, none longer than what is refused for its length."""
    while line := file.readline(_LONGEST):
        rest = line
        while len(rest) == _LONGEST and not rest.endswith("\n"):
            rest = file.readline(_LONGEST)
        # What is no UTF-8 is refused as no text either: JSON holds no replacement for it.
        yield line.rstrip("\n").encode("utf-8", "replace").decode()


def _print_counts(counts: Counter[str], refused: list[Json], *, dry_run: bool) -> None:
    would = "would be " if dry_run else ""
    print(
        f"{counts['created']} {would}created, {counts['merged']} {would}merged, "
        f"{counts['unchanged']} unchanged, {len(refused)} refused"
    )
    for each in refused[:_SHOWN]:
        print(f"  line {each['line']}: {printable(each['reason'])}")
    if len(refused) > _SHOWN:
        print(f"  and {len(refused) - _SHOWN} more; --json has them all")


def _print_projects(filed_as: dict[str, str], unknown: list[str], *, dry_run: bool) -> None:
    would = "would be" if dry_run else "were"
    for there, here in filed_as.items():
        print(f"entries of {printable(there)} {would} filed under {printable(here)}, its name here")
    if unknown:
        names = ", ".join(map(printable, unknown[:_SHOWN]))
        more = f" and {len(unknown) - _SHOWN} more" if len(unknown) > _SHOWN else ""
        print(f"nobody works under these names here: {names}{more}")
        print("  they are found under them only; --project NAME files all under another one")
