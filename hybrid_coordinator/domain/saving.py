"""What routing saves: months and years projected from a day's usage. Pure arithmetic."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Sequence
from dataclasses import dataclass

_LIKELY = 1.645
"""Standard deviations about a mean that hold nine of ten draws of a normal variable."""


@dataclass(frozen=True, slots=True)
class Mix:
    """A day's usage: how many requests, and the mean tokens of one. ``local_share`` of them, in
    0-1, are answered by a local model, which costs nothing."""

    requests: float
    tokens_in: float
    tokens_out: float
    local_share: float


@dataclass(frozen=True, slots=True)
class Range:
    """USD. ``low`` and ``high`` bound what nine of ten such spans of time come to, as far as the
    recorded days tell; None where they do not."""

    usd: float
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, slots=True)
class Projection:
    """A span of time, with every request at the remote model, and with routing.

    ``saved_share`` is in 0-1, None where there is nothing to save.
    """

    days: int
    all_remote: Range
    with_routing: Range
    saved: Range
    saved_share: float | None


@dataclass(frozen=True, slots=True)
class DayCost:
    """A day in USD: all of it at the remote model, and what of it stayed remote."""

    all_remote: float
    with_routing: float


@dataclass(frozen=True, slots=True)
class AssumedUsage:
    """Usage as a user assumes it; None where the record is to say it."""

    requests_per_day: float | None = None
    tokens_in: float | None = None
    tokens_out: float | None = None
    local_share: float | None = None
    model: str | None = None


@dataclass(frozen=True, slots=True)
class Simulation:
    """Projected cost. ``recorded_days`` says how many days of the record were used."""

    mix: Mix
    model: str
    request_usd: float
    prices_as_of: dt.date
    recorded_days: int
    spans: tuple[Projection, ...]


def day_cost(mix: Mix, request_usd: float) -> DayCost:
    """What a day of that mix costs where a request at the remote model costs ``request_usd``."""
    all_remote = mix.requests * request_usd
    return DayCost(all_remote, all_remote * (1 - mix.local_share))


def project(typical: DayCost, days: int, recorded: Sequence[DayCost] = ()) -> Projection:
    """``days`` days like ``typical``, with the spread of the ``recorded`` ones."""

    def sum_of(usd: float, each: Sequence[float]) -> Range:
        half = _half_width(each, days)
        if half is None:
            return Range(usd * days)
        return Range(usd * days, max(0.0, usd * days - half), usd * days + half)

    saved = typical.all_remote - typical.with_routing
    return Projection(
        days=days,
        all_remote=sum_of(typical.all_remote, [one.all_remote for one in recorded]),
        with_routing=sum_of(typical.with_routing, [one.with_routing for one in recorded]),
        saved=sum_of(saved, [one.all_remote - one.with_routing for one in recorded]),
        saved_share=saved / typical.all_remote if typical.all_remote > 0 else None,
    )


def _half_width(recorded: Sequence[float], days: int) -> float | None:
    """Half of the interval that the sum of so many days like the recorded ones will be in: days
    differ from their mean, and the mean of a few days is off itself."""
    count = len(recorded)
    if count < 2:
        return None
    mean = math.fsum(recorded) / count
    variance = math.fsum((value - mean) ** 2 for value in recorded) / (count - 1)
    return _LIKELY * math.sqrt(variance * days * (1 + days / count))
