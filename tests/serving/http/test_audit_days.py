"""The audit is kept for `serving.audit_days`, and not for longer, once a coordinator runs."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from hybrid_coordinator.storage.postgres.database import Database
from tests.support.team import SECONDS, Team, team

AGES = [6, 8, 29, 31, 364, 366]
"""Of the entries, in days."""


async def kept(served: Team) -> list[int]:
    return [int(deed.target) for deed in await served.deeds()]


@pytest.mark.parametrize(
    ("serving", "left"),
    [
        ({}, [6, 8, 29, 31, 364]),
        ({"audit_days": 30}, [6, 8, 29]),
        ({"audit_days": 7}, [6]),
    ],
)
async def test_what_is_older_than_the_setting_goes_and_the_rest_stays(
    dsn: str, database: Database, tmp_path: Path, serving: dict[str, int], left: list[int]
) -> None:
    await database.execute(
        "INSERT INTO audit_log (at, action, target, place, allowed) "
        "SELECT now() - make_interval(days => age), 'read', age::text, '', true "
        "FROM unnest($1::int[]) WITH ORDINALITY AS entries (age, place) ORDER BY place",
        AGES,
    )
    async with team(dsn, tmp_path / "home", **serving) as served, asyncio.timeout(SECONDS):
        while AGES[-1] in await kept(served):
            pass  # the question takes its time
        # One statement deletes all that is too old.
        assert await kept(served) == left
