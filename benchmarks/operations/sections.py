"""The parts of the measurement, by the name that --only takes."""

from __future__ import annotations

from collections.abc import Callable

from benchmarks.operations import backup, dashboard, load, pair, scaling
from benchmarks.routing.tables import Table

SECTIONS: dict[str, Callable[[], Table]] = {
    "load": load.measure,
    "pair": pair.measure,
    "scaling": scaling.measure,
    "backup": backup.measure,
    "dashboard": dashboard.measure,
}
