"""Whether two patterns are one: the same kind of problem, solved in the same way."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from hybrid_coordinator.domain.task_words import content_words
from hybrid_coordinator.routing.caching import Embed
from hybrid_coordinator.routing.likeness import opposed

SAME_PROBLEM = 0.25
"""Least cosine of the problems. People name a problem in few words, and never in the same ones, so
it only keeps apart what has nothing to do with each other."""
SAME_APPROACH = 0.5
"""Least cosine of the approaches, which decide."""
SAME_WORDS = 0.35
"""Least share of all content words of two approaches that both have (Jaccard's index). A cosine
alone cannot tell a rewording from another way out of the same trouble: the cosines of rewordings
begin at 0.54, those of other ways out go up to 0.56, and hardly any of the latter share so many
words."""


@dataclass(frozen=True, slots=True)
class Gist:
    """What tells a pattern from others."""

    problem: str
    approach: str


async def same_as(gist: Gist, others: Sequence[Gist], embed: Embed) -> int | None:
    """The position of the one that says the same, the nearest where there are several; None where
    there is none."""
    candidates = [
        at
        for at, other in enumerate(others)
        if _shared(gist.approach, other.approach) >= SAME_WORDS
        and not opposed(gist.approach, other.approach)
    ]
    if not candidates:
        return None
    kept = [gist, *(others[at] for at in candidates)]
    problems = np.asarray(await embed([each.problem for each in kept]))
    approaches = np.asarray(await embed([each.approach for each in kept]))
    near_problems = problems[1:] @ problems[0]
    near_approaches = approaches[1:] @ approaches[0]
    same = (near_problems >= SAME_PROBLEM) & (near_approaches >= SAME_APPROACH)
    if not same.any():
        return None
    return candidates[int(np.argmax(np.where(same, near_problems + near_approaches, -np.inf)))]


def _shared(one: str, other: str) -> float:
    first, second = content_words(one), content_words(other)
    every = first | second
    return len(first & second) / len(every) if every else 0.0
