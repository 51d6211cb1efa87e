"""Which directories are watched, on a real Postgres."""

from __future__ import annotations

from hybrid_coordinator.storage.postgres.database import Database
from hybrid_coordinator.storage.postgres.watched import WatchedDirectories


async def test_they_are_kept_until_removed(database: Database) -> None:
    watched = WatchedDirectories(database)
    for project, directory in (("b", "/x"), ("a", "/x"), ("a", "/y"), ("b", "/x")):
        await watched.add(project, directory)
    await watched.remove("a", "/x")
    await watched.remove("a", "/never")
    assert await watched.all() == [("b", "/x"), ("a", "/y")]
