"""What commands print: JSON on demand, plain text else, a progress bar on a terminal only."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager

from hybrid_coordinator.errors import InvalidArgumentError
from hybrid_coordinator.serving.client import OnProgress


def add_json_flag(parser: argparse.ArgumentParser) -> None:
    """Every command that prints data takes ``--json``."""
    parser.add_argument("--json", action="store_true", help="print JSON")


def add_list_action(
    actions: argparse._SubParsersAction[argparse.ArgumentParser],
    run: Callable[[argparse.Namespace], int],
) -> None:
    """``list``, for a group that lists one project's or all of it without an action, too."""
    listed = actions.add_parser("list", help="all of it; the same without an action")
    # Given before the action, they count too: no default of these may take them back.
    listed.add_argument("--project", default=argparse.SUPPRESS, help="one project only")
    listed.add_argument("--json", action="store_true", default=argparse.SUPPRESS, help="print JSON")
    listed.set_defaults(run=run)


def print_json(value: object) -> None:
    """One JSON document."""
    print(json.dumps(value, indent=2, ensure_ascii=False))


def print_table(
    header: Sequence[str], rows: Iterable[Sequence[object]], *, numbers_from: int | None = None
) -> None:
    """Columns as wide as their content. Those from ``numbers_from`` on are aligned on the right."""
    cells = [list(header), *([str(cell) for cell in row] for row in rows)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(header))]
    text = len(header) if numbers_from is None else numbers_from
    for row in cells:
        left = [cell.ljust(width) for cell, width in zip(row[:text], widths, strict=False)]
        right = [cell.rjust(width) for cell, width in zip(row[text:], widths[text:], strict=True)]
        print("  ".join(left + right).rstrip())


def share(part: float, whole: float) -> str:
    """Per cent, "-" of nothing."""
    return f"{part / whole:.0%}" if whole else "-"


def usd(amount: float) -> str:
    """An amount of money, small ones with the digits that tell."""
    if amount >= 1 or amount == 0:
        return f"{amount:,.2f} USD"
    return f"{amount:.4f} USD" if amount >= 0.01 else f"{amount:.6f} USD"


def host_and_port(text: str) -> tuple[str, int]:
    """``HOST:PORT``, with an IPv6 address in brackets.

    Raises:
        InvalidArgumentError: it is not of that form.
    """
    host, colon, port = text.rpartition(":")
    inside = host[1:-1] if host.startswith("[") and host.endswith("]") else host
    numeric = port.isascii() and port.isdigit() and int(port) <= 65535
    if not colon or not inside or not numeric:
        raise InvalidArgumentError(
            "--http", f"{text!r} is no HOST:PORT; for example 127.0.0.1:8770 or 0.0.0.0:8770"
        )
    return inside, int(port)


def positive(text: str) -> int:
    """For argparse: a whole number from 1 on."""
    number = int(text)
    if number < 1:
        raise ValueError(text)
    return number


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
