"""``python -m benchmarks.search --data DIR [--packages DIR] [--only SECTION ...]``.

Measures the search over code beside others in one run, prints it, and writes
docs/benchmarks/search.md and search.svg. With --only, it prints those sections and writes nothing.
docs/benchmarks/search.md says where the data comes from.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks.search import report
from benchmarks.search.data import DataMissingError, load_questions
from benchmarks.search.findings import Findings
from benchmarks.search.sections import SECTIONS
from benchmarks.search.workbench import Workbench

PAGE = Path(__file__).parents[2] / "docs" / "benchmarks"


async def measure(bench: Workbench, sections: Sequence[str]) -> Findings:
    """Run the sections, one after the other."""
    parts = []
    for name in sections:
        began = time.monotonic()
        part = await SECTIONS[name](bench)
        for table in part.tables:
            print(f"\n{report.table(table)}", flush=True)
        print(f"\n[{name}: {time.monotonic() - began:.0f} s]", file=sys.stderr, flush=True)
        parts.append(part)
    return Findings.joined(parts)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.search", description="Measure the search over code."
    )
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--packages", type=Path, help="default: packages in the data's directory")
    parser.add_argument("--only", nargs="+", choices=list(SECTIONS), metavar="SECTION")
    given = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        scratch = Path(folder)
        # semble keeps its statistics there.
        os.environ["SEMBLE_CACHE_LOCATION"] = str(scratch / "semble")
        try:
            packages = given.packages or given.data / "packages"
            corpora, questions = load_questions(given.data, packages)
        except DataMissingError as error:
            parser.exit(2, f"{error}\n")
        bench = Workbench(given.data, corpora, questions, scratch)
        findings = asyncio.run(measure(bench, given.only or list(SECTIONS)))
        print(f"\n{report.summary(findings.figures)}")
        if given.only is None:
            report.write(PAGE, findings, bench, list(SECTIONS))


if __name__ == "__main__":
    main()
