"""The manifest of indexed files, on a real Postgres."""

from __future__ import annotations

import uuid

import pytest

from hybrid_coordinator.errors import InvalidArgumentError
from hybrid_coordinator.storage.postgres.database import Database
from hybrid_coordinator.storage.postgres.source_files import SourceFile, SourceFiles

A, B, C = (str(uuid.uuid5(uuid.NAMESPACE_OID, name)) for name in "abc")


@pytest.fixture
def files(database: Database) -> SourceFiles:
    return SourceFiles(database)


async def test_a_manifest_holds_what_was_put_last(files: SourceFiles) -> None:
    await files.put("shop", "/r", [SourceFile("a.py", "1", (A, B)), SourceFile("ü b.py", "2", ())])
    await files.put("shop", "/r", [SourceFile("a.py", "3", (C,))])
    await files.put("shop", "/other", [SourceFile("a.py", "4", ())])
    await files.put("till", "/r", [])
    assert await files.manifest("shop", "/r") == {
        "a.py": SourceFile("a.py", "3", (C,)),
        "ü b.py": SourceFile("ü b.py", "2", ()),
    }
    assert await files.manifest("till", "/r") == {}
    assert await files.roots() == [("shop", "/other"), ("shop", "/r")]


async def test_all_of_a_put_or_nothing(files: SourceFiles) -> None:
    good = [SourceFile(f"{number}.py", "1", (A,)) for number in range(100)]
    with pytest.raises(InvalidArgumentError):
        await files.put("shop", "/r", [*good, SourceFile("bad\0.py", "1", ())])
    with pytest.raises(InvalidArgumentError, match="chunk_ids"):
        await files.put("shop", "/r", [*good, SourceFile("bad.py", "1", ("x",))])
    assert await files.manifest("shop", "/r") == {}


async def test_removed_files_are_forgotten(files: SourceFiles) -> None:
    await files.put("shop", "/r", [SourceFile("a.py", "1", ()), SourceFile("b.py", "1", ())])
    await files.remove("shop", "/r", ["a.py", "never.py"])
    await files.remove("shop", "/other", ["b.py"])
    assert list(await files.manifest("shop", "/r")) == ["b.py"]


async def test_what_is_marked_unfinished_is_indexed_again(files: SourceFiles) -> None:
    await files.put("shop", "/r", [SourceFile("a.py", "1", (A,)), SourceFile("b.py", "1", (B,))])
    assert await files.unfinished_roots() == []
    await files.mark_all_unfinished()
    assert await files.unfinished_roots() == [("shop", "/r")]
    manifest = await files.manifest("shop", "/r")
    assert {file.content_hash for file in manifest.values()}.isdisjoint({"1"})
    await files.put("shop", "/r", [SourceFile("a.py", "1", (A,)), SourceFile("b.py", "1", (B,))])
    assert await files.unfinished_roots() == []


async def test_a_summary_counts_by_root(files: SourceFiles) -> None:
    assert await files.summary() == []
    await files.put("shop", "/r", [SourceFile("a.py", "1", (A, B)), SourceFile("b.py", "1", (C,))])
    await files.put("till", "/t", [SourceFile("a.py", "1", ())])
    shop, till = await files.summary()
    assert (shop.project, shop.root, shop.files, shop.chunks) == ("shop", "/r", 2, 3)
    assert (till.project, till.root, till.files, till.chunks) == ("till", "/t", 1, 0)
    assert shop.indexed_at <= till.indexed_at


async def test_stamps_are_kept_until_the_content_changes(files: SourceFiles) -> None:
    await files.put(
        "shop", "/r", [SourceFile("a.py", "1", (A,), "s1"), SourceFile("b.py", "1", ())]
    )
    await files.stamp("shop", "/r", {"b.py": "s2", "never.py": "s3"})
    await files.stamp("shop", "/other", {"a.py": "s4"})
    manifest = await files.manifest("shop", "/r")
    assert {path: file.stamp for path, file in manifest.items()} == {"a.py": "s1", "b.py": "s2"}
    await files.put("shop", "/r", [SourceFile("a.py", "2", (A,))])
    assert (await files.manifest("shop", "/r"))["a.py"].stamp == ""


async def test_a_part_is_files_and_what_is_in_directories(files: SourceFiles) -> None:
    paths = ["a.py", "a/b.py", "a/c/d.py", "ab/e.py", "a%/f.py", "a_/g.py"]
    await files.put("shop", "/r", [SourceFile(path, "1", (A, B)) for path in paths])
    assert sorted(await files.part("shop", "/r", ["a"])) == ["a/b.py", "a/c/d.py"]
    assert sorted(await files.part("shop", "/r", ["a.py", "a_", "a/c"])) == [
        "a.py",
        "a/c/d.py",
        "a_/g.py",
    ]
    assert await files.part("shop", "/other", ["a"]) == {}


async def test_a_root_of_which_parts_were_asked_for_is_marked(files: SourceFiles) -> None:
    await files.put("shop", "/r", [SourceFile("a.py", "1", (A,))])
    await files.mark_partial("shop", "/r")
    await files.mark_partial("shop", "/empty")

    await files.mark_all_unfinished()

    assert await files.is_partial("shop", "/r")
    assert not await files.is_partial("till", "/r")
    assert list(await files.manifest("shop", "/r")) == ["a.py"]
    assert await files.part("shop", "/r", ["."]) == {}
    assert await files.roots() == await files.unfinished_roots() == [("shop", "/r")]
    assert [(each.root, each.files) for each in await files.summary()] == [("/r", 1)]
    await files.mark_whole("shop", "/r")
    assert not await files.is_partial("shop", "/r")
    assert list(await files.manifest("shop", "/r")) == ["a.py"]


async def test_points_in_place_are_counted(files: SourceFiles) -> None:
    assert await files.chunks("shop", "/r") == 0
    await files.put("shop", "/r", [SourceFile("a.py", "1", (A, B)), SourceFile("b.py", "", (C,))])
    assert await files.chunks("shop", "/r") == 2
