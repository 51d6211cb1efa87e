"""Homes that share a record, each with an index of its own: said, at start and when asked."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.coordinators import engines_on


async def test_a_second_home_with_an_index_of_its_own_is_told(
    dsn: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with engines_on(dsn, tmp_path / "first") as first:
        alone = {part.name: part for part in await first.health()}
        assert "sharing" not in alone  # one home may have its record on a server
        assert "index is embedded" not in caplog.text
        async with engines_on(dsn, tmp_path / "second") as second:
            await second.get()
            assert "use this record, but the index is embedded in this home" in caplog.text
            for engines in (first, second):
                (part,) = [one for one in await engines.health() if one.name == "sharing"]
                assert not part.ok
                assert "other coordinators use this record" in part.detail
                assert "QDRANT_URL" in part.remedy
