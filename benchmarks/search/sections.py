"""The parts of the measurement, by the name that --only takes."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from benchmarks.search import (
    ablation,
    abstention,
    changes,
    cosqa,
    indexing,
    quality,
    queries,
    reading,
)
from benchmarks.search.findings import Findings
from benchmarks.search.workbench import Workbench

Section = Callable[[Workbench], Awaitable[Findings]]

SECTIONS: dict[str, Section] = {
    "quality": quality.measure,
    "ablation": ablation.measure,
    "cosqa": cosqa.measure,
    "reading": reading.measure,
    "abstention": abstention.measure,
    "indexing": indexing.measure,
    "queries": queries.measure,
    "changes": changes.measure,
}
