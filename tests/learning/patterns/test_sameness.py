"""Which patterns are one: the same problem and the same approach, in whatever words."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from hybrid_coordinator.knowledge.embedding.static import StaticEmbedder
from hybrid_coordinator.learning.patterns.sameness import Gist, same_as

TIMEOUTS = Gist(
    "HTTP client times out under load",
    "Set a read timeout, and retry idempotent requests with exponential backoff and jitter",
)
COLUMN = Gist(
    "Database migration adds a NOT NULL column to a big table",
    "Add the column as nullable, backfill it in batches, then set NOT NULL",
)
CLOCK = Gist(
    "Flaky test that depends on wall-clock time",
    "Inject a clock and let the test advance it instead of sleeping",
)
KNOWN = (CLOCK, COLUMN, TIMEOUTS)


@pytest.mark.parametrize(
    ("problem", "approach", "same"),
    [
        (
            "API calls fail with timeouts when it is busy",
            "Retry idempotent calls with exponential backoff, jitter and a read timeout",
            TIMEOUTS,
        ),
        (
            "Adding a required column to a large table locks it",
            "Create the column nullable, fill it in batches and set NOT NULL afterwards",
            COLUMN,
        ),
        (
            "A test fails now and then because it sleeps",
            "Replace sleeping by an injected clock that the test can advance",
            CLOCK,
        ),
    ],
)
async def test_a_rewording_is_the_same(problem: str, approach: str, same: Gist) -> None:
    found = await same_as(Gist(problem, approach), KNOWN, StaticEmbedder().embed)
    assert found is not None
    assert KNOWN[found] is same


@pytest.mark.parametrize(
    "other",
    [
        Gist(TIMEOUTS.problem, "Raise the size of the connection pool so that nothing queues"),
        Gist(CLOCK.problem, "Run the test three times and pass when one run does"),
        Gist(CLOCK.problem, "Sleep longer in the test"),
        Gist(TIMEOUTS.problem, "Lower the retries and the timeout of requests: callers fail fast"),
        Gist("Slow SQL query on a large table", "Add a composite index that fits filter and sort"),
        Gist("Images on the landing page load slowly", COLUMN.approach),
        Gist(
            COLUMN.problem,
            "Drop the column as nullable, remove it in batches, then delete NOT NULL",
        ),
        Gist("", ""),
        Gist("分页丢失最后一行", "用向上取整计算页数"),
    ],
)
async def test_another_way_out_or_another_problem_is_another(other: Gist) -> None:
    assert await same_as(other, KNOWN, StaticEmbedder().embed) is None


async def test_shared_words_that_mean_something_else_are_not_enough() -> None:
    async def embed(texts: Sequence[str]) -> list[list[float]]:
        """Each approach at right angles to the others, and all problems alike."""
        if TIMEOUTS.problem in texts:
            return [[1.0, 0.0] for _ in texts]
        return [[float(at == 0), float(at > 0)] for at, _ in enumerate(texts)]

    assert await same_as(TIMEOUTS, (TIMEOUTS,), embed) is None


async def test_of_several_the_nearest_is_taken_and_among_none_none() -> None:
    near = Gist(TIMEOUTS.problem, TIMEOUTS.approach.replace("and jitter", "and some jitter"))
    found = await same_as(TIMEOUTS, (near, TIMEOUTS), StaticEmbedder().embed)
    assert found == 1
    assert await same_as(TIMEOUTS, (), StaticEmbedder().embed) is None
