"""Ages on the command line."""

from __future__ import annotations

from datetime import timedelta

import pytest

from hybrid_coordinator.serving.cli.ages import age


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("0d", timedelta(0)),
        ("12h", timedelta(hours=12)),
        ("30d", timedelta(days=30)),
        ("4w", timedelta(weeks=4)),
        ("100y", timedelta(days=36_500)),
        ("36501d", None),
        ("999999y", None),
        ("1d ", None),
        ("-1d", None),
        ("1m", None),
        ("d", None),
        ("", None),
    ],
)
def test_ages(text: str, written: timedelta | None) -> None:
    assert age(text) == written
