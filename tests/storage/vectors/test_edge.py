"""What only the engine on disk must do: outlive crashes, damage, full disks and rivals."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import subprocess
import sys
import textwrap
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from hybrid_coordinator.domain.knowledge import JsonValue
from hybrid_coordinator.errors import NotFoundError, OwnershipError, StorageError
from hybrid_coordinator.storage.vectors.bm25 import Bm25Encoder
from hybrid_coordinator.storage.vectors.edge import EdgeIndex
from hybrid_coordinator.storage.vectors.protocol import CollectionSpec, IndexKind, IndexPoint

CODE = CollectionSpec("codebase-context", 8, {"project": IndexKind.KEYWORD})
SKILLS = CollectionSpec("skills-patterns", 8, {"project": IndexKind.KEYWORD})
BM25 = Bm25Encoder()

CHILD = """
import asyncio, signal, sys, uuid
from pathlib import Path
from hybrid_coordinator.errors import HybridError
from hybrid_coordinator.storage.vectors.bm25 import Bm25Encoder
from hybrid_coordinator.storage.vectors.edge import EdgeIndex
from hybrid_coordinator.storage.vectors.protocol import CollectionSpec, IndexKind, IndexPoint

BM25 = Bm25Encoder()

def point(number, text="alpha"):
    payload = {"project": "one", "text": text}
    return IndexPoint(str(uuid.UUID(int=number)), [1.0] * 8, BM25.document("alpha"), payload)

