"""``python -m benchmarks.learning --data DIR``: measures, and prints tables."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from benchmarks.learning.sections import SECTIONS
from benchmarks.routing.data import DataMissingError
from benchmarks.routing.tables import markdown


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.learning", description="Measure what is learned from outcomes."
    )
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--only", nargs="+", choices=list(SECTIONS), metavar="SECTION")
    given = parser.parse_args(arguments)
    try:
        for name in given.only or SECTIONS:
            print(f"\n{markdown(SECTIONS[name](given.data))}", flush=True)
    except DataMissingError as error:
        parser.exit(2, f"{error}\n")


if __name__ == "__main__":
    main()
