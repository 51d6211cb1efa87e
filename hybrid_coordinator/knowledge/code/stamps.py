"""Stamps that later say whether a file's content is still the same."""

from __future__ import annotations

import os
from time import time_ns

from hybrid_coordinator.stamps import stamp_of

_SECOND = 1_000_000_000
_FINE, _COARSE = _SECOND // 20, 2 * _SECOND
"""How far apart two changes are at least that have different times: Linux counts in ticks of up
to 10 ms, FAT in steps of two seconds."""


def lasting_stamp(status: os.stat_result) -> str:
    """The stamp of a file that is read from now on, or '' if it has changed so recently that
    the next change could leave the stamp as it is (git calls such a file racily clean)."""
    fine = status.st_ctime_ns % _SECOND != 0
    settled = time_ns() - status.st_ctime_ns > (_FINE if fine else _COARSE)
    return stamp_of(status) if settled else ""
