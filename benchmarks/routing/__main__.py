"""``python -m benchmarks.routing --data DIR``: measures, prints tables, and writes them down."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks.routing.data import DataMissingError
from benchmarks.routing.report import write
from benchmarks.routing.sections import SECTIONS
from benchmarks.routing.tables import markdown

_FOLDER = Path(__file__).resolve().parents[2] / "docs" / "benchmarks"


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.routing", description="Measure classification and routing."
    )
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument(
        "--only",
        nargs="+",
        choices=list(SECTIONS),
        metavar="SECTION",
        help=f"print these alone, and write nothing: {', '.join(SECTIONS)}",
    )
    parser.add_argument(
        "--folder", type=Path, default=_FOLDER, help="where the page and its plot are written"
    )
    given = parser.parse_args(arguments)
    tables = []
    try:
        for name in given.only or SECTIONS:
            began = time.monotonic()
            tables.append(markdown(SECTIONS[name](given.data)))
            print(f"\n{tables[-1]}", flush=True)
            print(f"[{name}: {time.monotonic() - began:.0f} s]", file=sys.stderr, flush=True)
        if given.only is None:
            write(given.folder, given.data, tables)
    except DataMissingError as error:
        parser.exit(2, f"{error}\n")


if __name__ == "__main__":
    main()
