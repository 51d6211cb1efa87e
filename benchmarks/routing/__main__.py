"""``python -m benchmarks.routing --data DIR [--only SECTION ...]``: measures, and prints tables."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks.routing import answers, reliability_plot
from benchmarks.routing.data import DataMissingError
from benchmarks.routing.sections import SECTIONS
from benchmarks.routing.tables import markdown


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.routing", description="Measure classification and routing."
    )
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--only", nargs="+", choices=list(SECTIONS), metavar="SECTION")
    parser.add_argument("--plot", type=Path, help="where to write the reliability plot (SVG)")
    given = parser.parse_args(arguments)
    if given.plot is not None:
        try:
            given.plot.write_text(reliability_plot.draw(answers.held_out_bins(given.data)))
        except DataMissingError as error:
            parser.exit(2, f"{error}\n")
    for name in given.only or SECTIONS:
        began = time.monotonic()
        try:
            table = SECTIONS[name](given.data)
        except DataMissingError as error:
            parser.exit(2, f"{error}\n")
        print(f"\n{markdown(table)}", flush=True)
        print(f"[{name}: {time.monotonic() - began:.0f} s]", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
