"""Files that are indexed alone stay alone, whatever lies beside them."""

from __future__ import annotations

from pathlib import Path

import pytest

from hybrid_coordinator.storage.vectors.protocol import CollectionSpec
from tests.knowledge.code.test_code_walk import write
from tests.knowledge.code.workbench import COLLECTION, DIMENSION, Workbench, counts


async def test_a_single_file_is_indexed_alone(bench: Workbench, root: Path) -> None:
    report = await bench.indexer.index(root / "README.md", "p")

    assert counts(report) == (1, 0, 0)
    assert await bench.files.roots() == [("p", str(root))]
    assert counts(await bench.indexer.index(root, "p")) == (2, 1, 0)
    await bench.check(root)


async def test_what_lies_beside_a_single_file_is_left_alone(bench: Workbench, root: Path) -> None:
    write(root, "private.py")
    await bench.indexer.index(root / "README.md", "p")
    await bench.indexer.index(root / "src/store.py", "p")
    both = [("p", str(root)), ("p", str(root / "src"))]
    assert await bench.files.roots() == both
    await bench.index.drop(COLLECTION)
    await bench.index.create(CollectionSpec(COLLECTION, DIMENSION))
    await bench.files.mark_all_unfinished()

    for project, each in both:
        assert counts(await bench.indexer.index_again(each, project)) == (1, 0, 0)

    assert list(await bench.files.manifest("p", str(root))) == ["README.md"]
    await bench.check(root, root / "src")

    assert counts(await bench.indexer.index(root, "p")) == (3, 1, 0)

    assert not await bench.files.is_partial("p", str(root))
    assert await bench.files.roots() == [("p", str(root))]
    assert not await bench.files.is_partial("p", str(root / "src"))
    await bench.check(root)
    write(root, "new.py")
    assert counts(await bench.indexer.index_again(str(root), "p")) == (1, 4, 0)


async def test_lost_points_of_single_files_bring_no_others(bench: Workbench, root: Path) -> None:
    write(root, "private.py", "a.py")
    await bench.indexer.index(root / "README.md", "p")
    await bench.index.drop(COLLECTION)
    await bench.index.create(CollectionSpec(COLLECTION, DIMENSION))

    report = await bench.indexer.index(root / "a.py", "p")

    assert counts(report) == (2, 0, 0)
    assert sorted(await bench.files.manifest("p", str(root))) == ["README.md", "a.py"]
    await bench.check(root)


async def test_many_changes_beside_single_files_do_not_bring_the_rest(
    bench: Workbench, root: Path
) -> None:
    write(root, "private.py")
    await bench.indexer.index(root / "README.md", "p")

    names = [f"gone{number}.py" for number in range(100)]
    await bench.indexer.refresh(root, "p", ["README.md", *names])

    assert list(await bench.files.manifest("p", str(root))) == ["README.md"]


async def test_a_directory_beside_a_single_file_is_a_tree_of_its_own(
    bench: Workbench, root: Path
) -> None:
    await bench.indexer.index(root / "README.md", "p")
    await bench.indexer.index(root / "src", "p")
    write(root, "src/new.py")

    assert await bench.files.roots() == [("p", str(root)), ("p", str(root / "src"))]
    assert counts(await bench.indexer.index_again(str(root / "src"), "p")) == (1, 2, 0)
    (root / "README.md").unlink()
    assert counts(await bench.indexer.index_again(str(root), "p")) == (0, 0, 1)
    assert not await bench.files.is_partial("p", str(root))
    await bench.check(root / "src")


@pytest.mark.parametrize("home", [".", "below"])
async def test_a_home_directory_is_not_indexed_whole_by_itself(
    bench: Workbench, root: Path, home: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(root / home))
    await bench.indexer.index(root / "README.md", "p")
    # As recorded by versions that did not tell single files from whole directories.
    await bench.files.mark_whole("p", str(root))

    assert counts(await bench.indexer.index_again(str(root), "p")) == (0, 1, 0)

    assert list(await bench.files.manifest("p", str(root))) == ["README.md"]
