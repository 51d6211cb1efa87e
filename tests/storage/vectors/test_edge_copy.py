"""Copies of the embedded index: of one moment, sound by themselves, and no larger than it is."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from hybrid_coordinator.errors import NotFoundError, StorageError
from hybrid_coordinator.storage.vectors.bm25 import Bm25Encoder
from hybrid_coordinator.storage.vectors.edge import EdgeIndex
from hybrid_coordinator.storage.vectors.edge_copy import (
    EdgeCopy,
    copy_files,
    filled_size,
    write_sparse,
)
from hybrid_coordinator.storage.vectors.protocol import CollectionSpec, IndexKind, IndexPoint

CODE = CollectionSpec("codebase-context", 8, {"project": IndexKind.KEYWORD})
BM25 = Bm25Encoder()


def point(number: int) -> IndexPoint:
    ident = f"00000000-0000-0000-0000-{number:012}"
    return IndexPoint(ident, [1.0] * 8, BM25.document("alpha"), {"project": "one"})


async def test_a_copy_is_of_the_moment_in_which_nobody_writes(tmp_path: Path) -> None:
    index = await EdgeIndex.open(tmp_path / "index")
    await index.create(CODE)
    await index.upsert(CODE.name, [point(number) for number in range(300)])
    async with index.still():
        late = asyncio.create_task(index.upsert(CODE.name, [point(1000)]))
        gone = asyncio.create_task(index.delete(CODE.name, [point(0).id]))
        copy = await index.copy([CODE.name])
        assert await index.count(CODE.name, {}) == 300  # questions are answered
        assert not late.done()
        assert not gone.done()
    await asyncio.gather(late, gone)
    assert copy.points == {CODE.name: 300}
    copied = await EdgeIndex.open(copy.directory)
    assert copied.damaged == {}
    assert await copied.count(CODE.name, {}) == 300
    assert await copied.get(CODE.name, [point(1000).id]) == []
    assert len(await copied.get(CODE.name, [point(0).id])) == 1
    assert len(await copied.matching(CODE.name, BM25.query("alpha"), where={}, limit=9)) == 9
    await copied.close()
    await index.close()
    again = await EdgeIndex.open(tmp_path / "index")  # takes away what nobody did
    assert not copy.directory.exists()
    assert await again.count(CODE.name, {}) == 300
    await again.close()


async def copying_slowly(index: EdgeIndex, directory: Path) -> tuple[asyncio.Task[EdgeCopy], Path]:
    """A copy under way, which goes on once somebody opens this file."""
    begun, slow = directory / CODE.name / "begun", directory / CODE.name / "below" / "slow"
    slow.parent.mkdir()
    for pipe in (begun, slow):
        os.mkfifo(pipe)  # who opens it to read waits for who opens it to write
    copying = asyncio.create_task(index.copy([CODE.name]))
    await asyncio.to_thread(opened, begun)
    return copying, slow


def opened(pipe: Path) -> None:
    os.close(os.open(pipe, os.O_WRONLY))


async def test_a_copy_that_is_cancelled_is_given_up_before_it_is_taken_away(
    tmp_path: Path,
) -> None:
    index = await EdgeIndex.open(tmp_path / "index")
    await index.create(CODE)
    copying, slow = await copying_slowly(index, tmp_path / "index")
    copying.cancel()
    done, _ = await asyncio.wait([copying], timeout=0.1)
    assert not done
    await asyncio.to_thread(opened, slow)
    await asyncio.wait([copying])
    assert copying.cancelled()
    assert not list((tmp_path / "index").glob("*.copy"))
    await index.close()


async def test_a_writer_that_is_cancelled_has_begun_until_its_thread_ends(tmp_path: Path) -> None:
    index = await EdgeIndex.open(tmp_path / "index")
    await index.create(CODE)
    copying, slow = await copying_slowly(index, tmp_path / "index")
    writing = asyncio.create_task(index.upsert(CODE.name, [point(1)]))  # waits for the copy
    await asyncio.sleep(0)
    writing.cancel()

    async def counted() -> int:
        async with index.still():
            return await index.count(CODE.name, {})

    counting = asyncio.create_task(counted())
    done, _ = await asyncio.wait([counting], timeout=0.1)
    assert not done
    await asyncio.to_thread(opened, slow)
    assert await counting == 1
    assert writing.cancelled()
    await copying
    await index.close()


async def test_a_copy_that_cannot_be_made_leaves_nothing(tmp_path: Path) -> None:
    index = await EdgeIndex.open(tmp_path / "index")
    await index.create(CODE)
    await index.upsert(CODE.name, [point(1)])
    with pytest.raises(NotFoundError, match="'none' does not exist"):
        await index.copy([CODE.name, "none"])
    await index.close()
    full = await EdgeIndex.open(tmp_path / "index", reserve_bytes=1 << 60)
    with pytest.raises(StorageError, match="No space left"):
        await full.copy([CODE.name])
    assert [each.name for each in (tmp_path / "index").iterdir()] == [CODE.name]
    await full.close()


def test_what_is_empty_of_a_file_takes_no_disk_in_its_copy(tmp_path: Path) -> None:
    source = tmp_path / "source"
    (source / "inner" / "empty").mkdir(parents=True)
    file = source / "inner" / "long"
    with file.open("wb") as stream:
        stream.write(b"head")
        stream.seek(8 << 20)
        stream.write(b"middle")
        stream.truncate(32 << 20)
    (source / "nothing").touch()
    copy_files(source, tmp_path / "copy")
    copied = tmp_path / "copy" / "inner" / "long"
    assert copied.read_bytes() == file.read_bytes()
    assert copied.stat().st_blocks <= file.stat().st_blocks
    assert (tmp_path / "copy" / "inner" / "empty").is_dir()
    assert (tmp_path / "copy" / "nothing").read_bytes() == b""
    assert len(b"middle") + (8 << 20) <= filled_size(copied) < 9 << 20
    assert filled_size(tmp_path / "copy" / "nothing") == 0
    write_sparse(tmp_path / "written", iter([b"head", bytes(1 << 20), b"tail"]), 5 << 20)
    expected = b"head" + bytes(1 << 20) + b"tail"
    assert (tmp_path / "written").read_bytes() == expected + bytes((5 << 20) - len(expected))
    assert (tmp_path / "written").stat().st_blocks * 512 < 1 << 20
