"""The page and the plot: docs/benchmarks/search.md and search.svg."""

from __future__ import annotations

import datetime as dt
import importlib.metadata
import os
import platform
import subprocess
from collections.abc import Sequence
from pathlib import Path

import psutil

from benchmarks.search import plot
from benchmarks.search.findings import Figure, Findings, Table
from benchmarks.search.workbench import Workbench

COMMAND = "make bench-search DATA=DIR PACKAGES=DIR"
_PACKAGES = ("hybrid-coordinator", "qdrant-edge-py", "semble", "model2vec")

_INTRODUCTION = """\
# Search over code, measured

`{command}` wrote this page{date}: {machine}. {versions}.
It runs `python -m benchmarks.search --data DIR --packages DIR`; with `--only SECTION` it prints
one part ({sections}) and writes nothing.

![NDCG@10 against milliseconds a question, one point a system](search.svg)

"""

_DATA = """\
## Where the data comes from

`DATA` is a folder with

- `code_search/dev.json`: 142 questions about seven Python packages with the places that answer
  them, from semble's annotations (https://github.com/MinishLab/semble, `benchmarks/annotations`,
  MIT), as a list of `{"package", "version", "index_root", "queries": [{"query", "category",
  "relevant": [{"path", "start_line", "end_line"}], "secondary": [...]}]}`;
- `cosqa/code_idx_map.txt.gz` and `cosqa/cosqa-retrieval-dev-500.json.gz`: CoSQA as in
  https://github.com/Jun-jie-Huang/CoCLR, `data/search` (MIT).

`PACKAGES` (by default `packages` in it) is a folder with the unpacked source of the seven: for
each, `pip download --no-deps --no-binary PACKAGE PACKAGE==VERSION` and `tar -xzf`. The large trees
are copies of the Python source that the machine has: the standard library and installed packages.
"""


def table(given: Table) -> str:
    """As Markdown."""
    return f"## {given.title}\n\n{_rows(given.header, given.rows)}\n" + (
        f"\n{given.note}\n" if given.note else ""
    )


def summary(figures: Sequence[Figure]) -> str:
    """The figures as one table, with a column for each system that has any."""
    others = list(dict.fromkeys(name for figure in figures for name in figure.others))
    rows = [
        [
            figure.what,
            figure.goal,
            f"**{figure.ours}**",
            *(figure.others.get(name, "") for name in others),
        ]
        for figure in figures
    ]
    return _rows(["what", "goal", "ours", *others], rows) + "\n"


def write(folder: Path, findings: Findings, bench: Workbench, sections: Sequence[str]) -> None:
    """Write the page and the plot."""
    folder.mkdir(parents=True, exist_ok=True)
    introduction = _INTRODUCTION.format(
        command=COMMAND,
        date=f" on {dt.datetime.now(tz=dt.UTC):%Y-%m-%d}",
        machine=machine(),
        versions=versions(bench.rg),
        sections=", ".join(sections),
    )
    parts = [summary(findings.figures), *map(table, findings.tables), _DATA]
    (folder / "search.md").write_text(introduction + "\n".join(parts), encoding="utf-8")
    (folder / "search.svg").write_text(plot.draw(findings.points), encoding="utf-8")


def machine() -> str:
    """What it ran on."""
    memory = psutil.virtual_memory().total / 1e9
    return (
        f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores"
        f"{_processor()}, {memory:.0f} GB, Python {platform.python_version()}"
    )


def _processor() -> str:
    about = Path("/proc/cpuinfo")
    lines = about.read_text(encoding="utf-8").splitlines() if about.is_file() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return f" ({names[0]})" if names else ""


def versions(rg: str | None) -> str:
    """Of what was measured."""
    found = []
    for name in _PACKAGES:
        try:
            found.append(f"{name} {importlib.metadata.version(name)}")
        except importlib.metadata.PackageNotFoundError:
            continue
    if rg is not None:
        said = subprocess.run([rg, "--version"], capture_output=True, text=True, check=True)
        found.append(" ".join(said.stdout.split()[:2]))
    return ", ".join(found)


def _rows(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    padded = [[*row, *[""] * (len(header) - len(row))] for row in rows]
    lines = [header, ["---"] * len(header), *padded]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
