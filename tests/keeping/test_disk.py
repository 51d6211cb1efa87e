"""What a home takes on disk, by blocks, and what bounds the logs of other programs."""

from __future__ import annotations

import asyncio
import os
import subprocess
from pathlib import Path

import pytest

from hybrid_coordinator.domain.insights import DiskInsight
from hybrid_coordinator.home import Home
from hybrid_coordinator.keeping.disk import disk
from hybrid_coordinator.keeping.engines import embedded
from hybrid_coordinator.keeping.logs import MAX_BYTES, Logs

KILO = 1 << 10
PLACES = {
    "database": "postgres/base/1",
    "index": "qdrant/skills-patterns/wal/1",
    "datasets": "datasets/openai-1/train.jsonl",
    "grammars": "grammars/python.so",
    "logs": "logs/coordinator.log",
    "inbox": "inbox/1.json",
    "backups": "backups/hybrid-1.zip",
    "other": "hybrid.yaml",
}


@pytest.fixture
def kept(tmp_path: Path) -> Home:
    home = Home(tmp_path / "home")
    home.root.mkdir()
    return home


def write(file: Path, size: int) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(os.urandom(size))


def parts(found: DiskInsight) -> dict[str, int]:
    return {block.name: block.bytes for block in found.blocks if block.bytes}


def test_each_part_counts_its_blocks_and_all_of_them_are_what_du_says(kept: Home) -> None:
    for number, place in enumerate(PLACES.values(), start=1):
        write(kept.root / place, 64 * KILO * number)
    write(kept.root / "replaced-1" / "postgres" / "base", 256 * KILO)
    write(kept.root / "qdrant" / "skills-patterns.damaged-1" / "x", 128 * KILO)
    found = disk(kept)
    expected = {name: 64 * KILO * number for number, name in enumerate(PLACES, start=1)}
    assert parts(found) == {**expected, "set aside": 384 * KILO}
    assert found.total_bytes == sum(parts(found).values())
    said = subprocess.run(
        ["find", kept.root, "-type", "f", "-printf", "%b\n"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert found.total_bytes == 512 * sum(map(int, said.stdout.split()))
    assert found.words.startswith("2.8 MB: other 524.3 kB, backups 458.8 kB, ")


def test_a_sparse_file_counts_what_it_takes(kept: Home) -> None:
    file = kept.root / "qdrant" / "sparse"
    write(file, 8 * KILO)
    os.truncate(file, 1 << 30)
    assert parts(disk(kept)) == {"index": 8 * KILO}


def test_a_log_beyond_its_bound_is_cut_and_written_on(kept: Home) -> None:
    file = kept.postgres_dir / "server.log"
    write(file, MAX_BYTES - 5)
    with file.open("ab") as writer:
        Logs(kept).cut()
        assert file.stat().st_size == MAX_BYTES - 5
        writer.write(b"the last line\n")
        writer.flush()
        Logs(kept).cut()
        assert file.stat().st_size == 0
        writer.write(b"and on\n")
    assert file.read_bytes() == b"and on\n"
    cut = file.with_name("server.log.1").read_bytes()
    assert cut.endswith(b"the last line\n")
    assert len(cut) == MAX_BYTES


def test_logs_that_are_not_there_are_not_made(kept: Home) -> None:
    Logs(kept).cut()
    assert list(kept.root.iterdir()) == []


async def test_postgres_writes_on_at_the_end_of_a_log_that_was_cut(kept: Home) -> None:
    log = kept.postgres_dir / "server.log"
    async with embedded(kept.postgres_dir) as database:
        with log.open("ab") as other:
            other.write(b"x" * (MAX_BYTES + 1))
        Logs(kept).cut()
        await database.fetch_value("SELECT pg_reload_conf()")
        async with asyncio.timeout(30):
            while not log.stat().st_size:
                await database.ping()  # takes its time
    assert b"reloading configuration" in log.read_bytes()
    assert b"\0" not in log.read_bytes()
