"""The page of a whole run: docs/benchmarks/routing.md, and its plot."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.routing import answers, reliability_plot
from benchmarks.search.report import machine

_HEAD = """# Routing and answer checks, measured

`make bench-routing DATA=DIR` wrote this page on {date}: {machine}.
It runs `python -m benchmarks.routing --data DIR`; with `--only SECTION` it prints one part, and
writes nothing. The data are public and not in the repository: `DIR/routing` holds
lm-sys/RouteLLM's recorded answers to MMLU and GSM8K (Apache-2.0) and CommonstackAI/UncommonRoute's
labelled prompts and steps of agents (MIT), `DIR/cache` zilliztech/GPTCache's pairs of questions
(MIT).

![Share of right answers against confidence, ten bins](routing-reliability.svg)

"""


def write(folder: Path, data: Path, tables: Sequence[str]) -> None:
    """Write the page with ``tables``, in Markdown, and the reliability plot beside it."""
    today = f"{datetime.now(tz=UTC):%Y-%m-%d}"
    page = _HEAD.format(date=today, machine=machine()) + "\n".join(tables)
    plot = reliability_plot.draw(answers.held_out_bins(data))
    (folder / "routing.md").write_text(page, encoding="utf-8")
    (folder / "routing-reliability.svg").write_text(plot, encoding="utf-8")
