"""Which words may mean the same."""

from __future__ import annotations

import pytest

from hybrid_coordinator.knowledge.ranking.words import share


@pytest.mark.parametrize(
    ("of", "among", "expected"),
    [
        (["auth"], ["authen"], 1.0),
        (["authen"], ["auth"], 1.0),
        (["cook", "store"], ["cook"], 0.5),
        (["io"], ["ioloop"], 0.0),
        (["io"], ["io"], 1.0),
        (["cat"], ["dog"], 0.0),
        ([], ["dog"], 0.0),
        (["cat"], [], 0.0),
    ],
)
def test_share(of: list[str], among: list[str], expected: float) -> None:
    assert share(of, among) == expected
