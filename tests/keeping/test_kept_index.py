"""The index in a backup: put in its place where it fits and is sound, and else made anew."""

from __future__ import annotations

import re
import shutil
import uuid
import zipfile
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from hybrid_coordinator.errors import InvalidArgumentError, StorageError
from hybrid_coordinator.home import Home
from hybrid_coordinator.keeping import archive
from hybrid_coordinator.keeping.backup import Made, backup
from hybrid_coordinator.keeping.engines import embedded
from hybrid_coordinator.keeping.kept_index import put_index
from hybrid_coordinator.keeping.restoring import rehearse, restore
from hybrid_coordinator.storage.postgres.database import Database
from hybrid_coordinator.storage.postgres.generations import EmbedderRecord, Generations
from hybrid_coordinator.storage.postgres.snapshot import Contents
from hybrid_coordinator.storage.vectors.bm25 import Bm25Encoder
from hybrid_coordinator.storage.vectors.edge import EdgeIndex
from hybrid_coordinator.storage.vectors.protocol import CollectionSpec, IndexPoint
from tests.support.limited import limited_files
from tests.support.qdrant_server import QdrantServer

SPEC = CollectionSpec("interaction-history--g2", 4)
IDS = [str(uuid.UUID(int=number)) for number in range(1, 6)]
STATIC = {"provider": "static", "model": None, "base_url": None}


async def silent(_: float, __: float | None, ___: str) -> None:
    """Progress."""


def untold(_: float, __: float | None, ___: str) -> None:
    """Progress."""


@pytest.fixture
async def index(database: Database, tmp_path: Path) -> AsyncIterator[EdgeIndex]:
    """A record whose second generation serves from the embedded engine, and that engine."""
    generations = Generations(database)
    await database.execute(
        "UPDATE index_generations SET number = 2, engine = 'embedded', embedding = $1, "
        "model = 'm', dimension = 4, revision = '1'",
        STATIC,
    )
    assert (await generations.serving()).number == 2
    await database.execute(
        "INSERT INTO index_generations (number, state, engine) VALUES (1, 'retired', 'embedded'), "
        "(3, 'building', 'http://elsewhere:6333')"
    )
    opened = await EdgeIndex.open(tmp_path / "index")
    for name in (SPEC.name, "interaction-history", "interaction-history--g3"):
        await opened.create(replace(SPEC, name=name))
    bm25 = Bm25Encoder()
    points = [IndexPoint(each, [1.0] * 4, bm25.document("word"), {}) for each in IDS]
    await opened.upsert(SPEC.name, points)
    yield opened
    await opened.close()


@pytest.fixture
def second(tmp_path: Path) -> Home:
    home = Home(tmp_path / "second")
    home.root.mkdir()
    return home


async def kept(database: Database, index: EdgeIndex | None, file: Path) -> Made:
    home = Home(file.with_name("first"))
    home.root.mkdir(exist_ok=True)
    return await backup(database, index, home, file, None, silent)


def rewritten(file: Path, index: archive.KeptIndex | None, folder: Path | None) -> Path:
    """The backup with another index, as a program with a fault would have written it."""
    target = file.with_name("rewritten.zip")
    with archive.reading(file) as source, archive.writing(target) as writer:
        for table in source.manifest.contents.tables:
            with writer.rows(table.name) as member:
                member.writelines(source.rows(table.name))
        if folder is not None:
            writer.add_index(folder)
        writer.finish(replace(source.manifest, index=index))
    return target


def unpacked(file: Path) -> tuple[archive.KeptIndex, Path]:
    folder = file.with_name("unpacked")
    with archive.reading(file) as source:
        source.index_into(folder)
        assert source.manifest.index is not None
        return source.manifest.index, folder


async def served(home: Home) -> list[int]:
    async with embedded(home.postgres_dir) as database:
        return [one.number for one in await Generations(database).all()]


async def test_the_serving_generation_comes_along_and_no_other(
    database: Database, index: EdgeIndex, tmp_path: Path, second: Home
) -> None:
    made = await kept(database, index, tmp_path / "kept.zip")
    assert (made.points, made.no_index) == (5, None)
    assert not list((tmp_path / "index").glob("*.copy"))
    checked = await rehearse(tmp_path / "kept.zip", untold)
    assert (checked.points, checked.index_anew) == (5, None)
    (second.vectors_dir / "interaction-history--g8").mkdir(parents=True)  # of a former record
    back = await restore(second, tmp_path / "kept.zip", untold, force=True)
    assert (back.points, back.index_anew) == (5, None)
    # Under a number of its own: no former files pass for it.
    async with embedded(second.postgres_dir) as restored:
        (serving,) = await Generations(restored).all()
    assert serving.number == 9
    assert (serving.engine, serving.embedding) == ("embedded", STATIC)
    assert serving.embedder == EmbedderRecord("m", 4, "1")
    found = await EdgeIndex.open(second.vectors_dir)
    assert await found.collections() == ["interaction-history--g9"]
    page, _ = await found.scroll("interaction-history--g9", where={}, limit=100)
    assert [point.id for point in page] == IDS
    await found.close()


