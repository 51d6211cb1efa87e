"""What commands print: JSON on demand, plain text else, a progress bar on a terminal only."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager

from hybrid_coordinator.serving.client import OnProgress


def add_json_flag(parser: argparse.ArgumentParser) -> None:
    """Every command that prints data takes ``--json``."""
    parser.add_argument("--json", action="store_true", help="print JSON")


def print_json(value: object) -> None:
    """One JSON document."""
    print(json.dumps(value, indent=2, ensure_ascii=False))


def print_table(header: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Columns as wide as their content."""
    cells = [list(header), *([str(cell) for cell in row] for row in rows)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(header))]
    for row in cells:
        print(
            "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        )


@contextmanager
def progress_bar(label: str) -> Iterator[OnProgress | None]:
    """A bar on a terminal's stderr; None (so that no progress is asked for) in a pipe."""
    if not sys.stderr.isatty():
        yield None
        return
    from tqdm import tqdm

    with tqdm(desc=label, unit="", leave=False, file=sys.stderr) as bar:

        def show(done: float, total: float | None, words: str) -> None:
            bar.total = total
            bar.unit = f" {words}" if words else ""
            bar.update(done - bar.n)

        yield show
