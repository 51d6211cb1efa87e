"""``python -m benchmarks.learning [--data DIR]``: measures, prints tables, and writes them down."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.learning.sections import SECTIONS
from benchmarks.routing.data import DataMissingError
from benchmarks.routing.tables import markdown
from benchmarks.search.report import machine

_PAGE = Path(__file__).resolve().parents[2] / "docs" / "benchmarks" / "learning.md"
_HEAD = """# Learning from outcomes, measured

`make bench-learning DATA=DIR` wrote this page on {date}: {machine}.
It runs `python -m benchmarks.learning --data DIR`; with `--only SECTION` it prints one part, and
writes nothing. The stream, the confound and the costs need no data; the questions of the feedback
are those of [the search](search.md), and the packages that they are about.

"""


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.learning", description="Measure learning from outcomes."
    )
    parser.add_argument("--data", type=Path)
    parser.add_argument(
        "--only",
        nargs="+",
        choices=list(SECTIONS),
        metavar="SECTION",
        help=f"print these alone, and write nothing: {', '.join(SECTIONS)}",
    )
    parser.add_argument("--page", type=Path, default=_PAGE, help="where the page is written")
    given = parser.parse_args(arguments)
    tables = []
    for name in given.only or SECTIONS:
        began = time.monotonic()
        try:
            tables.append(markdown(SECTIONS[name](given.data)))
        except DataMissingError as error:
            parser.exit(2, f"{error}\n")
        print(f"\n{tables[-1]}", flush=True)
        print(f"[{name}: {time.monotonic() - began:.0f} s]", file=sys.stderr, flush=True)
    if given.only is None:
        today = f"{datetime.now(tz=UTC):%Y-%m-%d}"
        page = _HEAD.format(date=today, machine=machine()) + "\n".join(tables)
        given.page.write_text(page, encoding="utf-8")


if __name__ == "__main__":
    main()