async def test_a_backup_without_an_index_is_as_it_ever_was(
    database: Database, tmp_path: Path, second: Home
) -> None:
    made = await kept(database, None, tmp_path / "kept.zip")
    assert (made.points, made.no_index) == (
        0,
        "it is in a Qdrant server, which has snapshots of its own",
    )
    back = await restore(second, tmp_path / "kept.zip", untold)
    assert (back.points, back.index_anew) == (0, "the backup has none")
    assert await served(second) == [2]  # it has nothing
    assert not second.vectors_dir.exists()


async def test_an_index_that_cannot_be_copied_does_not_keep_the_record_from_it(
    database: Database, index: EdgeIndex, tmp_path: Path
) -> None:
    await index.close()
    full = await EdgeIndex.open(tmp_path / "index", reserve_bytes=1 << 60)
    made = await kept(database, full, tmp_path / "kept.zip")
    await full.close()
    assert made.points == 0
    assert made.no_index is not None
    assert "No space left" in made.no_index
    checked = await rehearse(tmp_path / "kept.zip", untold)
    assert checked.index_anew == "the backup has none"


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"engine": "qdrant-edge 0.1"}, "is of qdrant-edge 0.1, and this program has qdrant-edge"),
        ({"embedding": {"provider": "openai", "model": "m2"}}, "the settings name .*static"),
        ({"points": {SPEC.name: 6}}, "has .*: 5} points, and not the .*: 6} it had"),
        ({"points": {SPEC.name: 5, "other": 1}}, "and not the .*'other': 1} it had"),
    ],
)
async def test_an_index_that_does_not_fit_is_not_put_there(
    database: Database, index: EdgeIndex, tmp_path: Path, change: dict[str, object], why: str
) -> None:
    await kept(database, index, tmp_path / "kept.zip")
    as_was, folder = unpacked(tmp_path / "kept.zip")
    other = rewritten(tmp_path / "kept.zip", replace(as_was, **change), folder)
    with archive.reading(other) as source:
        said = await put_index(source, tmp_path / "none.yaml", tmp_path / "put")
    assert said is not None
    assert re.search(why, said), said
    assert not (tmp_path / "put").exists()


@pytest.mark.parametrize("harm", ["torn", "gone", "garbage"])
async def test_a_damaged_index_is_not_put_there(
    database: Database, index: EdgeIndex, tmp_path: Path, harm: str
) -> None:
    await kept(database, index, tmp_path / "kept.zip")
    as_was, folder = unpacked(tmp_path / "kept.zip")
    (segment,) = (folder / SPEC.name / "segments").iterdir()
    if harm == "torn":
        (segment / "segment.json").write_bytes(b"{")
    elif harm == "gone":
        shutil.rmtree(folder / SPEC.name)
    else:
        (folder / SPEC.name / "edge_config.json").write_bytes(b"\xff" * 100)
    with archive.reading(rewritten(tmp_path / "kept.zip", as_was, folder)) as source:
        said = await put_index(source, tmp_path / "none.yaml", tmp_path / "put")
    assert said is not None
    assert said.startswith("that of the backup ")
    assert not (tmp_path / "put").exists()


async def test_where_the_index_is_damaged_the_record_is_restored_and_it_is_made_anew(
    database: Database, index: EdgeIndex, tmp_path: Path, second: Home
) -> None:
    await kept(database, index, tmp_path / "kept.zip")
    as_was, folder = unpacked(tmp_path / "kept.zip")
    (folder / SPEC.name / "edge_config.json").write_bytes(b"")
    damaged = rewritten(tmp_path / "kept.zip", as_was, folder)
    checked = await rehearse(damaged, untold)
    back = await restore(second, damaged, untold)
    for each in (checked, back):
        assert each.points == 0
        assert each.index_anew is not None
        assert "cannot be opened" in each.index_anew
    assert await served(second) == [4]
    assert {each.name for each in second.root.iterdir()} == {"postgres"}


async def test_a_home_with_a_server_has_its_index_made_there(
    database: Database, index: EdgeIndex, tmp_path: Path, second: Home
) -> None:
    await kept(database, index, tmp_path / "kept.zip")
    async with QdrantServer() as server:
        second.settings_file.write_text(f"storage: {{qdrant_url: '{server.url}'}}\n")
        back = await restore(second, tmp_path / "kept.zip", untold, force=True)
    assert back.index_anew == "this home has its index in a Qdrant server"
    assert not second.vectors_dir.exists()


def test_a_file_outside_of_the_index_is_refused(tmp_path: Path) -> None:
    contents = Contents((), (), {})
    manifest = archive.Manifest(archive.FORMAT, "1", datetime.now(UTC), contents, {})
    for name in ("index/../../evil", "index//evil"):
        with zipfile.ZipFile(tmp_path / "odd.zip", "w") as odd:
            odd.writestr(name, "x")
            with pytest.raises(InvalidArgumentError, match="no file of an index"):
                archive.Reader(odd, manifest).index_into(tmp_path / "put")
        (tmp_path / "put").rmdir()  # nothing is in it
    assert not (tmp_path / "evil").exists()


async def test_a_disk_that_runs_full_under_the_index_leaves_the_home_as_it_was(
    database: Database, index: EdgeIndex, tmp_path: Path, second: Home
) -> None:
    await kept(database, index, tmp_path / "kept.zip")
    with limited_files(4096), pytest.raises(StorageError, match="cannot be written: File too"):
        await restore(second, tmp_path / "kept.zip", untold)
    assert list(second.root.iterdir()) == []