async def main(directory):
"""


def identifier(number: int) -> str:
    return str(uuid.UUID(int=number))


def point(number: int, dimension: int = 8) -> IndexPoint:
    payload = {"project": f"p{number % 2}", "text": f"word{number}"}
    dense = [1.0 / (number + place + 1) for place in range(dimension)]
    return IndexPoint(identifier(number), dense, BM25.document(f"alpha w{number}x"), payload)


@contextmanager
def child(directory: Path, body: str) -> Iterator[subprocess.Popen[str]]:
    """A process that runs ``body`` (the inside of an async function of ``directory``)."""
    code = CHILD + textwrap.indent(textwrap.dedent(body), "    ")
    code += "\nasyncio.run(main(Path(sys.argv[1])))\n"
    with subprocess.Popen(
        [sys.executable, "-c", code, str(directory)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


async def fill(directory: Path, *specs: CollectionSpec) -> None:
    index = await EdgeIndex.open(directory)
    for spec in specs:
        await index.create(spec)
        await index.upsert(spec.name, [point(number) for number in range(100)])
    await index.close()


def inside(directory: Path, pattern: str = "*") -> list[Path]:
    return list(directory.rglob(pattern))


def only(directory: Path, pattern: str) -> Path:
    (found,) = inside(directory, pattern)
    return found


async def test_everything_is_there_after_reopening(tmp_path: Path) -> None:
    await fill(tmp_path, CODE, SKILLS)
    index = await EdgeIndex.open(tmp_path)
    assert await index.collections() == [CODE.name, SKILLS.name]
    assert index.damaged == {}
    for spec in (CODE, SKILLS):
        assert await index.count(spec.name, {}) == 100
        assert await index.facet(spec.name, "project", where={}) == {"p0": 50, "p1": 50}
        (hit,) = await index.matching(spec.name, BM25.query("w42x"), where={}, limit=1)
        assert hit.id == identifier(42)
    await index.close()


async def test_no_acknowledged_point_is_lost_when_the_process_is_killed(tmp_path: Path) -> None:
    body = """
        index = await EdgeIndex.open(directory)
        await index.create(CollectionSpec("codebase-context", 8, {"project": IndexKind.KEYWORD}))
        for number in range(1_000_000):
            await index.upsert("codebase-context", [point(number, "x" * 500)])
            print(number, flush=True)
    """
    with child(tmp_path, body) as writer:
        acknowledged = -1
        assert writer.stdout is not None
        for line in writer.stdout:
            acknowledged = int(line)
            if acknowledged == 500:
                writer.send_signal(signal.SIGKILL)  # lines already on their way still count
        assert writer.wait() == -signal.SIGKILL
    assert acknowledged >= 500

    index = await EdgeIndex.open(tmp_path)
    assert index.damaged == {}
    found = await index.get(CODE.name, [identifier(number) for number in range(acknowledged + 1)])
    assert len(found) == acknowledged + 1
    assert await index.count(CODE.name, {"project": "one"}) in (acknowledged + 1, acknowledged + 2)
    await index.close()


async def test_the_log_does_not_grow_with_all_that_is_written(tmp_path: Path) -> None:
    index = await EdgeIndex.open(tmp_path)
    await index.create(CODE)
    (log,) = tmp_path.rglob("wal")
    vector, words = [1.0] * CODE.dimension, BM25.document("alpha")
    payload: dict[str, JsonValue] = {"project": "p", "text": "x" * 4096}
    for number in range(120):  # 128 MB
        ids = (identifier(256 * number + place) for place in range(256))
        await index.upsert(CODE.name, [IndexPoint(each, vector, words, payload) for each in ids])
    # A flush lets go of whole segments of 32 MiB that are full.
    taken = sum(512 * file.stat().st_blocks for file in log.iterdir())
    assert taken < 3 * 2**25
    await index.close()


async def test_a_second_process_is_told_that_the_index_is_owned(tmp_path: Path) -> None:
    await fill(tmp_path, CODE, SKILLS)
    body = """
        index = await EdgeIndex.open(directory)
        print("open", flush=True)
        sys.stdin.readline()
        await index.close()
    """
    with child(tmp_path, body) as owner:
        assert owner.stdout is not None
        assert owner.stdout.readline() == "open\n"
        with pytest.raises(OwnershipError, match="another process"):
            await EdgeIndex.open(tmp_path)
        owner.communicate("\n")
        assert owner.returncode == 0
    index = await EdgeIndex.open(tmp_path)
    assert await index.count(CODE.name, {}) == 100
    await index.close()


def _garbage(path: Path) -> None:
    path.write_bytes(os.urandom(64))


def _empty(path: Path) -> None:
    os.truncate(path, 0)


def _half(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


@pytest.mark.parametrize(
    ("pattern", "harm"),
    [
        ("edge_config.json", _garbage),
        ("edge_config.json", _half),
        ("segment.json", _half),
        ("payload_storage/tracker.dat", Path.unlink),
        ("payload_storage/page_0.dat", Path.unlink),
        ("wal/open-1", _empty),
        ("wal/open-1", _garbage),
        # These make the Rust side panic instead of returning an error.
        ("vector_storage-dense/vectors/status.dat", _empty),
        ("vector_storage-bm25/deleted/status.dat", _half),
    ],
    ids=lambda value: value.__name__ if callable(value) else None,
)
async def test_a_damaged_collection_is_set_aside_and_the_others_open(
    tmp_path: Path, pattern: str, harm: Callable[[Path], None]
) -> None:
    await fill(tmp_path, CODE, SKILLS)
    harm(only(tmp_path / CODE.name, pattern))

    index = await EdgeIndex.open(tmp_path)
    assert list(index.damaged) == [CODE.name]
    reason = index.damaged[CODE.name]
    kept = tmp_path / f"{CODE.name}.damaged-1"
    assert f"{CODE.name!r} in {tmp_path / CODE.name}" in reason
    assert "hybrid-coordinator reindex" in reason
    assert str(kept) in reason
    assert kept.is_dir()
    assert await index.collections() == [SKILLS.name]
    assert await index.count(SKILLS.name, {}) == 100

    await index.create(CODE)
    await index.upsert(CODE.name, [point(1)])
    await index.close()
    index = await EdgeIndex.open(tmp_path)
    assert index.damaged == {}
    assert await index.count(CODE.name, {}) == 1
    await index.close()


async def test_damage_keeps_the_latest_two(tmp_path: Path) -> None:
    for number in (1, 2, 3, 4):
        await fill(tmp_path, CODE)
        _garbage(tmp_path / CODE.name / "edge_config.json")
        index = await EdgeIndex.open(tmp_path)
        assert f"damaged-{number}" in index.damaged[CODE.name]
        await index.close()
        kept = {file.name for file in tmp_path.glob("*.damaged-*")}
        latest = range(max(1, number - 1), number + 1)
        assert kept == {f"{CODE.name}.damaged-{each}" for each in latest}


async def test_damage_that_shows_only_when_read_names_the_way_out(tmp_path: Path) -> None:
    await fill(tmp_path, CODE)
    page = only(tmp_path / CODE.name, "payload_storage/page_0.dat")
    with page.open("r+b") as file:
        file.write(b"\xff" * 4096)
    index = await EdgeIndex.open(tmp_path)
    with pytest.raises(StorageError, match=r"codebase-context.*hybrid-coordinator reindex"):
        await index.scroll(CODE.name, where={}, limit=100)
    await index.drop(CODE.name)
    await index.create(CODE)
    assert await index.count(CODE.name, {}) == 0
    await index.close()


async def test_what_the_system_refuses_is_not_taken_for_damage(tmp_path: Path) -> None:
    await fill(tmp_path, CODE, SKILLS)
    body = """
        import os, resource
        lowest = os.dup(0)  # the next number to be given out; a limit below its successor
        os.close(lowest)    # leaves room for one open file
        hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        resource.setrlimit(resource.RLIMIT_NOFILE, (lowest + 1, hard))
        try:
            await EdgeIndex.open(directory)
        except HybridError as error:
            print(type(error).__name__, error)
    """
    with child(tmp_path, body) as starved:
        said, _ = starved.communicate()
    assert said.startswith("StorageError")
    assert "Too many open files" in said
    index = await EdgeIndex.open(tmp_path)
    assert index.damaged == {}
    assert await index.count(CODE.name, {}) == 100
    await index.close()


async def test_an_interrupted_create_or_drop_leaves_nothing(tmp_path: Path) -> None:
    await fill(tmp_path, CODE, SKILLS)
    (tmp_path / f"{CODE.name}.partial").touch()
    (tmp_path / SKILLS.name).rename(tmp_path / f"{SKILLS.name}.dropped")
    index = await EdgeIndex.open(tmp_path)
    assert await index.collections() == []
    assert index.damaged == {}
    assert inside(tmp_path) == []
    await index.close()


async def test_writes_are_refused_before_the_disk_is_full(tmp_path: Path) -> None:
    await fill(tmp_path, CODE)
    reserve = shutil.disk_usage(tmp_path).total
    index = await EdgeIndex.open(tmp_path, reserve_bytes=reserve)
    for write in (
        index.upsert(CODE.name, [point(1000)]),
        index.set_payload(CODE.name, [identifier(1)], {"text": "changed"}),
        index.delete(CODE.name, [identifier(1)]),
        index.create(SKILLS),
        index.optimize(),
    ):
        with pytest.raises(StorageError, match="No space left on device"):
            await write
    assert await index.count(CODE.name, {}) == 100
    await index.close()


def test_a_write_that_the_system_refuses_leaves_the_collection_usable(tmp_path: Path) -> None:
    # A limit on the length of files stands in for a full disk: the engine gets an error when it
    # needs a new file, at the same place every time.
    body = """
        import resource
        index = await EdgeIndex.open(directory)
        await index.create(CollectionSpec("codebase-context", 8, {"project": IndexKind.KEYWORD}))
        await index.upsert("codebase-context", [point(0)])
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, hard))
        stored = 1
        try:
            while stored < 1000:
                await index.upsert("codebase-context", [point(stored, "x" * 1_000_000)])
                stored += 1
        except HybridError as error:
            print(type(error).__name__, error, flush=True)
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        await index.upsert("codebase-context", [point(2000)])
        await index.close()
        index = await EdgeIndex.open(directory)
        ids = [str(uuid.UUID(int=number)) for number in [*range(stored), 2000]]
        print(index.damaged, stored, len(await index.get("codebase-context", ids)), flush=True)
        await index.close()
    """
    with child(tmp_path, body) as writer:
        said, _ = writer.communicate()
    assert writer.returncode == 0
    refused, after = said.splitlines()
    assert refused.startswith("StorageError")
    assert "File too large" in refused
    assert "codebase-context" in refused
    damaged, stored, found = after.split()
    assert damaged == "{}"
    assert 1 < int(stored) < 1000
    assert int(found) == int(stored) + 1


async def test_calls_during_an_optimization_are_all_answered(tmp_path: Path) -> None:
    spec = CollectionSpec("codebase-context", 1024)  # 3,000 points cross the engine's 10 MB
    index = await EdgeIndex.open(tmp_path)
    await index.create(spec)
    await index.upsert(spec.name, [point(number, 1024) for number in range(3000)])

    async def use() -> None:
        for number in range(3000, 3040):
            await index.upsert(spec.name, [point(number, 1024)])
            (hit,) = await index.matching(spec.name, BM25.query(f"w{number}x"), where={}, limit=1)
            assert hit.id == identifier(number)

    await asyncio.gather(index.optimize(), use())
    assert await index.count(spec.name, {}) == 3040
    await index.close()

    assert inside(tmp_path, "matrix.dat"), "nothing was moved to an immutable segment"
    index = await EdgeIndex.open(tmp_path)
    assert await index.count(spec.name, {}) == 3040
    hits = await index.nearest(spec.name, point(7, 1024).dense or [], where={}, limit=1)
    assert [hit.id for hit in hits] == [identifier(7)]
    await index.close()


async def test_a_query_that_meets_a_drop_is_answered_or_told_so(tmp_path: Path) -> None:
    await fill(tmp_path, CODE)
    index = await EdgeIndex.open(tmp_path)

    async def query() -> str:
        try:
            await index.matching(CODE.name, BM25.query("alpha"), where={}, limit=5)
        except NotFoundError:
            return "gone"
        return "answered"

    before = [query() for _ in range(50)]
    answers, _ = await asyncio.gather(asyncio.gather(*before), index.drop(CODE.name))
    assert set(answers) <= {"answered", "gone"}
    assert await query() == "gone"
    assert inside(tmp_path) == []
    await index.close()


async def test_a_cancelled_call_does_not_keep_the_index_from_closing(tmp_path: Path) -> None:
    await fill(tmp_path, CODE)
    index = await EdgeIndex.open(tmp_path)
    call = asyncio.create_task(index.upsert(CODE.name, [point(n) for n in range(100, 1100)]))
    await asyncio.sleep(0)
    call.cancel()
    await index.close()
    with pytest.raises(asyncio.CancelledError):
        await call
    index = await EdgeIndex.open(tmp_path)
    assert index.damaged == {}
    await index.close()
