"""The parts of the measurement, by the name that --only takes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from benchmarks.learning import collapse, importing, inference, recurrence
from benchmarks.routing.tables import Table

Section = Callable[[Path], Table]
"""Takes the folder of the data; raises DataMissingError."""

SECTIONS: dict[str, Section] = {
    "recurrence": recurrence.recurring,
    "same": recurrence.same,
    "clusters": recurrence.clustered,
    "collapse": collapse.measure,
    "inference": inference.measure,
    "importing": importing.measure,
}
