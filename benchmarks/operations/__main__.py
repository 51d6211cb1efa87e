"""``python -m benchmarks.operations``: measures, prints tables, and writes them down."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.operations.sections import SECTIONS
from benchmarks.routing.tables import markdown
from benchmarks.search.report import machine

_PAGE = Path(__file__).resolve().parents[2] / "docs" / "benchmarks" / "operations.md"
_HEAD = """# Operation, measured

`make bench-operations` wrote this page on {date}: {machine}.
It runs `python -m benchmarks.operations`; with `--only SECTION` it prints one part, and writes
nothing. No data is needed.

"""


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.operations", description="Measure what running it costs."
    )
    parser.add_argument(
        "--only",
        nargs="+",
        choices=list(SECTIONS),
        metavar="SECTION",
        help=f"print these alone, and write nothing: {', '.join(SECTIONS)}",
    )
    given = parser.parse_args(arguments)
    tables = []
    for name in given.only or SECTIONS:
        began = time.monotonic()
        tables.append(markdown(SECTIONS[name]()))
        print(f"\n{tables[-1]}", flush=True)
        print(f"[{name}: {time.monotonic() - began:.0f} s]", file=sys.stderr, flush=True)
    if given.only is None:
        today = f"{datetime.now(tz=UTC):%Y-%m-%d}"
        _PAGE.write_text(
            _HEAD.format(date=today, machine=machine()) + "\n".join(tables), encoding="utf-8"
        )


if __name__ == "__main__":
    main()
