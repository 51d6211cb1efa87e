"""Estimate what showing something changed, from calls in which chance held it back.

The difference of two rates within each stratum, combined with the weights of Mantel and Haenszel
(1959); its interval by MOVER (Zou, Huang and Zhang, "A note on confidence interval estimation for a
linear function of binomial proportions", 2009) from Wilson's intervals for the rates, which for one
stratum is method 10 of Newcombe ("Interval estimation for the difference between independent
proportions", 1998).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from hybrid_coordinator.domain.credit import Arm, Stratum, Uplift

Z95 = 1.959964
"""Standard deviations of a two-sided interval of 95%."""

ENOUGH = 5
"""Known outcomes on either side below which nothing is said, whatever the interval."""


def wilson(success: float, weight: float, z: float = Z95) -> tuple[float, float]:
    """Wilson's score interval for a rate, from how much success there was in how much."""
    if weight <= 0:
        return 0.0, 1.0
    rate = min(1.0, success / weight)
    spread = z * math.sqrt(rate * (1 - rate) / weight + z * z / (4 * weight * weight))
    middle, scale = rate + z * z / (2 * weight), 1 + z * z / weight
    return max(0.0, (middle - spread) / scale), min(1.0, (middle + spread) / scale)


def uplift(strata: Sequence[Stratum]) -> Uplift:
    """The difference that showing made."""
    both = [one for one in strata if one.shown.weight > 0 and one.withheld.weight > 0]
    shown = sum(one.shown.interactions for one in strata)
    withheld = sum(one.withheld.interactions for one in strata)
    if not both:
        words = _unknown(shown, withheld)
        return Uplift(shown, withheld, None, None, None, None, None, False, words)
    sizes = [_harmonic(one.shown.weight, one.withheld.weight) for one in both]
    weights = [size / sum(sizes) for size in sizes]
    with_it, up, down = _combined([one.shown for one in both], weights)
    without, other_up, other_down = _combined([one.withheld for one in both], weights)
    difference = with_it - without
    low = max(-1.0, difference - math.hypot(down, other_up))
    high = min(1.0, difference + math.hypot(up, other_down))
    enough = min(shown, withheld) >= ENOUGH
    identifiable = enough and not low <= 0 <= high
    if not enough:
        words = _unknown(shown, withheld)
    elif identifiable:
        words = f"{difference:+.2f} ({low:+.2f} to {high:+.2f}) by showing it"
    else:
        words = f"not identifiable yet: {difference:+.2f} ({low:+.2f} to {high:+.2f}) spans zero"
    return Uplift(shown, withheld, with_it, without, difference, low, high, identifiable, words)


def _unknown(shown: int, withheld: int) -> str:
    return (
        f"not identifiable yet: {shown} outcomes with it and {withheld} without, "
        f"where {ENOUGH} of each are needed"
    )


def _harmonic(one: float, other: float) -> float:
    return one * other / (one + other)


def _combined(arms: Sequence[Arm], weights: Sequence[float]) -> tuple[float, float, float]:
    """The weighted rate, and how far up and down it may lie."""
    rate = up = down = 0.0
    for arm, weight in zip(arms, weights, strict=True):
        own = min(1.0, arm.success / arm.weight)
        low, high = wilson(arm.success, arm.weight)
        rate += weight * own
        up += (weight * (high - own)) ** 2
        down += (weight * (own - low)) ** 2
    return rate, math.sqrt(up), math.sqrt(down)
