"""Which directories are watched, on a real Postgres."""

from __future__ import annotations

from hybrid_coordinator.storage.postgres.database import Database
from hybrid_coordinator.storage.postgres.watched import WatchedDirectories


async def test_they_are_kept_until_removed(database: Database) -> None:
    watched = WatchedDirectories(database, "home")
    for project, directory in (("b", "/x"), ("a", "/x"), ("a", "/y"), ("b", "/x")):
        await watched.add(project, directory)
    await watched.remove("a", "/x")
    await watched.remove("a", "/never")
    assert await watched.all() == [("b", "/x"), ("a", "/y")]


async def test_each_home_has_its_own(database: Database) -> None:
    one, other = WatchedDirectories(database, "one"), WatchedDirectories(database, "other")
    await one.add("a", "/x")
    await other.add("a", "/x")
    await other.add("a", "/y")
    await one.remove("a", "/x")
    await one.remove("a", "/y")
    assert await one.all() == []
    assert await other.all() == [("a", "/x"), ("a", "/y")]
    await one.remove_project("a")
    assert await other.all() == []


async def test_one_of_nobody_is_taken_once(database: Database) -> None:
    one, other = WatchedDirectories(database, "one"), WatchedDirectories(database, "other")
    for directory in ("/x", "/y"):
        await database.execute(
            "INSERT INTO watched_directories (project, directory) VALUES ('a', $1)", directory
        )
    assert await one.of_nobody() == await other.of_nobody() == [("a", "/x"), ("a", "/y")]
    await one.take("a", "/x")
    await other.take("a", "/x")
    await other.remove("a", "/y")
    assert (await one.all(), await other.all()) == ([("a", "/x")], [])
    assert await one.of_nobody() == []


async def test_what_is_offered_is_taken_by_another_home_and_kept_by_its_own(
    database: Database,
) -> None:
    one, other = WatchedDirectories(database, "one"), WatchedDirectories(database, "other")
    await one.add("a", "/x")
    await other.add("a", "/y")
    await one.offer()
    assert await one.of_nobody() == [("a", "/x"), ("a", "/y")]
    await one.take("a", "/x")
    await one.take("a", "/y")
    assert (await one.all(), await other.all()) == ([("a", "/x"), ("a", "/y")], [("a", "/y")])
    assert await one.of_nobody() == []
