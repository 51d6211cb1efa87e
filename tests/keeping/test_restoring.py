"""Restoring where something is in the way: nothing half is left, and no index is shared."""

from __future__ import annotations

import sqlite3
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

from hybrid_coordinator.errors import InvalidArgumentError, OwnershipError, StorageError
from hybrid_coordinator.home import Home
from hybrid_coordinator.keeping import archive
from hybrid_coordinator.keeping.backup import backup
from hybrid_coordinator.keeping.engines import embedded
from hybrid_coordinator.keeping.restoring import rehearse, restore
from hybrid_coordinator.settings import load_settings
from hybrid_coordinator.storage.postgres.database import Database
from hybrid_coordinator.storage.postgres.generations import Generations
from hybrid_coordinator.storage.postgres.watched import WatchedDirectories
from tests.support.qdrant_server import QdrantServer


async def silent(_: float, __: float | None, ___: str) -> None:
    """Progress."""


def untold(_: float, __: float | None, ___: str) -> None:
    """Progress."""


@pytest.fixture
async def kept(database: Database, tmp_path: Path) -> Path:
    """A backup of a record with one interaction."""
    await database.execute(
        "INSERT INTO interactions (id, project, query, response, agent_type, model_used, "
        "tokens_used, latency_ms) VALUES (gen_random_uuid(), 'p', 'q', 'r', 'local', 'm', 1, 1)"
    )
    home = Home(tmp_path / "first")
    home.root.mkdir()
    await backup(database, None, home, tmp_path / "kept.zip", None, silent)
    return tmp_path / "kept.zip"


@pytest.fixture
def second(tmp_path: Path) -> Home:
    home = Home(tmp_path / "second")
    home.root.mkdir()
    return home


def rewritten(file: Path, **changes: object) -> Path:
    """The backup with another manifest, as a program with a fault would have written it."""
    target = file.with_name("rewritten.zip")
    with archive.reading(file) as source, archive.writing(target) as writer:
        manifest = source.manifest
        for table in manifest.contents.tables:
            with writer.rows(table.name) as member:
                member.writelines(source.rows(table.name))
        writer.finish(replace(manifest, **changes))
    return target


async def test_rows_that_are_not_those_of_the_manifest_leave_the_home_as_it_was(
    kept: Path, second: Home
) -> None:
    with archive.reading(kept) as source:
        contents = source.manifest.contents
    tables = tuple(replace(table, digest="1") for table in contents.tables)
    wrong = rewritten(kept, contents=replace(contents, tables=tables))
    with pytest.raises(StorageError, match="came out with"):
        await restore(second, wrong, untold)
    assert list(second.root.iterdir()) == []
    with pytest.raises(StorageError, match="came out with"):
        await rehearse(wrong, untold)


async def test_a_backup_of_a_later_program_is_refused(kept: Path, second: Home) -> None:
    with archive.reading(kept) as source:
        contents = source.manifest.contents
    later = replace(contents, migrations=(*contents.migrations, ("9999_later", "0")))
    file = rewritten(kept, contents=later, version="99.0")
    with pytest.raises(StorageError, match=r"made by hybrid-coordinator 99\.0 .*newer than"):
        await restore(second, file, untold)
    assert list(second.root.iterdir()) == []


async def test_a_file_of_another_place_is_refused(kept: Path, second: Home) -> None:
    target = kept.with_name("odd.zip")
    with archive.reading(kept) as source, archive.writing(target) as writer:
        for table in source.manifest.contents.tables:
            with writer.rows(table.name) as member:
                member.writelines(source.rows(table.name))
        writer.add("../../etc/cron.d/x", "* * * * *")
        writer.finish(replace(source.manifest, files={"../../etc/cron.d/x": ()}))
    with pytest.raises(InvalidArgumentError, match="no file of a home"):
        await restore(second, target, untold)
    assert list(second.root.iterdir()) == []


@pytest.mark.parametrize("kind", ["text", "zip", "database", "empty"])
async def test_what_is_no_backup_is_refused(second: Home, tmp_path: Path, kind: str) -> None:
    file = tmp_path / "odd.zip"
    if kind == "text":
        file.write_text("hello " * 100)
    elif kind == "zip":
        with zipfile.ZipFile(file, "w") as other:
            other.writestr("a", "b")
    elif kind == "database":
        connection = sqlite3.connect(file)
        connection.execute("CREATE TABLE a (b)")
        connection.close()
    else:
        file.touch()
    with pytest.raises(InvalidArgumentError, match=r"odd\.zip is no whole backup"):
        await restore(second, file, untold)


async def test_what_was_watched_is_offered_to_a_home_that_has_the_path(
    database: Database, second: Home, tmp_path: Path
) -> None:
    await WatchedDirectories(database, "first").add("p", "/x")
    await backup(database, None, second, tmp_path / "watching.zip", None, silent)
    await restore(second, tmp_path / "watching.zip", untold, force=False)
    async with embedded(second.postgres_dir) as restored:
        watched = WatchedDirectories(restored, "second")
        assert (await watched.of_nobody(), await watched.all()) == ([("p", "/x")], [])


async def test_links_to_shared_files_are_not_in_the_way_and_what_they_lead_to_is_left_alone(
    kept: Path, second: Home, tmp_path: Path
) -> None:
    shared = tmp_path / "shared.yaml"
    shared.write_text("learning: {high_value_threshold: 0.5}\n")
    second.settings_file.symlink_to(shared)
    second.rules_file.symlink_to(tmp_path / "nowhere.yaml")
    restored = await restore(second, kept, untold)
    assert restored.rows > 0
    assert shared.read_text() == "learning: {high_value_threshold: 0.5}\n"
    (aside,) = restored.aside
    assert (Path(aside) / "hybrid.yaml").readlink() == shared


async def test_a_record_that_was_moved_to_another_disk_is_in_the_way(
    kept: Path, second: Home, tmp_path: Path
) -> None:
    elsewhere = tmp_path / "large disk"
    elsewhere.mkdir()
    second.postgres_dir.symlink_to(elsewhere)
    with pytest.raises(InvalidArgumentError, match=r"--force.*postgres"):
        await restore(second, kept, untold)
    assert second.postgres_dir.readlink() == elsewhere


async def test_a_qdrant_server_gets_an_index_beside_those_it_has(kept: Path, second: Home) -> None:
    async with QdrantServer() as server:
        client = server.engine
        await client.create_collection("interaction-history--g3", {})
        second.settings_file.write_text(f"storage: {{qdrant_url: '{server.url}'}}\n")
        await restore(second, kept, untold, force=True)
        assert await client.collection_exists("interaction-history--g3")
    assert load_settings(second.settings_file, {}).storage.qdrant_url == server.url
    async with embedded(second.postgres_dir) as database:
        (serving,) = await Generations(database).all()
    assert (serving.number, serving.engine) == (4, None)


async def test_a_database_that_others_use_is_left_alone(
    kept: Path, second: Home, database: Database, dsn: str
) -> None:
    second.settings_file.write_text(f"storage: {{database_url: '{dsn}'}}\n")
    with pytest.raises(InvalidArgumentError, match="--force: is needed"):
        await restore(second, kept, untold)
    with pytest.raises(OwnershipError, match="other coordinators use that database"):
        await restore(second, kept, untold, force=True)
    assert await database.fetch_value("SELECT count(*) FROM interactions") == 1
    assert [file.name for file in second.root.iterdir()] == ["hybrid.yaml"]
