"""The parts of the measurement, by the name that --only takes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from benchmarks.learning import (
    collapse,
    confound,
    cost,
    datasets,
    feedback,
    hooks,
    importing,
    inference,
    recurrence,
    stream,
)
from benchmarks.routing.data import DataMissingError
from benchmarks.routing.tables import Table

Section = Callable[[Path | None], Table]
"""Takes the folder of the data, if there is one; says what is missing in its note."""


def _of_data(measure: Callable[[Path], Table]) -> Section:
    def measured(data: Path | None) -> Table:
        if data is None:
            raise DataMissingError("Say where the data is: --data DIR")
        return measure(data)

    return measured


SECTIONS: dict[str, Section] = {
    "stream": stream.measure,
    "confound": confound.measure,
    "feedback": feedback.measure,
    "recurrence": _of_data(recurrence.recurring),
    "same": _of_data(recurrence.same),
    "clusters": _of_data(recurrence.clustered),
    "collapse": collapse.measure,
    "inference": inference.measure,
    "importing": importing.measure,
    "datasets": datasets.exported,
    "secrets": datasets.scrubbed,
    "cost": cost.measure,
    "hooks": hooks.measure,
}
