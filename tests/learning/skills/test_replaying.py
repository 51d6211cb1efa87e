"""A version wins where held-out tasks find it better than the old one; with a tie it does not."""

from __future__ import annotations

from hybrid_coordinator.domain.skills import Replay
from hybrid_coordinator.knowledge.embedding.static import StaticEmbedder
from hybrid_coordinator.learning.skills.replaying import replay
from hybrid_coordinator.storage.vectors.bm25 import Bm25Encoder

TASKS = ["rotate the signing keys of the billing service", "rotate the keys of the mail service"]
OTHERS = [
    "Rotate the log files of every service",
    "Keys of the keyboard driver and their codes",
    "Mail service: how templates are signed",
    "Billing runs on the first of the month",
]
GOOD, POOR = "Rotating the keys of a service: make new keys, then restart.", "Ask Tom."


async def versus(old: str, new: str, *failures: str) -> Replay:
    return await replay(
        old,
        new,
        others=OTHERS,
        successes=TASKS,
        failures=failures,
        embedder=StaticEmbedder(),
        bm25=Bm25Encoder(),
    )


async def test_the_text_that_its_tasks_find_first_wins() -> None:
    assert await versus(POOR, GOOD) == Replay(new=1.0, old=0.2, successes=2, failures=0)
    assert not (await versus(GOOD, POOR)).won


async def test_with_a_tie_the_old_one_stays() -> None:
    result = await versus(GOOD, f"{GOOD} Rotating keys.")
    assert result.new == result.old
    assert not result.won
    assert not (await versus(GOOD, GOOD)).won


async def test_to_be_found_by_tasks_that_failed_counts_against_a_version() -> None:
    broad = f"{GOOD} Also rotates log files of every service."
    result = await versus(GOOD, broad, "rotate the log files of every service")
    assert result.new < result.old


async def test_nothing_beside_it_is_a_tie() -> None:
    alone = await replay(
        *(POOR, GOOD),
        others=[],
        successes=TASKS,
        failures=[],
        embedder=StaticEmbedder(),
        bm25=Bm25Encoder(),
    )
    assert (alone.new, alone.old, alone.won) == (1.0, 1.0, False)
